"""What is deployed, and how: a file that the role bastion writes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from strata.errors import StrataError, UsageError
from strata.paths import STATE, shown

#: Where the settings are.
FILE = Path(os.environ.get("STRATA_DEPLOY_SETTINGS") or STATE / "deploy.yml")

ARGUMENTS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "required": True},
    "branch": {"type": "str", "default": "main"},
    "inventory": {"type": "str", "required": True},
    "stages": {"type": "list", "elements": "str", "default": []},
    "at_once": {"type": "int", "default": 10},
    "serial": {"type": "int", "default": 1},
    "host_seconds": {"type": "int", "default": 1800},
    "keep_days": {"type": "int", "default": 90},
    "metrics": {"type": "str", "default": ""},
    "folder": {"type": "path", "default": str(STATE / "deploy")},
    "program": {"type": "path", "default": ""},
}


@dataclass(frozen=True)
class Settings:
    """What is deployed, and how.

    Attributes:
        url: where the repository is fetched from.
        branch: which of its branches is deployed.
        inventory: the inventory, as a path in the repository.
        stages: patterns of hosts; those of one stage are done before those of the next, and what none names is last.
        at_once: how many hosts are worked on at the same time.
        serial: how many hosts of one service are.
        host_seconds: how long Ansible may take for one host.
        keep_days: for how long runs are remembered.
        metrics: the folder of files that the node exporter reads, "" without.
        folder: where all that deploys keep is.
        program: what is called for the `strata` of the tree that STRATA_TREE names, "" for its own bin/strata.

    """

    url: str
    branch: str
    inventory: str
    stages: tuple[str, ...]
    at_once: int
    serial: int
    host_seconds: int
    keep_days: int
    metrics: str
    folder: Path
    program: str


def read(path: Path = FILE) -> Settings:
    """Return the settings of a file.

    Raises:
        UsageError: there is no such file.
        StrataError: it cannot be read, or says something that is not a setting.

    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{shown(path)}: there is no such file: the role bastion writes it; by hand, it names url and inventory"
        ) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StrataError(f"{shown(path)}: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise StrataError(f"{shown(path)}: must be settings and their values")
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator  # noqa: PLC0415 - slow, as all of Ansible

    result = ArgumentSpecValidator(ARGUMENTS).validate(found)
    for message in result.error_messages:
        raise StrataError(f"{shown(path)}: {message}")
    values = result.validated_parameters
    for name in ("at_once", "serial", "host_seconds", "keep_days"):
        if values[name] < 1:
            raise StrataError(f"{shown(path)}: {name} must be 1 or more")
    inventory = PurePosixPath(values["inventory"])
    if inventory.is_absolute() or ".." in inventory.parts:
        raise StrataError(f"{shown(path)}: inventory: {inventory} must be a path in the repository")
    return Settings(**values | {"stages": tuple(values["stages"]), "folder": Path(values["folder"])})
