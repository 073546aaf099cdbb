"""What a Gerrit shall be, as files of its site, and what a change of them needs of the server."""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files
from ansible.module_utils.strata.gerrit import config
from ansible.module_utils.strata.gerrit.config import ConfigError, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Run = Callable[[list[str]], tuple[int, str, str]]

UNIT_FILE = "/etc/systemd/system/gerrit.service"
STATE = "/var/lib/strata/gerrit/state.json"
#: Folders of the site, which belong to Gerrit's user, with their modes.
FOLDERS = {"": 0o755, "bin": 0o755, "etc": 0o755, "hooks": 0o755, "lib": 0o755, "plugins": 0o755, "static": 0o755}
CONFIG, SECURE = "etc/gerrit.config", "etc/secure.config"
#: What `init` makes once, and what must never be another value: the server's name in its own data, and keys.
KEPT = {
    CONFIG: [("gerrit", "serverId")],
    SECURE: [("auth", "registerEmailPrivateKey"), ("auth", "restTokenPrivateKey")],
}
#: Where declared files may stand, besides `etc`: what Gerrit reads anew by itself.
READ_ANEW = (".ssh", "hooks", "static")
#: The section of gerrit.config that Gerrit takes over when it is told to (CommentLinkProvider.java). Three keys of
#: other sections, which hardly anybody sets, could be as well.
RELOADED = "commentlink"
SITE_STYLE = re.compile(r"etc/GerritSite(Header|Footer)?\.(html|css)")
OURS = re.compile(r"etc/(gerrit|secure)\.config")


@dataclass(frozen=True)
class State:
    """What an earlier run noted: the hash of the WAR whose `init` the site has had, and which files were declared."""

    initialised: str = ""
    files: list[str] = field(default_factory=list)

    @staticmethod
    def read() -> State:
        """Return what the last run noted."""
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError), open(STATE, encoding="utf-8") as stream:
            return State(**json.load(stream))
        return State()

    def write(self) -> None:
        """Note it for the next run."""
        content = json.dumps({"initialised": self.initialised, "files": self.files}).encode()
        files.apply(files.plan({STATE: files.File(content, 0o600)}))


@dataclass
class Site:
    """The declared site; `uid` and `gid` are those of Gerrit's user."""

    params: dict[str, Any]
    run: Run
    uid: int
    gid: int

    def __post_init__(self) -> None:
        """Read the declarations.

        Raises:
            ConfigError: they make no configuration.

        """
        given = self.params
        self.path = given["site"].rstrip("/")
        self.config = _entries("gerrit.config (gerrit_config)", given["config"] or {})
        self.secure = _entries("secure.config (gerrit_secure_config)", given["secure_config"] or {})
        self.others = {
            f"etc/{name}.config": _entries(f"{name}.config (gerrit_plugin_configs)", sections)
            for name, sections in (given["plugin_configs"] or {}).items()
        }
        for name, lines in {CONFIG: self.config, **self.others}.items():
            try:
                config.no_secrets(lines)
            except ConfigError as error:
                raise ConfigError(f"{os.path.basename(name)}: {error}") from None
        bad = next((name for name in self.others if not re.fullmatch(r"etc/[A-Za-z0-9@_.-]+\.config", name)), None)
        if bad or any(OURS.fullmatch(name) for name in self.others):
            raise ConfigError(f"gerrit_plugin_configs: {bad or 'gerrit and secure'} is no name of a plugin's file")
        self.files = [self._file(each) for each in given["files"]]

    def value(self, section: str, key: str, default: str = "") -> str:
        """Return the value of a key of gerrit.config, the last one if there are several."""
        return [default, *config.values(self.config, section, key)][-1]

    @property
    def repositories(self) -> str:
        """The folder of all repositories."""
        return os.path.join(self.path, self.value("gerrit", "basePath", "git"))

    def folders(self) -> dict[str, int]:
        """Return the folders that are missing, or somebody else's, with their modes."""
        wanted = {os.path.join(self.path, name) if name else self.path: mode for name, mode in FOLDERS.items()}
        wanted[self.repositories] = 0o750
        if any(path.startswith(".ssh/") for path, _ in self.files):
            wanted[os.path.join(self.path, ".ssh")] = 0o700
        return {
            path: mode for path, mode in wanted.items() if not os.path.isdir(path) or os.stat(path).st_uid != self.uid
        }

    def desired(self, former: list[str]) -> dict[str, files.State]:
        """Return the wanted state of each file; of those that were declared `former`ly, none.

        Raises:
            ConfigError: a place leads out of the site.

        """
        texts = {name: config.render(self._with_kept(name, lines)) for name, lines in self._configs().items()}
        found: dict[str, files.State] = dict.fromkeys(former)
        found |= {name: self._owned(text, 0o644) for name, text in texts.items()}
        found[SECURE] = self._owned(texts[SECURE], 0o600, secret=True)
        found |= dict(self.files)
        self._check_places(list(found))
        placed = {os.path.join(self.path, name): state for name, state in found.items()}
        return placed | {UNIT_FILE: files.File(self.params["unit"].encode())}

    def declared(self) -> list[str]:
        """Return the names of the files that go when they are declared no longer."""
        return sorted({*self.others, *(name for name, _ in self.files)})

    def needs_restart(self, changes: list[files.Change]) -> bool:
        """Return whether the server reads one of the changed files only when it starts."""
        names = {os.path.relpath(change.path, self.path) for change in changes}
        if self.needs_reload(changes):
            names.remove(CONFIG)
        return any(name.split("/")[0] not in READ_ANEW and not SITE_STYLE.fullmatch(name) for name in names)

    def needs_reload(self, changes: list[files.Change]) -> bool:
        """Return whether gerrit.config changes, but only in what Gerrit takes over when it is told to by SSH."""
        if all(change.path != os.path.join(self.path, CONFIG) for change in changes):
            return False
        wanted = self._with_kept(CONFIG, self.config)
        return self.value("sshd", "listenAddress") != "off" and _others(self.present()) == _others(wanted)

    def present(self) -> list[Entry]:
        """Return the lines of the gerrit.config that is there."""
        code, out, _ = self.run(["git", "config", "--file", os.path.join(self.path, CONFIG), "--null", "--list"])
        return [config.parsed(line) for line in out.split("\0")[:-1]] if code == 0 else []

    def _configs(self) -> dict[str, list[Entry]]:
        return {CONFIG: self.config, SECURE: self.secure, **self.others}

    def _with_kept(self, name: str, lines: list[Entry]) -> list[Entry]:
        """Return the lines of a file, with what `init` has made there."""
        found, path = list(lines), os.path.join(self.path, name)
        for section, key in KEPT.get(name, []):
            if os.path.exists(path) and not config.values(lines, section, key):
                code, out, _ = self.run(["git", "config", "--file", path, "--get", f"{section}.{key}"])
                if code == 0:
                    found = config.add(found, Entry(section, None, key, out.rstrip("\n")))
        return found

    def _owned(self, text: str, mode: int, *, secret: bool = False) -> files.File:
        return files.File(text.encode(), mode, self.uid, self.gid, secret=secret)

    def _file(self, each: Mapping[str, Any]) -> tuple[str, files.State]:
        """Return the place, below the site, of a declared file and what shall be there."""
        path, what = os.path.normpath(each["path"]), f"the file {each['path']}"
        what += f" ({each['origin']})" if each["origin"] else ""
        top = path.split("/")[0]
        if top not in {"etc", *READ_ANEW} or "/" not in path or OURS.fullmatch(path) or path in self.others:
            allowed = ", ".join(sorted(["etc", *READ_ANEW]))
            raise ConfigError(
                f"{what} must be below one of {allowed} of the site, and no file that is declared elsewhere"
            )
        if (each["content"] is None) == (each["secret_content"] is None):
            raise ConfigError(f"{what} needs either content or secret_content")
        if not re.fullmatch("[0-7]{3,4}", each["mode"]):
            raise ConfigError(f"{what}: mode {each['mode']!r} must be octal and in quotes, such as '0644'")
        secret = each["secret_content"] is not None
        text = each["secret_content"] if secret else each["content"]
        return path, self._owned(text, int(each["mode"], 8), secret=secret)

    def _check_places(self, names: list[str]) -> None:
        """Check that no folder that is written to is a link, which Gerrit's user could lead anywhere."""
        real = os.path.realpath(self.path)
        for folder in {os.path.dirname(name) for name in [*names, "bin/x", "lib/x", "plugins/x"]}:
            if os.path.realpath(os.path.join(self.path, folder)) != os.path.join(real, folder):
                raise ConfigError(f"{self.path}/{folder} is or passes a symbolic link: make it a folder")


def masked(changes: list[files.Change]) -> list[files.Change]:
    """Return the changes, with the content of files kept out of diffs that may have been secret."""
    return [
        replace(change, before=replace(change.before, secret=True))
        if isinstance(change.before, files.File) and (change.after is None or not change.before.mode & 0o077)
        else change
        for change in changes
    ]


def _others(lines: list[Entry]) -> list[Entry]:
    """Return the lines that Gerrit reads only when it starts, with names as git gives them."""
    lower = [each._replace(section=each.section.lower(), key=each.key.lower()) for each in lines]
    return [each for each in lower if each.section != RELOADED]


def _entries(what: str, sections: Mapping[str, Any]) -> list[Entry]:
    try:
        return config.entries(sections)
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from None
