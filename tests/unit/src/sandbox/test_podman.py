"""What podman needs on this or another machine, and what is said when it is not there."""

from __future__ import annotations

import os
import resource
import shutil
import tomllib
from pathlib import Path

import pytest

from strata.errors import StrataError
from strata.sandbox import podman


def machine(monkeypatch: pytest.MonkeyPatch, *present: str, limit: int = resource.RLIM_INFINITY) -> dict[str, object]:
    """Return the settings for a machine that has just these paths, and this hard limit on everything."""
    monkeypatch.setattr(Path, "exists", lambda path: str(path) in present)
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (limit, limit))
    return tomllib.loads(podman.settings())


def test_a_machine_like_podman_expects_needs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = machine(monkeypatch, "/sys/fs/cgroup/cgroup.controllers", "/run/systemd/system")
    assert settings["engine"] == {}


def test_a_hybrid_cgroup_layout_needs_runc(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine(monkeypatch, "/run/systemd/system")["engine"] == {"runtime": "runc"}


def test_a_machine_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = machine(monkeypatch, "/sys/fs/cgroup/cgroup.controllers")
    assert settings["engine"] == {"cgroup_manager": "cgroupfs", "events_logger": "file"}


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1024, ["nofile=1024:1024", "nproc=1024:1024"]),
        (50_000, ["nofile=50000:50000", "nproc=32768:32768"]),
        (resource.RLIM_INFINITY, ["nofile=1048576:1048576", "nproc=32768:32768"]),
    ],
)
def test_limits_are_no_higher_than_ours(monkeypatch: pytest.MonkeyPatch, limit: int, expected: list[str]) -> None:
    assert machine(monkeypatch, limit=limit)["containers"] == {"default_ulimits": expected}


def test_the_right_to_make_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(StrataError, match=r"the sandbox needs root.*run it with sudo"):
        podman.require()


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "ip" else f"/usr/bin/{name}")
    with pytest.raises(StrataError, match="ip is missing: run `apt-get install iproute2`"):
        podman.require()


def test_control_groups_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StrataError, match="no hierarchy below /sys/fs/cgroup can be written"):
        podman.require()


@pytest.mark.parametrize(
    ("folders", "writable", "enough"),
    [
        ((), [""], True),
        (("systemd", "memory"), ["systemd", "memory"], True),
        (("systemd", "memory"), [], False),
        (("cgroup.controllers", "system.slice"), ["system.slice"], False),
        (("cgroup.controllers",), [""], True),
    ],
    ids=["writable", "mounts below a read-only one", "read-only", "version 2, read-only", "version 2"],
)
def test_control_groups_are_looked_for_where_they_are_mounted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folders: tuple[str, ...], writable: list[str], enough: bool
) -> None:
    for name in folders:
        (tmp_path / name).mkdir()
    monkeypatch.setattr(os, "access", lambda path, _mode: path in [tmp_path / name for name in writable])
    assert podman.has_writable_cgroups(tmp_path) is enough


def test_a_path_that_podman_cannot_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(podman, "ROOT", Path("/home/somebody/my servers"))
    with pytest.raises(StrataError, match="/home/somebody/my servers: podman and SSH cannot take"):
        podman.require()


def test_podman_s_own_message_is_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "podman"
    program.write_text(
        "#!/bin/sh\necho 'failed to connect to syslog: x' >&2\necho 'Error: no such thing' >&2\nexit 125\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(StrataError, match=r"^podman rm it: Error: no such thing$"):
        podman.podman("rm", "it")
