"""Explaining the variables of a host: value, places, the reason for the winner, contributions, uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.errors import UsageError, nearest
from strata.paths import ROOT, shown
from strata.repository.source import plain
from strata.variables.places import Place, why
from strata.variables.uses import Use, inventory_files, plugin_files, role_files, uses
from strata.variables.values import Value, Values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.variables.site import Node


@dataclass(frozen=True)
class Part:
    """What one role, or the parameter itself (role is ""), adds to a collected parameter."""

    variable: str
    role: str
    value: Value
    place: Place | None


@dataclass(frozen=True)
class Explanation:
    """A variable of a host; the place that wins is the last one, and `written` is what stands at each."""

    name: str
    value: Value
    places: list[Place]
    written: list[Any]
    uses: list[Use]
    parts: list[Part] = field(default_factory=list)
    merged: Value | None = None

    @property
    def why(self) -> str:
        """Return why the last place wins; "" for what Ansible itself sets."""
        return why(self.places) if self.places else ""

    def as_json(self) -> dict[str, Any]:
        """Return the explanation in the documented form of `explain --json`."""
        found = {
            **_value(self.value),
            "why": self.why,
            "places": [
                {
                    "layer": place.layer,
                    "owner": place.owner,
                    "path": shown(place.path) if place.path else None,
                    "line": place.line or None,
                    "written": simple(written),
                    "wins": place is self.places[-1],
                }
                for place, written in zip(self.places, self.written, strict=True)
            ],
            "uses": [{"path": shown(use.path), "line": use.line} for use in self.uses],
        }
        if self.merged is not None:
            found["merged"] = _value(self.merged)
            found["parts"] = [
                {"variable": part.variable, "role": part.role or None, "place": str(part.place), **_value(part.value)}
                for part in self.parts
            ]
        return found


def explain(node: Node, names: list[str] | None = None, *, reveal: bool = False) -> list[Explanation]:
    """Explain variables of a host, or all that something sets, sorted by name, private ones last.

    Raises:
        UsageError: the host has no such variable.
        StrataError: a file cannot be read.

    """
    values = Values(node, reveal=reveal)
    for name in names or []:
        if name not in values:
            raise UsageError(f"{node.name} has no variable {name!r}{nearest(name, values.places)}")
    wanted = names or sorted(values.places, key=lambda name: (name.startswith("_"), name))
    found = uses(_files(node), wanted)
    collected = {name: options for options in node.options.values() for name in options if "__" not in name}
    contributed = {name.partition("__")[2] for name in values.places if "__" in name} & collected.keys()
    return [_explanation(values, name, found.get(name, []), collected=name in contributed) for name in wanted]


def _explanation(values: Values, name: str, found: list[Use], *, collected: bool) -> Explanation:
    places = values.places.get(name, [])
    written = [values.written(name, place) for place in places]
    if not collected:
        return Explanation(name, values.value(name), places, written, found)
    added, merged = values.merged(name)
    parts = [
        Part(part.variable, part.role or "", values.value(part.variable), values.places[part.variable][-1])
        for part in added
    ]
    return Explanation(name, values.value(name), places, written, found, parts, merged)


def simple(value: Any) -> Any:
    """Return a value in types that JSON and YAML have."""
    if isinstance(value, dict):
        return {str(key): simple(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [simple(entry) for entry in value]
    return plain(value)


def _files(node: Node) -> Iterator[Path]:
    for role in node.roles.values():
        yield from role_files(Path(role._role_path))  # noqa: SLF001 - it has no public name
    yield ROOT / "site.yml"
    yield from inventory_files(node.site.source)
    yield from plugin_files(ROOT)


def _value(value: Value) -> dict[str, Any]:
    shown: dict[str, Any] = {"error": value.error} if value.error else {"value": simple(value.value)}
    return {**shown, "secret": value.secret}
