"""Working copies of modules, to try a change to one of them with all the rest."""

from __future__ import annotations

import configparser
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from strata.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence


def working_copies(given: Sequence[str], modules: Collection[str]) -> dict[str, Path]:
    """Return the working copies that options NAME=PATH name.

    Raises:
        UsageError: an option has another form, names none of the `modules`, or no folder.

    """
    copies = {}
    for words in given:
        name, _, path = words.partition("=")
        folder = Path(path).resolve()
        if not (name and path):
            raise UsageError(f"{words}: write NAME=PATH")
        if name not in modules:
            raise UsageError(f"{words}: modules.env has no module {name}: it has {', '.join(modules) or 'none'}")
        if not folder.is_dir():
            raise UsageError(f"{words}: {folder} is not a folder")
        copies[name] = folder
    return copies


@contextmanager
def before_others(copies: Mapping[str, Path], root: Path) -> Iterator[str]:
    """Give a path on which Ansible finds these copies before the roles that the checkout at `root` names.

    vendor/roles/ stays as it is, for other runs.
    """
    config = configparser.ConfigParser(interpolation=None)
    config.read(root / "ansible.cfg")
    others = [str(root / folder) for folder in config["defaults"]["roles_path"].split(":")]
    with tempfile.TemporaryDirectory(prefix="strata-roles-") as folder:
        for name, copy in copies.items():
            (Path(folder) / name).symlink_to(copy)
        yield ":".join([folder, *others])
