"""The secrets among the parameters of a play's roles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleError
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar

from strata.catalog.core.engine import texts
from strata.catalog.core.unknown import RefusedError, UnknownError
from strata.variables.values import no_log_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Where a role may say what its parameters are.
SPECS = ("argument_specs.yml", "argument_specs.yaml")


def secrets(play: Any, loader: Any, variables: dict[str, Any]) -> Iterator[str]:
    """Give the texts that are secrets, by `no_log` of the roles' parameters, and of what roles contribute to them.

    Args:
        play: Ansible's play.
        loader: Ansible's, of files.
        variables: those of a host in the play.

    """
    templar = Templar(loader=loader, variables=variables)
    contributions = lookup_loader.get("contributions", loader=loader, templar=templar)
    for name, option in _hidden(play, loader):
        for part in contributions.parts(name, variables):
            try:
                value = contributions.value(part.variable, variables)
            except (AnsibleError, UnknownError, RefusedError):
                continue  # whoever uses it says so
            for secret in no_log_values(value, option):
                yield from texts(secret)


def _hidden(play: Any, loader: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the parameters that are secrets, or have some in them, each with what its role says of it."""
    roles = {each._role_path for role in play.roles for each in (*role.get_all_dependencies(), role)}  # noqa: SLF001
    for role in sorted(roles):
        path = next((path for file in SPECS if (path := Path(role, "meta", file)).exists()), None)
        specs = (loader.load_from_file(str(path)) or {}).get("argument_specs") if path else None
        options = ((specs or {}).get("main") or {}).get("options") or {}
        yield from ((name, option) for name, option in options.items() if _has_secret(option))


def _has_secret(option: Mapping[str, Any]) -> bool:
    return bool(option.get("no_log")) or any(map(_has_secret, (option.get("options") or {}).values()))
