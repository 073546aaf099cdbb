"""What a Gerrit shall be, by the module's parameters: its configuration, the files of its site, its WAR and plugins."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.files import File
from ansible.module_utils.strata.gerrit import config, jars
from ansible.module_utils.strata.gerrit.config import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ansible.module_utils.strata.files import State

UNIT_FILE = "/etc/systemd/system/gerrit.service"
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
OURS = re.compile(r"etc/(gerrit|secure)\.config")


@dataclass(frozen=True)
class Site:
    """The declared site; `uid` and `gid` are those of Gerrit's user, `patience` are seconds that a start may take."""

    path: str
    user: str
    uid: int
    gid: int
    java: str
    unit: str
    patience: int
    jars: list[jars.Jar]
    config: list[Entry]
    secure: list[Entry]
    others: dict[str, list[Entry]]
    files: list[tuple[str, File]]

    def place(self, name: str) -> str:
        """Return the path of what has a name below the site."""
        return os.path.join(self.path, name) if name else self.path

    def value(self, section: str, key: str, default: str = "") -> str:
        """Return the value of a key of gerrit.config, the last one if there are several."""
        return [default, *config.values(self.config, section, key)][-1]

    @property
    def repositories(self) -> str:
        """The folder of all repositories."""
        return self.place(self.value("gerrit", "basePath", "git"))

    def folders(self) -> dict[str, int]:
        """Return the folders that Gerrit's user owns, with their modes."""
        wanted = {self.place(name): mode for name, mode in FOLDERS.items()} | {self.repositories: 0o750}
        if any(name.startswith(".ssh/") for name, _ in self.files):
            wanted[self.place(".ssh")] = 0o700
        return wanted

    def desired(self, present: Mapping[str, list[Entry]], former: Iterable[str] = ()) -> dict[str, State]:
        """Return the wanted state of each file.

        Args:
            present: the lines of the configuration files that are there.
            former: the names of files that were declared before; what is not any more, goes.

        """
        configs = {CONFIG: self.config, SECURE: self.secure, **self.others}
        found: dict[str, State] = dict.fromkeys(former)
        for name, lines in configs.items():
            text = config.render(with_kept(name, lines, present.get(name, [])))
            secret = name == SECURE
            found[name] = File(text.encode(), 0o600 if secret else 0o644, self.uid, self.gid, secret=secret)
        found |= dict(self.files)
        return {self.place(name): state for name, state in found.items()} | {UNIT_FILE: File(self.unit.encode())}

    def declared(self) -> list[str]:
        """Return the names of the files that go when they are declared no longer."""
        return sorted({*self.others, *(name for name, _ in self.files)})


def unpack(given: Mapping[str, Any], uid: int, gid: int) -> Site:
    """Return the site that the module's parameters declare.

    Raises:
        DeclarationError: they make none.

    """
    others = {
        f"etc/{name}.config": _entries(f"{name}.config (gerrit_plugin_configs)", sections)
        for name, sections in (given["plugin_configs"] or {}).items()
    }
    site = Site(
        path=given["site"].rstrip("/"),
        user=given["user"],
        uid=uid,
        gid=gid,
        java=given["java"],
        unit=given["unit"],
        patience=given["patience"],
        jars=jars.declared(given),
        config=_entries("gerrit.config (gerrit_config)", given["config"] or {}),
        secure=_entries("secure.config (gerrit_secure_config)", given["secure_config"] or {}),
        others=others,
        files=list(_files(given["files"], others, uid, gid)),
    )
    for name, lines in {CONFIG: site.config, **others}.items():
        try:
            config.no_secrets(lines)
        except DeclarationError as error:
            raise DeclarationError(f"{os.path.basename(name)}: {error}") from None
    bad = next((name for name in others if not re.fullmatch(r"etc/[A-Za-z0-9@_.-]+\.config", name)), None)
    if bad or any(OURS.fullmatch(name) for name in others):
        what = bad or "gerrit and secure"
        raise DeclarationError(f"gerrit_plugin_configs: {what} is not a valid name of a plugin's file")
    return site


def with_kept(name: str, lines: list[Entry], present: list[Entry]) -> list[Entry]:
    """Return the lines of a configuration file, with what `init` has made in the one that is `present`."""
    for section, key in KEPT.get(name, []):
        made = config.values(present, section, key)
        if made and not config.values(lines, section, key):
            lines = config.add(lines, Entry(section, None, key, made[-1]))
    return lines


def _files(
    given: Iterable[Mapping[str, Any]], others: Mapping[str, Any], uid: int, gid: int
) -> Iterator[tuple[str, File]]:
    """Give the place, below the site, of each declared file and what shall be there."""
    for each in given:
        path, what = os.path.normpath(each["path"]), f"the file {each['path']}"
        what += f" ({each['origin']})" if each["origin"] else ""
        top = path.split("/")[0]
        if top not in {"etc", *READ_ANEW} or "/" not in path or OURS.fullmatch(path) or path in others:
            allowed = ", ".join(sorted(["etc", *READ_ANEW]))
            raise DeclarationError(
                f"{what} must be below one of {allowed} of the site, and no file that is declared elsewhere"
            )
        if (each["content"] is None) == (each["secret_content"] is None):
            raise DeclarationError(f"{what} needs either content or secret_content")
        mode = each["mode"] or ("0644" if each["secret_content"] is None else "0600")
        if not re.fullmatch("[0-7]{3,4}", mode):
            raise DeclarationError(f"{what}: mode {mode!r} must be octal and in quotes, such as '0644'")
        secret = each["secret_content"] is not None
        text = each["secret_content"] if secret else each["content"]
        yield path, File(text.encode(), int(mode, 8), uid, gid, secret=secret)


def _entries(what: str, sections: Mapping[str, Any]) -> list[Entry]:
    try:
        return config.entries(sections)
    except DeclarationError as error:
        raise DeclarationError(f"{what}: {error}") from None
