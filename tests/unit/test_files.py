"""Files of a host as values."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata.files import Change, File, Link, State, apply, plan, read

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("after", [File(b"new", uid=os.getuid(), gid=os.getgid()), Link("elsewhere")])
def test_what_a_killed_run_left_goes_away(tmp_path: Path, after: State) -> None:
    path = str(tmp_path / "a.conf")
    child = os.fork()
    if not child:
        os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        apply([Change(path, None, after)])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name != "a.conf"
    apply([Change(path, None, after)])
    assert [each.name for each in tmp_path.iterdir()] == ["a.conf"]
    assert read(path) == after


def test_a_link_goes_before_the_file_that_it_leads_to(tmp_path: Path) -> None:
    for folder in ("x-available", "x-enabled"):
        (tmp_path / folder).mkdir()
    old, new = (f"{tmp_path}/x-available/{name}.conf" for name in ("old", "new"))
    old_link, new_link = (path.replace("-available", "-enabled") for path in (old, new))
    mine = File(b"", uid=os.getuid(), gid=os.getgid())
    wanted = {old: mine, old_link: Link("../x-available/old.conf")}
    apply(plan(wanted))
    swapped = dict.fromkeys(wanted) | {new: mine, new_link: Link("../x-available/new.conf")}
    assert [change.path for change in plan(swapped)] == [new, new_link, old_link, old]
