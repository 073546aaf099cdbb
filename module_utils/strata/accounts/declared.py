"""Groups and users as they are declared, checked without asking the host."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.accounts.keys import KeyLineError, authorized_keys
from ansible.module_utils.strata.errors import DeclarationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NOLOGIN = "/usr/sbin/nologin"

PRESENT, DISABLED, ABSENT = "present", "disabled", "absent"

_NAME = re.compile(r"[a-z_]([a-z0-9_.-]{0,30}[a-z0-9_-])?")
# What Debian's packages call their groups.
_GROUP_OF_OTHERS = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_PATH = re.compile(r"(/[A-Za-z0-9_@%+=,.-]+)+")
_B64 = "[./A-Za-z0-9]"
_HASH = re.compile(
    rf"\$g?y\${_B64}+\${_B64}{{1,86}}\${_B64}{{43}}"
    rf"|\$7\${_B64}{{11,97}}\${_B64}{{43}}"
    rf"|\$2[aby]\$\d\d\${_B64}{{53}}"
    rf"|\$6\$(rounds=\d{{4,9}}\$)?{_B64}{{1,16}}\${_B64}{{86}}"
    rf"|\$5\$(rounds=\d{{4,9}}\$)?{_B64}{{1,16}}\${_B64}{{43}}"
)
# Debian's own (nobody among them), the placeholders of 16 and of 32 bits, and what does not fit into 32.
_KEPT = (range(60000, 65536), range(2**32 - 2, 2**64))


@dataclass(frozen=True)
class Group:
    """A group and its number."""

    name: str
    gid: int
    origin: str


@dataclass(frozen=True)
class User:
    """A user as it shall be; `group` is the primary one, by name, `keys` the text of authorized_keys."""

    name: str
    uid: int
    group: str
    origin: str
    state: str = PRESENT
    groups: frozenset[str] = frozenset()
    comment: str = ""
    home: str = ""
    shell: str = "/bin/bash"
    home_mode: int | None = None
    create_home: bool = True
    remove_home: bool = False
    keys: bytes | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        """Return the name with the variable that it came from, for messages."""
        return f"{self.name} ({self.origin})"


@dataclass(frozen=True)
class Declared:
    """All groups and users that are declared for a host, by name, groups of users' own included."""

    groups: Mapping[str, Group]
    users: Mapping[str, User]


def check(params: Mapping[str, Any]) -> Declared:
    """Return what the module's parameters declare.

    Raises:
        DeclarationError: something in them is wrong; the text has a line for each problem.

    """
    problems = [*_known_problems(params["known"] or params["users"]), *_selection_problems(params)]
    users, groups = {}, {}
    for given in params["groups"]:
        problems += _group_problems(given, params["min_id"])
        groups[given["name"]] = Group(given["name"], given["gid"], given["origin"])
    for given in params["users"]:
        wrong = list(_user_problems(given, params["passwords"].get(given["name"]), params["min_id"]))
        try:
            keys = authorized_keys(given["keys"]) if given["keys"] and given["state"] == PRESENT else None
        except KeyLineError as error:
            wrong.append(str(error))
        problems += [f"{given['name']} ({given['origin']}): {text}" for text in wrong]
        if not wrong:
            users[given["name"]] = user = _user(given, params, keys)
            if user.state == PRESENT and user.group == user.name:
                groups.setdefault(user.group, Group(user.group, user.uid, user.origin))
    problems += _duplicates("gid", ((group.gid, group.name) for group in groups.values()))
    present = [user for user in users.values() if user.state == PRESENT]
    problems += _duplicates("home", ((user.home, user.name) for user in present))
    for user in present:
        if user.group == user.name and groups[user.group].gid != user.uid:
            problems.append(f"{user.label}: a group {user.name} is declared with another number than {user.uid}")
    if problems:
        raise DeclarationError("\n".join(problems))
    return Declared(groups, users)


def check_root_keys(lines: Iterable[str]) -> bytes:
    """Return the text of root's authorized_keys.

    Raises:
        DeclarationError: sshd would not take one of the lines.

    """
    try:
        return authorized_keys(lines)
    except KeyLineError as error:
        raise DeclarationError(f"root (accounts_root_keys): {error}") from None


def _user(given: Mapping[str, Any], params: Mapping[str, Any], keys: bytes | None) -> User:
    name = given["name"]
    admin = name in [each["value"] for each in params["admins"]]
    return User(
        name=name,
        uid=given["uid"],
        group=given["group"] or name,
        origin=given["origin"],
        state=given["state"],
        groups=frozenset(given["groups"]) | frozenset(params["admin_groups"] if admin else ()),
        comment=given["comment"],
        home=given["home"] or f"/home/{name}",
        shell=given["shell"],
        home_mode=int(given["home_mode"], 8) if given["home_mode"] else None,
        create_home=given["create_home"],
        remove_home=given["remove_home"],
        keys=keys,
        password=params["passwords"].get(name),
    )


def _known_problems(known: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Find names and numbers that two people have, of which perhaps none has an account on this host."""
    counted = Counter(each["name"] for each in known)
    yield from (f"{name} (accounts_users) is declared {times} times" for name, times in counted.items() if times > 1)
    yield from _duplicates("uid", {(each["uid"], each["name"]) for each in known})


def _selection_problems(params: Mapping[str, Any]) -> Iterator[str]:
    for group in params["admin_groups"]:
        if not _GROUP_OF_OTHERS.fullmatch(group):
            yield f"accounts_admin_groups: {group!r} is not a valid name of a group"
    names = [each["name"] for each in params["known"]]
    for chosen in [*params["present"], *params["admins"]]:
        if chosen["value"] not in names:
            hint = did_you_mean(chosen["value"], names) or ": declare it there"
            yield f"{chosen['origin']} names {chosen['value']!r}, which accounts_users does not have{hint}"


def _group_problems(given: Mapping[str, Any], min_id: int) -> Iterator[str]:
    where = f"group {given['name']} ({given['origin']})"
    if not _NAME.fullmatch(given["name"]):
        yield f"{where}: {_name_rule(given['name'])}"
    yield from (f"{where}: {text}" for text in _id_problems("gid", given["gid"], min_id))


def _user_problems(given: Mapping[str, Any], password: str | None, min_id: int) -> Iterator[str]:
    if not _NAME.fullmatch(given["name"]):
        yield _name_rule(given["name"])
    yield from _id_problems("uid", given["uid"], min_id)
    for name in [*given["groups"], *([given["group"]] if given["group"] else [])]:
        if not _GROUP_OF_OTHERS.fullmatch(name):
            yield f"{name!r} is not a valid name of a group"
    if not given["comment"].isprintable() or ":" in given["comment"]:
        yield "the comment must be one line without colons, as /etc/passwd has it"
    for key in ("home", "shell"):
        path = given[key]
        if path and (not _PATH.fullmatch(path) or os.path.normpath(path) != path):
            yield f"{key} {path!r} must be the plain, absolute path of a file or folder"
    if given["home_mode"] and not re.fullmatch(r"0?[0-7]?[0-7][0145]{2}", given["home_mode"]):
        yield f"home_mode {given['home_mode']!r} must be octal, such as '0700', and let nobody else write"
    if password is not None and not _HASH.fullmatch(password):
        yield "the password is not a hash of crypt(5), such as mkpasswd makes (yescrypt, SHA-512, SHA-256 or bcrypt)"


def _id_problems(what: str, number: int, min_id: int) -> Iterator[str]:
    if number < max(min_id, 1):
        yield f"{what} {number} is below {min_id}: lower numbers are the system's (accounts_min_id)"
    if any(number in kept for kept in _KEPT):
        yield f"{what} {number} is reserved: take one below 60000"


def _name_rule(name: str) -> str:
    return (
        f"{name!r} is not a valid name: small letters, digits, -, _ and ., at most 32, beginning with a letter and "
        "not ending with ."
    )


def _duplicates(what: str, pairs: Iterable[tuple[Any, str]]) -> Iterator[str]:
    """Find values that two names have."""
    owners: dict[Any, str] = {}
    for value, name in sorted(pairs):
        other = owners.setdefault(value, name)
        if other != name:
            yield f"{other} and {name} are both declared with the {what} {value}"
