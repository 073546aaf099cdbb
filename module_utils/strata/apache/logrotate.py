"""The rotation of the sites' logs: the file that says how, and logrotate's own test of it."""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files, folders
from ansible.module_utils.strata.apache.text import values_of
from ansible.module_utils.strata.apache.vhosts import LOGS
from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.apache.vhosts import Site
    from ansible.module_utils.strata.commands import Run

# Debian's own file: two files that name the same log would make logrotate refuse one.
FOLDER = "/etc/logrotate.d"
PATH = f"{FOLDER}/apache2"
SCRIPTS = ("firstaction", "prerotate", "postrotate", "lastaction")
_ALWAYS = {
    "prerotate": ("if [ -d /etc/logrotate.d/httpd-prerotate ]; then run-parts /etc/logrotate.d/httpd-prerotate; fi",),
    # Without it Apache would go on writing to the old files.
    "postrotate": ("if systemctl --quiet is-active apache2; then systemctl reload apache2; fi",),
}
_OPTION = re.compile(r"[a-z]+([ =][^{}\x00-\x1f]*)?")
_PATH = re.compile(r'"(/[^"\n]+)"|(?<!\S)(/[^\s{"]+)')


@dataclass(frozen=True)
class Line:
    """A line of the file, and the parameter that it came from."""

    text: str
    source: str = ""


def logs(sites: Iterable[Site]) -> list[str]:
    """Return the logs that the sites name, but for those in Debian's folder that its pattern covers."""
    named = {path for site in sites for path in values_of("ErrorLog|CustomLog|TransferLog", site.text)}
    paths = {re.sub("/+", "/", path.replace("${APACHE_LOG_DIR}", LOGS)) for path in named}
    covered = re.compile(rf"{LOGS}/[^/]*\.log|/(dev|proc)/.*|[^/].*|.*\$\{{.*", re.DOTALL)
    return sorted(path for path in paths if not covered.fullmatch(path))


def lines(params: Mapping[str, Any], paths: Iterable[str]) -> list[Line]:
    """Return the lines of the file, made from the parameters `logrotate_*` and the paths of logs.

    Raises:
        DeclarationError: a parameter would break out of its place in the file.

    """
    found = [Line("# Managed by Strata: changes made here are overwritten")]
    # In one line, because logrotate counts it as one.
    found.append(Line(" ".join(f'"{path}"' for path in (f"{LOGS}/*.log", *paths)) + " {"))
    for option in params["logrotate_options"]:
        if not _OPTION.fullmatch(option) or option in (*SCRIPTS, "preremove", "endscript"):
            raise DeclarationError(f"logrotate_options: {option!r} is not an option of logrotate on a line of its own")
        found.append(Line(f"    {option}", "logrotate_options"))
    found.append(Line("    sharedscripts"))
    for name in SCRIPTS:
        script = (params[f"logrotate_{name}"] or "").splitlines()
        if any(line.strip() == "endscript" for line in script):
            raise DeclarationError(f"logrotate_{name}: a script has no line `endscript`: that is written for it")
        commands = [*_ALWAYS.get(name, ()), *script]
        if commands:
            texts = [f"    {name}", *commands, "    endscript"]
            found += [Line(text, f"logrotate_{name}") for text in texts]
    return [*found, Line("}")]


def in_force(run: Run, folder: str = FOLDER) -> list[str]:
    """Return the files of logrotate's folder that it reads: it says itself which names it ignores."""
    _, out, err = run(["logrotate", "--debug", "/etc/logrotate.conf"]) if shutil.which("logrotate") else (0, "", "")
    ignored = set(re.findall(r"^Ignoring (.+), because of ", out + err, re.MULTILINE))
    paths = sorted(glob.glob(f"{folder}/*"))
    return [path for path in paths if os.path.isfile(path) and os.path.basename(path) not in ignored]


def unrotated(run: Run, process: str, folder: str = FOLDER, proc: str = "/proc") -> list[str]:
    """Return the logs that Apache's process has open, and that no file of logrotate's folder names."""
    known = []
    for path in in_force(run, folder):
        with open(path, encoding="utf-8", errors="replace") as stream:
            known += [fnmatch.translate(quoted or bare) for quoted, bare in _PATH.findall(stream.read())]
    rotated = re.compile("|".join(known) or "(?!)").fullmatch
    found = set()
    numbers: list[str] = []
    with contextlib.suppress(OSError):  # it may end meanwhile
        numbers = os.listdir(f"{proc}/{process}/fd")
    for number in numbers:
        with contextlib.suppress(OSError):  # or close a file
            path = os.readlink(f"{proc}/{process}/fd/{number}")
            with open(f"{proc}/{process}/fdinfo/{number}", encoding="ascii") as stream:
                flags = int(re.findall(r"^flags:\s+(\d+)$", stream.read(), re.MULTILINE)[0], 8)
            if flags & os.O_APPEND and os.path.isfile(path):
                found.add(path)
    return sorted(path for path in found if not rotated(path))


def plan(run: Run, params: Mapping[str, Any], sites: Iterable[Site], *, check_mode: bool) -> list[files.Change]:
    """Return the change of the file, if there is one, after logrotate has tested it.

    Raises:
        DeclarationError: logrotate refuses it, or is not installed.

    """
    if params["logrotate_options"] is None:
        return []
    named = logs(sites)
    for path in named:
        with contextlib.suppress(FileNotFoundError):
            if step := folders.shared(os.path.dirname(path)):
                raise DeclarationError(
                    f"the log {path} is below {step}, which others than root can change, and so lead root to any file: "
                    f"let the vhost log to {LOGS}"
                )
    wanted = lines(params, named)
    content = "".join(f"{line.text}\n" for line in wanted).encode()
    changes = files.plan({PATH: files.File(content)})
    if changes and shutil.which("logrotate"):
        refused = _script_refused(run, params) or _refused(run, content, wanted)
        if refused:
            raise DeclarationError(f"{refused}; nothing was changed")
    elif changes and not check_mode:
        raise DeclarationError("logrotate is not installed: its package must be there, or no logrotate_options")
    return changes


def _script_refused(run: Run, params: Mapping[str, Any]) -> str:
    for name in SCRIPTS:
        code, out, err = run(["sh", "-n"], (params[f"logrotate_{name}"] or "").encode())
        if code:
            return f"logrotate_{name}: the shell refuses it: {(out + err).strip()}"
    return ""


def _refused(run: Run, content: bytes, wanted: list[Line]) -> str:
    """Return what logrotate has against the file, by itself and with those that are there, and whose fault it is."""
    others = [path for path in in_force(run) if path != PATH]
    with tempfile.NamedTemporaryFile(prefix="strata-logrotate-", dir="/run") as staged:
        staged.write(content)
        staged.flush()
        for tested_with in ([], others):
            _, out, err = run(["logrotate", "--debug", *tested_with, staged.name])
            said = errors(out + err, staged.name, wanted, with_others=bool(tested_with))
            if said:
                return "; ".join(said)
    return ""


def errors(output: str, path: str, wanted: list[Line], *, with_others: bool) -> list[str]:
    """Return what `logrotate --debug` has against `path`, each time with the parameter that the line came from.

    What has no line does not count if the file was tested with others, which have faults of their own.
    """
    found = []
    for kind, said in re.findall(r"^(error|warning): (.*)$", output, re.MULTILINE):
        place = re.match(rf"{re.escape(path)}:(\d+)[ :]+(.*)", said)
        if place:
            line = wanted[min(int(place[1]), len(wanted)) - 1]
            text = (
                f"{line.source}: logrotate refuses {line.text.strip()!r}" if line.source else "the logs of the vhosts"
            )
            found.append(f"{text}: {place[2]}")
        elif not with_others and kind == "error" and not re.search("found error in|No such file", said):
            found.append(f"the logs of the vhosts: logrotate says: {said}")
    return list(dict.fromkeys(found))
