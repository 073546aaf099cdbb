"""What is declared for one service: its files, the commands that check them, and its units."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ansible.module_utils.strata import listeners
from ansible.module_utils.strata.errors import DeclarationError, StrataError
from ansible.module_utils.strata.rollback import check_delay
from ansible.module_utils.strata.service.live import State
from ansible.module_utils.strata.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.listeners import Port
    from ansible.module_utils.strata.units import Action


class ServiceError(StrataError):
    """The service cannot be brought to the declared state; the text is one sentence for the user."""


@dataclass(frozen=True)
class DeclaredFile:
    """A file with its content, or the command that prints it, or a link; one that has none of them shall be absent."""

    path: str
    content: bytes | None = field(repr=False)
    content_from: list[str]
    link: str | None
    secret: bool
    mode: int
    owner: str
    group: str
    validate: list[str]
    former: str | None
    origin: str | None
    origins: Mapping[str, str]

    def __str__(self) -> str:
        """Return the path, and the variable that asks for the file, if that is known."""
        return f"{self.path} ({self.origin})" if self.origin else self.path


@dataclass(frozen=True)
class Kept:
    """What must be after a change as it was before: the command that prints it, a line for each; what else to do."""

    read: list[str]
    hint: str


@dataclass(frozen=True)
class Declared:
    """A service as it is declared; `ports` are those at which each unit listens."""

    name: str
    files: list[DeclaredFile]
    purge: list[str]
    checks: list[list[str]]
    in_force: list[list[str]]
    fatal_warnings: list[re.Pattern[str]]
    commands: list[list[str]]
    live: list[State]
    kept: list[Kept]
    units: list[Unit]
    ports: dict[str, list[Port]]
    on_change: Action | Literal["none"]
    rollback_delay: int

    def is_secret(self, path: str) -> bool:
        """Tell whether what stands at a path must not be shown."""
        return any(file.secret for file in self.files if file.path == path)


def parse(parameters: Mapping[str, Any]) -> Declared:
    """Return what the module's parameters declare.

    Raises:
        DeclarationError: it is not valid.
        RollbackError: the delay of the rollback is not valid.

    """
    units = parameters["units"]
    return Declared(
        parameters["name"],
        _files(parameters["files"]),
        parameters["purge"],
        list(map(_words, parameters["checks"])),
        list(map(_words, parameters["in_force"])),
        list(map(_pattern, parameters["fatal_warnings"])),
        list(map(_words, parameters["commands"])),
        [State(_words(each["read"]), each["value"], _words(each["write"])) for each in parameters["live"]],
        [Kept(_words(each["read"]), each["hint"]) for each in parameters["kept"]],
        [
            Unit(each["name"], each["started"], each["started"] if each["enabled"] is None else each["enabled"])
            for each in units
        ],
        {each["name"]: list(map(_port, each["listens"])) for each in units},
        parameters["on_change"],
        check_delay(parameters["rollback_delay"]),
    )


def _files(items: Iterable[Mapping[str, Any]]) -> list[DeclaredFile]:
    declared: dict[str, DeclaredFile] = {}
    for item in items:
        file = _file(item)
        if file.path in declared:
            raise DeclarationError(f"{file} is declared twice, also by {declared[file.path].origin or 'the same'}")
        declared[file.path] = file
    return list(declared.values())


def _file(item: Mapping[str, Any]) -> DeclaredFile:
    present = item["ensure"] == "present"
    contents = [text for text in (item["content"], item["secret_content"]) if text is not None]
    file = DeclaredFile(
        item["path"],
        contents[0].encode() if present and contents else None,
        _words(item["content_from"]) if present and item["content_from"] else [],
        item["link"] if present else None,
        item["secret_content"] is not None,
        _mode(item) if present else 0,
        item["owner"],
        item["group"],
        _words(item["validate"]) if item["validate"] else [],
        item["former"],
        item["origin"],
        item["origins"],
    )
    if present and len(contents) + (item["content_from"] is not None) + (item["link"] is not None) != 1:
        raise DeclarationError(f"{file}: needs either content, secret_content, content_from or link")
    return file


def _mode(item: Mapping[str, Any]) -> int:
    try:
        return int(item["mode"] or ("0644" if item["secret_content"] is None else "0600"), 8)
    except ValueError:
        raise DeclarationError(f"{item['path']}: mode {item['mode']!r} must be octal, such as '0644'") from None


def _words(command: str) -> list[str]:
    try:
        found = shlex.split(command)
    except ValueError as error:
        raise DeclarationError(f"{command!r} is not a valid command: {error}") from None
    if not found:
        raise DeclarationError(f"{command!r} is not a valid command")
    return found


def short(command: list[str]) -> str:
    """Return a command for a message: of a program in one of its words, the first line."""
    first, *more = shlex.join(command).splitlines()
    return f"{first} ..." if more else first


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise DeclarationError(f"fatal_warnings: {text!r} is not a regular expression: {error}") from None


def _port(text: str) -> Port:
    try:
        return listeners.port(text)
    except DeclarationError as error:
        raise DeclarationError(f"listens: {error}") from None
