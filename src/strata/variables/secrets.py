"""Which host needs which secret, and whether it has it: never what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strata.variables.values import MASK, Value, Values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from strata.variables.site import Node

SET = "set"
MISSING = "missing"
NOT_NEEDED = "not needed"


@dataclass(frozen=True)
class Secret:
    """A parameter, or a key of one, that a role of the host declares with no_log; `place` is what sets it, or ""."""

    host: str
    role: str
    name: str
    state: str
    place: str = ""
    reason: str = ""


def secrets(node: Node) -> Iterator[Secret]:
    """Give the secrets of a host. Raises StrataError for a file that cannot be read."""
    values = Values(node)
    for role, options in sorted(node.options.items()):
        for name, option in options.items():
            if option.get("no_log"):
                yield _whole(values, role, name, option)
            else:
                yield from _keys(values, role, name, option)


def _whole(values: Values, role: str, name: str, option: Mapping[str, Any]) -> Secret:
    places = values.places.get(name, [])
    if places and places[-1].layer != "role defaults":
        return Secret(values.host, role, name, SET, str(places[-1]))
    reason = "the role requires it" if option.get("required") else values.default_error(name)
    return Secret(values.host, role, name, MISSING if reason else NOT_NEEDED, "", reason)


def _keys(values: Values, role: str, name: str, option: Mapping[str, Any]) -> Iterator[Secret]:
    """Give the secret keys of the items of a parameter and of the contributions to it."""
    if not any(key.get("no_log") or key.get("options") for key in (option.get("options") or {}).values()):
        return
    for variable, found in values.parts(name):
        place = str(values.places[variable][-1])
        for path, state in _states(found, option, variable):
            yield Secret(values.host, role, path, state, place, "the role requires it" if state == MISSING else "")


def _states(found: Value, option: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Give each secret key of a value, or of the items of a list, with its state; a key that may be absent has none."""
    entries = found.value if isinstance(found.value, list) else [found.value]
    for at, entry in enumerate(entries):
        where = f"{path}[{at}]" if isinstance(found.value, list) else path
        for key, suboption in (option.get("options") or {}).items():
            given = entry.get(key) if isinstance(entry, dict) else MASK
            if suboption.get("no_log"):
                if given is not None:
                    yield f"{where}.{key}", SET
                elif suboption.get("required"):
                    yield f"{where}.{key}", MISSING
            elif suboption.get("options") and given is not None:
                yield from _states(Value(given), suboption, f"{where}.{key}")
