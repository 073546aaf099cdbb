"""Rules for inventories: every value is for somebody, and somebody reads it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from strata.errors import nearest
from strata.repository.source import BrokenFileError, Violation, line
from strata.rules.parameters import VARS
from strata.rules.settings import ENCRYPTED, Inventory, Setting, inventories
from strata.variables.uses import inventory_files, plugin_files, role_files, uses
from strata.variables.values import no_log_values

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path

    from strata.repository.checkout import Repository
    from strata.repository.source import Source

#: Deliberate exceptions from the rules of this file: names, which may have a `*` in them, each with the reason.
EXCEPTIONS = "inventories/exceptions.yml"

#: Names that Ansible reads and that no plugin declares.
OF_ANSIBLE = frozenset({"ansible_become", "ansible_become_method", "ansible_group_priority"})

#: A name and the violation that it makes.
Found = tuple[str, Violation]


def inventories_hold_together(repository: Repository) -> Iterator[Violation]:
    """Variables of inventories are known, can win, and are for a host; groups have hosts; exceptions are needed."""
    found: list[Found] = []
    for inventory in inventories(repository):
        found += [*_files(inventory), *_groups(inventory), *_settings(repository, inventory)]
    source = repository.source(EXCEPTIONS)
    exceptions = source.mapping()
    for name, violation in found:
        if not any(fnmatchcase(name, str(pattern)) for pattern in exceptions):
            yield violation
    for pattern, reason in exceptions.items():
        if not any(fnmatchcase(name, str(pattern)) for name, _ in found):
            yield source.violation(line(exceptions, pattern), f"{pattern} excepts nothing any more: remove it")
        elif not (isinstance(reason, str) and reason.strip()):
            yield source.violation(line(exceptions, pattern), f"{pattern} needs a reason: why is it right?")


def inventory_files_are_readable(repository: Repository) -> Iterator[Violation]:
    """Every YAML file of inventories/ can be read by whoever has no key: values are encrypted, not whole files."""
    for path in inventory_files(repository.root / "inventories"):
        source = repository.source(path.relative_to(repository.root).as_posix())
        if source.text().startswith(ENCRYPTED):
            message = "is encrypted as a whole, so that nobody without the key can check anything: "
            yield source.violation(1, f"{message}encrypt its values, with `ansible-vault encrypt_string`")
            continue
        try:
            source.load()
        except BrokenFileError as error:
            yield error.violation


def _files(inventory: Inventory) -> Iterator[Found]:
    """Find files of variables for a host or a group that there is not."""
    known = {"host": inventory.manager.hosts, "group": inventory.manager.groups}
    for source in inventory.files:
        kind, name = inventory.owner(source) or ("", "")
        if kind and name not in known[kind]:
            message = f"there is no {kind} {name} in {inventory.name}{nearest(name, known[kind])}"
            yield name, source.violation(1, message)


def _groups(inventory: Inventory) -> Iterator[Found]:
    """Find groups and patterns that no host is in."""
    groups = inventory.manager.groups
    full = {name for name, group in groups.items() if group.get_hosts()} | {"all", "ungrouped"}
    for name, source, at, is_pattern in _named_groups(inventory):
        if name not in full:
            what = f"the pattern of the group {name} matches no host" if is_pattern else f"the group {name} has no host"
            yield name, source.violation(at, f"{what} of {inventory.name}")


def _named_groups(inventory: Inventory) -> Iterator[tuple[str, Source, int, bool]]:
    for source in inventory.files:
        values = source.load() if inventory.owner(source) is None else None
        if not isinstance(values, dict):
            continue
        if "plugin" in values:
            patterns = values.get("groups") or {}
            yield from ((str(name), source, line(patterns, name), True) for name in patterns)
            continue
        waiting = [values]
        while waiting:
            groups = waiting.pop()
            yield from ((str(name), source, line(groups, name), False) for name in groups)
            inner = (entry.get("children") for entry in groups.values() if isinstance(entry, dict))
            waiting += [entry for entry in inner if isinstance(entry, dict)]


def _settings(repository: Repository, inventory: Inventory) -> Iterator[Found]:
    """Find variables that nobody knows, that no host of theirs can use, or that a role sets itself."""
    owners = {name: role.name for role in repository.known_roles.values() for name in role.options}
    unknown = {setting.name for setting in inventory.settings} - owners.keys() - _names_of_ansible()
    # Plugins read parameters of other hosts than their own, too.
    by_plugins = uses(plugin_files(repository.root), {setting.name for setting in inventory.settings})
    read = by_plugins.keys() | uses(_readers(repository, inventory), unknown)
    for setting in inventory.settings:
        if setting.name in owners:
            problem = _use_problem(repository, inventory, setting, owners[setting.name], by_plugins)
        elif setting.name in read or setting.name in _names_of_ansible():
            continue
        else:
            known = _names_of_ansible() if setting.name.startswith("ansible_") else owners
            problem = f"is not a parameter of any role, and nothing reads it{nearest(setting.name, known)}"
        if problem:
            yield setting.name, setting.source.violation(setting.line, f"{setting.name} {problem}")


def _use_problem(
    repository: Repository, inventory: Inventory, setting: Setting, role: str, by_plugins: Container[str]
) -> str:
    """Return what is wrong with the use of a parameter; one that plugins read may be for any host."""
    hosts = inventory.hosts(setting)
    users = [host for host in hosts if role in inventory.roles(host)]
    if hosts and not users and setting.name not in by_plugins:
        whom = setting.owner if setting.kind == "host" else f"no host of the group {setting.owner}"
        runs = "does not run" if setting.kind == "host" else "runs"
        return f"is a parameter of the role {role}, which {whom} {runs}"
    spec = repository.known_roles[role].options[setting.name].spec
    if not inventory.is_private(setting.source) and any(map(_is_plain, no_log_values(setting.value, spec))):
        return "is a secret in plain text: encrypt it by `ansible-vault encrypt_string`, or set it in the private tree"
    setters = [
        next((name for name in inventory.roles(host) if setting.name in repository.known_roles[name].vars), None)
        for host in users
    ]
    if setters and all(setters):
        other = repository.known_roles[str(setters[0])]
        place = other.source(VARS).violation(line(other.vars, setting.name), "")
        return f"can't win: {place.path}:{place.line} sets it, and vars of a role come after all inventories"
    return ""


def _is_plain(secret: Any) -> bool:
    """Return whether a secret stands there as it is: what is encrypted is not text, and a template has it elsewhere."""
    return isinstance(secret, str) and secret != "" and "{{" not in secret


def _readers(repository: Repository, inventory: Inventory) -> Iterator[Path]:
    for role in repository.known_roles.values():
        yield from role_files(role.path)
    yield repository.site.path
    yield from (source.path for source in inventory.files)


@lru_cache
def _names_of_ansible() -> frozenset[str]:
    """Return the names of the variables by which an inventory says how Ansible reaches a host."""
    from ansible import constants  # noqa: PLC0415 - slow, as all of Ansible
    from ansible.plugins.loader import become_loader, connection_loader, shell_loader  # noqa: PLC0415

    definitions = [constants.config.get_configuration_definitions()]
    for kind, loader, name in (
        ("become", become_loader, "sudo"),
        ("connection", connection_loader, "ssh"),
        ("shell", shell_loader, "sh"),
    ):
        loader.get(name, class_only=True)
        definitions.append(constants.config.get_configuration_definitions(kind, name))
    named = {entry["name"] for options in definitions for each in options.values() for entry in each.get("vars") or ()}
    return OF_ANSIBLE | named | frozenset(constants.COMMON_CONNECTION_VARS)
