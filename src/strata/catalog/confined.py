"""A process that sees what it needs to compile catalogs, and nothing else, by bubblewrap.

It has no network, can write nothing, and neither sees the processes of the machine nor any file but those named here.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAM = "bwrap"

#: What the process sees of the system: programs and libraries.
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/localtime",
)

#: Its scratch folder, which is in memory and goes with it.
SCRATCH, SCRATCH_BYTES = "/tmp", 256 << 20  # noqa: S108 - nobody else sees it

#: The package `strata` that compiles, whatever the tree has.
OURS = Path(__file__).resolve().parents[2]


def confined(folders: Mapping[str, Path], environment: Mapping[str, str], start: str) -> list[str]:
    """Return what a command is put behind to be confined.

    Args:
        folders: what it may read beside the system and Strata's own code, each where it shall find it.
        environment: all variables that it shall have.
        start: the folder that it is started in.

    Raises:
        StrataError: bubblewrap is not installed.

    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise StrataError(refused("bubblewrap is not installed"))
    python = (Path(sys.base_prefix), Path(sys.prefix), OURS)
    seen = {**{str(path): path for path in python}, **folders}
    return [
        program,
        "--unshare-all",
        *("--die-with-parent", "--new-session", "--clearenv"),
        *("--cap-drop", "ALL"),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--size", str(SCRATCH_BYTES), "--tmpfs", SCRATCH),
        *(word for path in SYSTEM for word in _system(Path(path))),
        *(word for place, path in seen.items() for word in ("--ro-bind", str(path), place)),
        *("--remount-ro", "/", "--chdir", start),
        *(word for name, value in environment.items() for word in ("--setenv", name, value)),
        "--",
    ]


def refused(reason: str) -> str:
    """Return the sentence for a revision that cannot be compiled because it cannot be confined."""
    return (
        f"the plugins of a revision are code, which is not run unless it can be confined: {reason}: install bubblewrap "
        "where namespaces can be had, or say --trust for a revision that was reviewed"
    )


def _system(path: Path) -> tuple[str, ...]:
    if path.is_symlink() and path.parent == Path("/"):
        return ("--symlink", str(path.readlink()), str(path))
    return ("--ro-bind-try", str(path), str(path))
