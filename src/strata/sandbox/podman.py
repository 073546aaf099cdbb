"""Running podman, with the settings that this machine needs."""

import json
import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

from strata.errors import StrataError
from strata.paths import ROOT, STATE

#: The most that podman may ask for; it asks for these by itself where the process may have more.
MOST_FILES, MOST_PROCESSES = 1_048_576, 32_768

#: Where the kernel's control groups are mounted.
CGROUPS = Path("/sys/fs/cgroup")

#: Characters that have a meaning of their own in podman's volumes or SSH's files.
UNFIT = " :,\"'"


def settings() -> str:
    """Return the text of a containers.conf that works on this machine.

    Machines differ in the version of cgroups and in whether systemd runs them; podman's defaults expect cgroups v2 and
    systemd. Limits are set to what this process may have, as a process without CAP_SYS_RESOURCE cannot raise them.
    """
    files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], MOST_FILES)
    processes = min(resource.getrlimit(resource.RLIMIT_NPROC)[1], MOST_PROCESSES)
    if min(files, processes) < 0:
        files, processes = MOST_FILES, MOST_PROCESSES
    engine = []
    if not (CGROUPS / "cgroup.controllers").exists():
        engine.append('runtime = "runc"')
    if not Path("/run/systemd/system").exists():
        engine += ['cgroup_manager = "cgroupfs"', 'events_logger = "file"']
    return "\n".join(
        [
            "[containers]",
            f'default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]',
            "[engine]",
            *engine,
            "[network]",
            'network_backend = "netavark"',
            "",
        ]
    )


def has_writable_cgroups(mount: Path) -> bool:
    """Tell whether containers can have control groups: with version 1 below a mount that may be read-only."""
    hierarchies = [mount] if (mount / "cgroup.controllers").exists() else [mount, *mount.glob("*/")]
    return any(path.is_dir() and os.access(path, os.W_OK) for path in hierarchies)


def require() -> None:
    """Check that containers can be run here.

    Raises:
        StrataError: something is missing; the message says what, and how to get it.

    """
    if os.geteuid() != 0:
        raise StrataError("the sandbox needs root, for networks that this machine can reach: run it with sudo")
    for program, package in (
        ("podman", "podman"),
        ("mmdebstrap", "mmdebstrap"),
        ("ip", "iproute2"),
        ("ssh", "openssh-client"),
    ):
        if not shutil.which(program):
            raise StrataError(f"{program} is missing: run `apt-get install {package}`")
    if not has_writable_cgroups(CGROUPS):
        raise StrataError(
            f"no hierarchy below {CGROUPS} can be written: containers that run systemd need control groups"
        )
    if set(str(ROOT)) & set(UNFIT):
        raise StrataError(
            f"{ROOT}: podman and SSH cannot take a path with a space, colon, comma or quote: move the checkout"
        )
    path = STATE / "containers.conf"
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text() != settings():
        path.write_text(settings())
    os.environ["CONTAINERS_CONF"] = str(path)


def podman(*arguments: str, stdin: str | None = None, timeout: float = 120) -> str:
    """Run podman and return what it printed.

    Args:
        arguments: its arguments.
        stdin: what it reads.
        timeout: seconds after which it is ended.

    Raises:
        StrataError: podman failed or took too long; the message is podman's own.

    """
    try:
        done = subprocess.run(
            ["podman", *arguments], input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise StrataError(f"podman {arguments[0]} did not end within {timeout:.0f} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "failed to connect to syslog" not in line]
        raise StrataError(f"podman {' '.join(arguments[:2])}: {' '.join(lines) or done.stdout.strip()}")
    return done.stdout.strip()


def podman_json(*arguments: str) -> Any:
    """Run podman and return the JSON that it printed."""
    return json.loads(podman(*arguments) or "[]")
