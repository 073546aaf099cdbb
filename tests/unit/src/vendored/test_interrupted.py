"""A sync that is killed leaves nothing that the next one is misled by; two of them wait for each other."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import PATIENCE, git, wait

if TYPE_CHECKING:
    from .conftest import Checkout, Repo, Server

POINTS = int(os.environ.get("STRATA_SOAK", "3"))
SEED = os.environ.get("STRATA_SEED") or str(random.SystemRandom().randrange(10**6))
COUNT = 6


def files(number: int, state: int) -> dict[str, str]:
    return {f"{folder}/f{at}": f"{number} {state}\n" for folder in ("tasks", "files", "meta") for at in range(8)}


def commit(repos: list[Repo], state: int) -> None:
    for number, repo in enumerate(repos):
        parents = git(repo.path, "for-each-ref", "--format=%(objectname)").split()
        repo.files(files(number, state), *parents)


@pytest.fixture
def repos(server: Server, checkout: Checkout) -> list[Repo]:
    made = [server.repo(f"ansible-m{number}") for number in range(COUNT)]
    commit(made, 0)
    checkout.env(*((repo, "main") for repo in made))
    checkout.well("lock")
    checkout.well("sync")
    return made


def states(checkout: Checkout) -> list[dict[str, str]]:
    return [checkout.content(f"m{number}") for number in range(COUNT)]


def test_killed_at_random_points(repos: list[Repo], checkout: Checkout) -> None:
    moments = random.Random(SEED)
    killed = state = 0
    duration = 2 * PATIENCE
    while killed < POINTS:
        state += 1
        commit(repos, state)
        checkout.well("lock")
        start = time.monotonic()
        process = checkout.start("sync")
        with suppress(subprocess.TimeoutExpired):
            process.wait(duration * moments.random())
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            # It was faster than the moment was far: the next moments lie within the time that this one took.
            duration = time.monotonic() - start
        else:
            assert process.returncode == -signal.SIGKILL
            killed += 1
        for number, found in enumerate(states(checkout)):
            assert found in (files(number, state - 1), files(number, state)), f"half a role; STRATA_SEED={SEED}"
        checkout.well("sync")
        assert states(checkout) == [files(number, state) for number in range(COUNT)], f"STRATA_SEED={SEED}"
        assert checkout.well("check") == ""


def test_killed_git_is_in_nobody_s_way(repos: list[Repo], checkout: Checkout) -> None:
    """What a killed git leaves in the cache: locks, half a pack, a folder that is not a repository yet."""
    caches = sorted((checkout.root / ".strata/modules").glob("m*.git"))
    for name in ("shallow.lock", "config.lock", "HEAD.lock", "refs/strata/locked.lock", "objects/pack/tmp_pack_x"):
        for cached in caches[:3]:
            (cached / name).touch()
    (caches[3] / "HEAD").unlink()
    (caches[4] / "shallow").write_text("broken\n")
    (caches[5] / "refs/strata/locked").write_text("")
    commit(repos, 1)
    checkout.well("lock")
    checkout.well("sync")
    assert states(checkout) == [files(number, 1) for number in range(COUNT)]


def test_two_at_once_wait_for_each_other(repos: list[Repo], checkout: Checkout) -> None:
    commit(repos, 1)
    checkout.well("lock")
    with (checkout.root / ".strata/modules/busy").open("w") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        waiting = [checkout.start("sync") for _ in range(2)]
        for process in waiting:
            assert process.stderr is not None
            assert process.stderr.readline() == "strata: waiting for another run that works on the modules\n"
        assert states(checkout) == [files(number, 0) for number in range(COUNT)]
    outs = [process.communicate()[0].splitlines()[-1] for process in waiting]
    assert [process.returncode for process in waiting] == [0, 0]
    assert sorted(outs) == [f"0 done, {COUNT} unchanged, 0 failed", f"{COUNT} done, 0 unchanged, 0 failed"]
    assert states(checkout) == [files(number, 1) for number in range(COUNT)]


def test_interrupted_by_a_person(server: Server, checkout: Checkout) -> None:
    """Ctrl-C ends git too, even if it waits for a server."""
    repo = server.repo("ansible-x")
    repo.files({"a": "1"})
    checkout.env((repo, "main"))
    checkout.well("lock")
    server.pause()
    # Who runs the tests in the background lets them, and what they start, ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = checkout.start("sync")
    signal.signal(signal.SIGINT, before)
    wait(lambda: children(process.pid))
    (child,) = children(process.pid)
    # A second time if it is overheard: Python drops what is raised in the callback of a weak reference.
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            _, err = process.communicate(timeout=PATIENCE)
            break
    assert process.returncode == 130
    assert err == "vendor/roles: unfinished\n"
    wait(lambda: not running(child))


def children(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for path in lists for word in path.read_text().split()]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
