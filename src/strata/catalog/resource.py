"""A catalog and its resources: data that is written down, compared, and sent to hosts."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from strata.catalog.packed import ARGUMENT, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Raised when what is written would no longer be read by who knows the former one.
VERSION = 1

#: The line with the revision in what is written.
REVISION = re.compile(r'^ "revision": .*$', re.MULTILINE)

#: What a host may be called, as its catalog's file is.
HOST = re.compile(r"[^\x00-\x1f/\ud800-\udfff]{1,200}")

#: A shorter secret is hidden where it is a whole value, not where it is a part of a text.
SHORTEST_PART = 4

#: Hexadecimal digits of a secret's keyed hash.
DIGITS = 16


@dataclass(frozen=True)
class Resource:
    """One call of a module, with final arguments.

    Attributes:
        module: its full name, such as ansible.builtin.service, or ansible.legacy.NAME for one of library/.
        args: its arguments as the host gets them, secrets in full: plain values that JSON knows. What is not known
            without the host stands there as a text; `unknown` says why.
        action: what the task calls, as it is written there.
        role: the role that the task belongs to, "" for one of a play.
        file: the task's file, relative to the repository.
        line: the task's line in it.
        name: the task's name.
        item: for a task with a loop, the label of its item.
        tags: the task's tags, with those of what it stands in, sorted.
        no_log: whether no argument may be shown.
        hidden: arguments that the module declares as secrets, as names joined by dots; a list's items have no name.
        become: None, or `method`, `user` and `flags` of who shall run it.
        environment: environment variables for it.
        check_mode: what the task says of check mode, None if nothing.
        delegate_to: the host on which it is run instead, None for the catalog's.
        ignore_errors: whether the run goes on if it fails.
        changed: what changed_when says whatever the module finds, None if the module's word counts.
        notify: the handlers that it notifies.
        unknown: why its arguments, or whether it is run at all, cannot be known without the host; empty if they are.
        reason: why only Ansible can run it; "" if a call of the module says what it says.

    """

    module: str
    args: dict[str, Any]
    action: str
    role: str
    file: str
    line: int
    name: str
    item: str = ""
    tags: tuple[str, ...] = ()
    no_log: bool = False
    hidden: tuple[str, ...] = ()
    become: dict[str, Any] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    check_mode: bool | None = None
    delegate_to: str | None = None
    ignore_errors: bool = False
    changed: bool | None = None
    notify: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    reason: str = ""

    @property
    def runnable(self) -> bool:
        """Tell whether a call of the module says what a run of Ansible would say; else `reason` says why not."""
        return not self.reason

    @property
    def place(self) -> str:
        """Return file and line of the task."""
        return f"{self.file}:{self.line}"

    def sealed(self, seal: Seal) -> dict[str, Any]:
        """Return the resource as it is written down, without secrets."""
        if self.no_log:
            shown: Any = seal.text(self.args)
        else:
            args = unpacked(self.args, seal.text)
            hidden = [path.split(".") for path in self.hidden if path != ARGUMENT or args is self.args]
            shown = seal.of(args, hidden)
        return asdict(self) | {"args": shown, "environment": seal.of(self.environment), "item": seal.of(self.item)}


@dataclass(frozen=True)
class Catalog:
    """What site.yml would apply to a host.

    Attributes:
        host: its name in the inventory.
        revision: the commit, with "-dirty" if files differ from it; "" outside git.
        core: the version of ansible-core that compiled it.
        resources: the module calls, in the order in which they are made.
        refused: why the host cannot be compiled, by file and line; None if it is. There are no resources then.
        secrets: texts that must not be shown wherever they stand; never written down.

    """

    host: str
    revision: str
    core: str
    resources: tuple[Resource, ...] = ()
    refused: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def to_json(self, key: bytes = b"") -> str:
        """Return the catalog as it is written down: always the same bytes, and no secrets.

        Args:
            key: makes hashes of secrets, which tell that one differs but not what it is; without a key, they are
                hidden altogether.

        """
        seal = Seal(self.secrets, key)
        data = {
            "version": VERSION,
            "host": self.host,
            "revision": self.revision,
            "core": self.core,
            "refused": self.refused,
            "resources": [resource.sealed(seal) for resource in self.resources],
        }
        return json.dumps(data, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


class Seal:
    """Hides secrets: each becomes the same text in all catalogs with the same key."""

    def __init__(self, secrets: Iterable[str] = (), key: bytes = b"") -> None:
        """Take the texts that are secrets, and the key for their hashes."""
        self._secrets = sorted({each for each in secrets if each}, key=lambda each: (-len(each), each))
        self._key = key

    def text(self, value: Any) -> str:
        """Return what stands for a value that is a secret as a whole."""
        if not self._key:
            return "(secret)"
        packed = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        return f"(secret {hmac.new(self._key, packed.encode(), hashlib.sha256).hexdigest()[:DIGITS]})"

    def of(self, value: Any, hidden: Iterable[list[str]] = ()) -> Any:
        """Return a value without the secrets in it.

        Args:
            value: any that JSON knows.
            hidden: the ways to what is a secret as a whole, each the names that lead there.

        """
        ways = list(hidden)
        if [] in ways and value is not None:
            return self.text(value)
        if isinstance(value, dict):
            return {self.of(name): self.of(each, _further(ways, name)) for name, each in value.items()}
        if isinstance(value, list):
            return [self.of(each, ways) for each in value]
        if isinstance(value, bool) or value is None:
            return value
        return self._without(value)

    def _without(self, value: Any) -> Any:
        text = str(value)
        for secret in self._secrets:
            if secret == text:
                return self.text(secret)
            if len(secret) >= SHORTEST_PART and secret in text:
                text = text.replace(secret, self.text(secret))
        return value if text == str(value) else text


def _further(ways: Iterable[list[str]], name: str) -> list[list[str]]:
    return [way[1:] for way in ways if way and way[0] == name]


def same(one: str, other: str) -> bool:
    """Tell whether two catalogs that were written down differ in nothing but the revision."""
    return REVISION.sub("", one, count=1) == REVISION.sub("", other, count=1)


def from_json(text: str) -> Catalog:
    """Return a catalog that was written down; its secrets are not in it.

    Raises:
        ValueError: the text is no catalog, or one of another version.

    """
    data: Mapping[str, Any] = json.loads(text)
    if not isinstance(data, dict) or data.get("version") != VERSION:
        found = data.get("version") if isinstance(data, dict) else None
        raise ValueError(f"it is no catalog of version {VERSION}" + (f", but of version {found}" if found else ""))
    if not isinstance(data["host"], str) or not HOST.fullmatch(data["host"]):
        raise ValueError("it is a catalog of no host")
    lists = ("tags", "hidden", "notify", "unknown")
    resources = (Resource(**{**each, **{name: tuple(each[name]) for name in lists}}) for each in data["resources"])
    named = {name: data[name] for name in ("host", "revision", "core", "refused")}
    return Catalog(**named, resources=tuple(resources))
