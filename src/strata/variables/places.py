"""The places that set a host's variables, lowest first, in Ansible's own order of precedence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.paths import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from strata.variables.site import Node

#: What Ansible reads, lowest first, and how it orders what stands in the same layer.
LAYERS = {
    "role defaults": "a role comes after the roles that it depends on",
    "group_vars": "all groups come after `all`, and groups in the order of depth, priority and name",
    "host_vars": "files of host_vars come after the inventory's own",
    "play": "the last one counts",
    "role vars": "a role comes after the roles that it depends on",
    "extra vars": "the last one counts",
}


@dataclass(frozen=True)
class Place:
    """One place that sets a variable.

    `layer` is a key of LAYERS, `owner` the role, group or host that it belongs to, `path` the file, `value` what
    stands there, and `hidden` tells that it is from the private tree or from an encrypted file.
    """

    layer: str
    owner: str
    path: Path | None
    line: int
    value: Any
    hidden: bool = False

    def __str__(self) -> str:
        """Return file and line, or what else is known of it."""
        return f"{shown(self.path)}:{self.line}" if self.path else self.by

    @property
    def by(self) -> str:
        """Return whose place it is, such as `group_vars of static`."""
        return f"{self.layer} of {self.owner}"


def why(places: list[Place]) -> str:
    """Return why the last of the places that set a variable wins over the one before it."""
    if len(places) < 2:  # noqa: PLR2004 - one place has no rival
        return "nothing else sets it"
    before, last = places[-2:]
    if before.layer != last.layer:
        return f"{last.layer} come after {before.layer}"
    if before.owner == last.owner:
        return f"of the {last.by} this is read last"
    return LAYERS[last.layer]


def places(node: Node) -> dict[str, list[Place]]:
    """Return the places of each variable of a host, the one that wins last.

    Raises:
        AnsibleError: a file cannot be read.

    """
    found: dict[str, list[Place]] = {}
    for layer, owner, values, hidden in _layers(node):
        for name in values:
            found.setdefault(str(name), []).append(_place(layer, owner, name, values[name], hidden=hidden))
    return found


def _layers(node: Node) -> Iterator[tuple[str, str, Mapping[str, Any], bool]]:
    roles = list(node.roles.values())
    for role in roles:
        yield "role defaults", role.get_name(), role._default_vars, False  # noqa: SLF001 - no public name
    groups = node.groups
    for some in (groups[:1], groups[1:]):
        for group in some:
            yield "group_vars", group.name, _own_variables(group), False
        yield from _files(node, "group_vars", some)
    yield "host_vars", node.name, _own_variables(node.host), False
    yield from _files(node, "host_vars", [node.host])
    yield "play", node.play.get_name(), node.play.get_vars(), False
    for role in roles:
        yield "role vars", role.get_name(), role._role_vars, False  # noqa: SLF001
    yield "extra vars", "the command line", node.site.variables.extra_vars, False


def _files(node: Node, kind: str, entities: list[Any]) -> Iterator[tuple[str, str, Mapping[str, Any], bool]]:
    """Give what the files of groups or of a host set: those of the inventory, beside site.yml, of the private tree."""
    from ansible._internal._datatag._tags import SourceWasEncrypted  # noqa: PLC0415 - slow, as all of Ansible

    loader = node.site.loader
    for folder, private in node.site.folders:
        for entity in entities:
            for path in loader.find_vars_files(str(folder / kind), entity.name):
                values = loader.load_from_file(path, cache="all", unsafe=True, trusted_as_template=True) or {}
                yield kind, entity.name, values, private or SourceWasEncrypted.is_tagged_on(values)


def _own_variables(entity: Any) -> Mapping[str, Any]:
    """Return what the inventory's own files set, without what Ansible adds to it."""
    return {name: value for name, value in entity.vars.items() if name not in {"inventory_file", "inventory_dir"}}


def _place(layer: str, owner: str, name: Any, value: Any, *, hidden: bool) -> Place:
    from ansible._internal._datatag._tags import Origin  # noqa: PLC0415 - slow, as all of Ansible

    origin = Origin.get_tag(name) or Origin.get_tag(value)
    if origin is None or origin.path is None:
        return Place(layer, owner, None, 0, value, hidden)
    return Place(layer, owner, Path(origin.path), origin.line_num or 1, value, hidden)
