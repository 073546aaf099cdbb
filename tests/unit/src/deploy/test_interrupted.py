"""One deploy at a time; and one that is killed, at whatever point, is done by the next."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import TYPE_CHECKING

import pytest

from strata.deploy import runs, state
from strata.deploy.lock import at_work, held
from strata.errors import StrataError

from .conftest import ALL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Bastion

#: Every so many of the points at which something is written are tried.
EVERY = 4


def forked(what: Callable[[], object]) -> int:
    """Do something in a process of its own, and return its exit code."""
    process = multiprocessing.get_context("fork").Process(target=what)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def killed(bastion: Bastion, point: int) -> bool:
    """Deploy, and return whether it was killed at a point; there is one before and after each thing that is written."""
    passed = 0

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            step()
            result = function(*arguments, **options)
            step()
            return result

        return call

    def step(*_: object) -> None:
        nonlocal passed
        passed += 1
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        with pytest.MonkeyPatch.context() as patch:
            for place, name in ((state.Store, "_write"), (runs.Runs, "_append"), (os, "fsync"), (os, "symlink")):
                patch.setattr(place, name, counted(getattr(place, name)))
            bastion.during = step
            os._exit(0 if bastion.deploy() else 1)

    code = forked(work)
    assert code in {0, -signal.SIGKILL}, code
    return code != 0


def test_whatever_a_killed_deploy_left_is_done_by_the_next(deployed: Bastion) -> None:
    point, tried = 1, 0
    while True:
        text = f"text{point}"
        deployed.commit(review=text, static=text)
        if not killed(deployed, point):
            break
        assert not at_work(deployed.kept)
        assert deployed.deploy()
        assert [deployed.has(host) for host in ALL[1:]] == [text] * 4
        assert {deployed.store.host(host).begun for host in ALL} == {""}
        deployed.deploy()
        assert deployed.asked == []
        point, tried = point + EVERY, tried + 1
    assert tried >= 10


def test_a_second_deploy_says_whose_the_first_is_and_since_when(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(StrataError, match=rf"at work: .+'s, process {os.getpid()}, since 20..-"):  # noqa: SIM117
        with held(tmp_path):
            raise AssertionError
    assert not at_work(tmp_path)


def test_the_lock_is_held_by_who_inherits_it(tmp_path: Path) -> None:
    with held(tmp_path) as descriptor:
        inherited = os.dup(descriptor)
    assert at_work(tmp_path)
    with held(tmp_path, inherited):
        assert at_work(tmp_path)
        assert not os.get_inheritable(inherited), "what we start must not keep it"
    assert not at_work(tmp_path)
