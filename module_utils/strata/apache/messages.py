"""What Apache says: its own words, and which file or site they are about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apache.host import ROOT
from ansible.module_utils.strata.apache.text import listens, values_of
from ansible.module_utils.strata.apache.vhosts import LOGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible.module_utils.strata.apache.modules import Settings
    from ansible.module_utils.strata.apache.vhosts import Site
    from ansible.module_utils.strata.files import Change


def message(output: str, stage: str = ROOT) -> str:
    """Return Apache's own words: the wrapper script's noise dropped, a staged path written as the real one."""
    noise = ("Action '", "The Apache error log may have", "Syntax OK", "Job for apache2.service", 'See "systemctl')
    lines = (line.strip().replace(stage, ROOT) for line in output.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(noise))


def log_messages(text: str) -> list[str]:
    """Return what an error log says about Apache itself, without time stamps: no warnings, no client's faults."""
    found = []
    for line in text.splitlines():
        stamped = re.match(r"\[[^]]*\] \[\w*:(\w+)\] (?:\[pid [^]]*\] )?(.*)", line)
        if stamped and stamped[1] in ("emerg", "alert", "crit", "error") and not stamped[2].startswith("[client"):
            found.append(stamped[2])
        elif not line.startswith("["):
            found.append(line)
    return found


def error_logs(declared: Iterable[Site]) -> list[str]:
    """Return the error logs that the sites name for themselves."""
    names = (name for site in declared for name in values_of("ErrorLog", site.text))
    return [path for name in names if (path := name.replace("${APACHE_LOG_DIR}", LOGS)).startswith("/")]


def location(text: str) -> str:
    """Return the file that a message of configtest is about (the innermost one), or an empty string."""
    places = re.findall(r"on line \d+ of (/[^\s:]+)|(/[^\s:]+):\d+:", text)
    return next((file for pair in reversed(places) for file in pair if file), "")


def blamed(text: str, declared: Iterable[Site | Settings]) -> Site | Settings | None:
    """Return the site or module whose file a message of configtest names last, if any."""
    found = [(text.rfind(f"-{place}/{each.file}"), each) for each in declared for place in ("enabled", "available")]
    where, part = max(found, default=(-1, None), key=lambda pair: pair[0])
    return part if where >= 0 else None


def quoted(text: str, part: Site | Settings) -> str:
    """Return the line that a message of configtest is about, as it was declared: the file is gone by then."""
    numbers = re.findall(rf"on line (\d+) of \S*/{re.escape(part.file)}|/{re.escape(part.file)}:(\d+)", text)
    lines = part.text.splitlines()
    at = max(map(int, filter(None, numbers[-1])), default=0) - 2 if numbers else -1  # the first one is our header
    return f" (the line is {lines[at].strip()!r})" if 0 <= at < len(lines) else ""


def with_sites(text: str, declared: Iterable[Site]) -> str:
    """Return a warning of Apache, with the sites before it that have what it is about."""
    words = {word.rstrip(".") for word in re.findall(r"/[\w./-]+", text)}
    about = [str(site) for site in declared if site.file in text or any(word in site.text for word in words)]
    return f"{' and '.join(about)}: {text}" if about else text


def suspects(text: str, declared: Sequence[Site], changes: Iterable[Change]) -> list[Site]:
    """Return the sites that messages of a dying Apache are about: by port, name or file; else those that changed."""
    ports = {int(port) for port in re.findall(r"could not bind to address \S*:(\d+)", text)}
    if ports:
        return [site for site in declared if ports & {*site.ports, *listens(site.text)}]
    files = {path.rstrip(".") for path in re.findall(r"(?<![\w.])/[\w./-]+", text)}
    named = [
        site
        for site in declared
        if re.search(rf"(?<![\w.-]){re.escape(site.name)}(?![\w-])", text) or any(file in site.text for file in files)
    ]
    changed = {change.path.rpartition("/")[2] for change in changes}
    return named or [site for site in declared if site.file in changed]
