"""What a host's runner makes of modules, good and bad, on this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from strata.plan import ask as asking

if TYPE_CHECKING:
    from collections.abc import Callable

    from strata.plan.ask import Answers


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", f"{tmp_path}/tmp")


def left(folder: Path) -> list[Path]:
    return list((folder / "tmp").iterdir())


def lives(process: int) -> bool:
    """Tell whether a process runs, and is not only waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_modules_are_asked_in_one_call_and_two_the_first_time(asked: Callable[..., Answers], tmp_path: Path) -> None:
    wanted = tmp_path / "wanted"
    file = {"module": "ansible.builtin.file", "args": {"path": str(wanted), "state": "directory"}}
    first = asked("ansible.builtin.ping", file)
    assert (first.wrong, first.calls) == ("", 2)
    assert first.results[0]["ping"] == "pong"
    assert first.results[1]["changed"] is True
    assert first.results[1]["diff"]["after"]["state"] == "directory"
    again = asked("ansible.builtin.ping", file)
    assert (again.wrong, again.calls) == ("", 1)
    assert again.results[1]["changed"] is True
    assert not wanted.exists()
    assert not left(tmp_path)


def test_modules_that_give_no_result(asked: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a failure of its own, and those after it are asked for nevertheless."""
    monkeypatch.setattr(asking, "MODULE_SECONDS", 2)
    monkeypatch.setattr(asking, "MODULE_BYTES", 2**20)
    answers = asked("sleeps", "floods", "dies", "prints", "raises", "chats", "ansible.builtin.ping")
    assert answers.wrong == ""
    said = [answers.results[number].get("msg") for number in range(4)]
    assert said == [
        "it takes longer than 2 s",
        "it says more than 1048576 bytes",
        "it says nothing",
        "it gives no result, but says: no result",
    ]
    assert answers.results[4]["failed"] is True
    assert answers.results[4]["exception"]["event"]["msg"] == "it is broken"
    assert answers.results[5] == {"changed": True}
    assert answers.results[6]["ping"] == "pong"


def test_nothing_is_left(asked: Callable[..., Answers], tmp_path: Path) -> None:
    """Neither files nor processes; what has left its process group does not keep the others waiting."""
    begin = time.monotonic()
    answers = asked("leaves", "starts", "escapes")
    assert time.monotonic() - begin < 3
    assert answers.results[0]["path"].startswith(f"{tmp_path}/tmp/")
    assert not left(tmp_path)
    assert not lives(answers.results[1]["pid"])


def test_environment_and_user(asked: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: dict[str, Any] = {"module": "looks", "environment": {"HTTP_PROXY": "http://proxy.example.org"}}
    answers = asked(wanted, {**wanted, "user": "nobody"}, {**wanted, "user": "no-such-user"}, wanted)
    assert answers.results[0]["env"]["HTTP_PROXY"] == "http://proxy.example.org"
    assert answers.results[0]["user"] == answers.results[3]["user"] == os.geteuid()
    if os.geteuid() == 0:
        assert answers.results[1]["user"] != 0
        assert answers.results[1]["env"]["USER"] == "nobody"
        monkeypatch.setenv("SUDO_USER", "nobody")
        ways = [asked(wanted, {**wanted, "user": "root"}, sudo=sudo).results for sudo in (False, True)]
        users = [[bool(result["user"]) for result in results.values()] for results in ways]
        assert users == [[False, False], [True, False]]
    assert answers.results[2]["msg"] == (
        "it gives no result, but says: there is no user no-such-user that it could be run as"
    )


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_files_that_others_could_have_changed_are_not_used(
    asked: Callable[..., Answers], tmp_path: Path, mode: int
) -> None:
    assert asked("ansible.builtin.ping").wrong == ""
    (tmp_path / "kept").chmod(mode)
    (kept,) = (tmp_path / "kept").iterdir()
    kept.chmod(0o640)
    wrong = asked("ansible.builtin.ping").wrong
    named = tmp_path / "kept" if mode == 0o755 else kept
    assert wrong == f"{named} is not used: it is another user's, or others may use it; remove it"


def test_files_that_are_broken_are_sent_again_and_old_ones_removed(
    asked: Callable[..., Answers], tmp_path: Path
) -> None:
    assert asked("ansible.builtin.ping").calls == 2
    (kept,) = (tmp_path / "kept").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1])
    for number in range(3):
        old = tmp_path / "kept" / f"{number}.zip"
        old.touch(0o600)
        os.utime(old, (number, number))
    again = asked("ansible.builtin.ping")
    assert (again.wrong, again.calls) == ("", 2)
    assert kept.read_bytes() == whole
    assert sorted(each.name for each in (tmp_path / "kept").iterdir()) == sorted([kept.name, "1.zip", "2.zip"])


def test_no_place_for_files(asked: Callable[..., Answers], tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    assert asked("ansible.builtin.ping").wrong == f"{tmp_path}/kept cannot be used: File exists"


def test_a_connection_that_is_gone_ends_everything(
    asked: Callable[..., Answers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SILENT_SECONDS", 1)
    mark = tmp_path / "mark"
    answers = asked("ansible.builtin.ping", {"module": "sleeps", "environment": {"MARK": str(mark)}})
    assert answers.wrong == "it has said nothing for 1 s"
    deadline = time.monotonic() + 60
    while left(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left(tmp_path)
    assert not lives(int(mark.read_text()))
