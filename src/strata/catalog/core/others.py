"""What the runs of other hosts set, which nobody knows here: `hostvars` must not take it for what is not set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible import constants
from ansible.errors import AnsibleError

from strata.catalog.core.unknown import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What names variables, below which a task sets them.
REGISTER = "register"
SET_FACT = ("set_fact", "ansible.builtin.set_fact", "ansible.legacy.set_fact")

FILES = ("*.yml", "*.yaml")


def set_by_tasks(playbook: Path, loader: Any) -> dict[str, Unknown]:
    """Return the variables that any task beside a playbook, or of any role, sets while it is run.

    Args:
        playbook: its file.
        loader: Ansible's, of files.

    """
    names = {name for path in _files(playbook.parent) for name in _names_in(path, loader)}
    return {name: Unknown(f"{name} of another host is set by tasks of its own run") for name in sorted(names)}


def _files(folder: Path) -> Iterator[Path]:
    """Give the files of tasks."""
    places = [folder / "roles", *map(Path, constants.DEFAULT_ROLES_PATH)]
    for pattern in FILES:
        yield from folder.glob(pattern)
        yield from folder.glob(f"tasks/**/{pattern}")
        for place in dict.fromkeys(places):
            yield from place.glob(f"*/tasks/**/{pattern}")


def _names_in(path: Path, loader: Any) -> Iterator[str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    if REGISTER not in text and SET_FACT[0] not in text:
        return
    try:
        yield from _names(loader.load_from_file(str(path), trusted_as_template=True))
    except AnsibleError:
        return  # whoever needs the file says what is wrong with it


def _names(data: Any) -> Iterator[str]:
    if isinstance(data, list):
        for entry in data:
            yield from _names(entry)
    elif isinstance(data, dict):
        for key, value in data.items():
            if key == REGISTER:
                yield from map(str, value if isinstance(value, dict) else [value])
            elif key in SET_FACT and isinstance(value, dict):
                yield from map(str, value)
            else:
                yield from _names(value)
