"""What becomes of a host that does not answer as it should."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from strata.plan.ask import result, take
from strata.plan.conversation import Conversation, SilenceError

MIB = 2**20


def heard(program: str, told: bytes = b"", seconds: float = 20, silent: float = 20) -> tuple[list[dict[str, Any]], str]:
    """Return the answers of a shell's program, and why there are no more."""
    found = []
    command = ["/bin/sh", "-c", program]
    with contextlib.closing(Conversation(command, told, line_bytes=MIB, total_bytes=2 * MIB)) as conversation:
        try:
            for answer in conversation.answers(seconds=seconds, silent_seconds=silent):
                found.append(answer)  # noqa: PERF402 - they are kept if it raises
        except SilenceError as error:
            return found, str(error)
    return found, ""


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("true", "it stopped with exit code 0 and said: nothing"),
        ("echo a; echo b >&2", "what it says is not an answer: a"),
        (r"printf '\033[31mred\n'", "what it says is not an answer: ?[31mred"),
        ("echo '[1]'", "what it says is not an answer: [1]"),
        ("echo 'Permission denied' >&2; exit 255", "unreachable: Permission denied"),
        ("echo one >&2; printf '\\033two\\n' >&2; exit 9", "it stopped with exit code 9 and said: ?two"),
        ("printf 'half a line'; exit 1", "it stopped with exit code 1 and said: half a line"),
        ("kill -9 $$", "it stopped with exit code -9 and said: nothing"),
        ("printf '[%.0s' $(seq 100000); echo", "what it says is not an answer: " + "[" * 80),
        ("tr '\\0' x </dev/zero", "it says more than 1048576 bytes"),
        ("yes '{}'", "it says more than 2097152 bytes"),
        ("tr '\\0' x </dev/zero >&2 & exec sleep 60", "it has said nothing for 1 s"),
    ],
)
def test_what_is_said_instead_of_answers(program: str, why: str) -> None:
    begin = time.monotonic()
    _, said = heard(program, told=b"x" * 4 * MIB, silent=1)  # more than a pipe takes, and nobody reads it
    assert said == why
    assert time.monotonic() - begin < 10


def test_answers_come_as_they_are_said() -> None:
    answers, why = heard(
        """echo '{"number": 0}'; printf '{"number"'; sleep 0.1; echo ': 1}'; cat | wc -c >&2""", b"12", 1
    )
    assert answers == [{"number": 0}, {"number": 1}]
    assert why == "it takes longer than 1 s"


def test_nothing_lives_longer_than_the_conversation(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); print('{}'); sys.stdin.read()"
    )
    command = [sys.executable, "-u", "-c", program, str(tmp_path / "process")]
    with contextlib.closing(Conversation(command, b"", line_bytes=MIB, total_bytes=MIB)) as conversation:
        assert next(conversation.answers(seconds=20, silent_seconds=20)) == {}
    assert not Path("/proc", (tmp_path / "process").read_text()).exists()


def test_what_keeps_the_errors_open_is_not_waited_for() -> None:
    """As a connection does that is shared from now on."""
    begin = time.monotonic()
    assert heard("sleep 8 >/dev/null & echo gone >&2; exit 255")[1] == "unreachable: gone"
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([{"wrong": "a sentence"}], "a sentence"),
        ([{"number": 1, "said": "{}"}], "it answers what it was not asked"),
        ([{"number": True}], "it answers what it was not asked"),
        ([{"number": "0"}], "it answers what it was not asked"),
        ([{"end": 2}], "it answers what it was not asked"),
        ([{"number": 0, "said": "{}"}, {"needs": "x"}], "it answers what it was not asked"),
        ([{"number": 0}, {"number": 1}, {"number": 2}], "it answers what it was not asked"),
        ([{}], "it answers what it was not asked"),
        ([{"number": 0}], "it stops before its last answer"),
    ],
)
def test_answers_to_another_question(answers: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(SilenceError) as raised:
        take(iter(answers), {}, 2)
    assert str(raised.value) == why


def test_answers_in_order() -> None:
    results: dict[int, dict[str, Any]] = {}
    said = [{"number": 0, "said": '{"changed": true}'}, {"number": 1, "problem": "it is slow"}, {"end": 2}]
    assert take(iter(said), results, 2)
    assert results == {0: {"changed": True}, 1: {"failed": True, "msg": "it is slow"}}
    assert not take(iter([{"needs": "files"}]), {}, 2)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"said": '\n{"a": 1}\n'}, {"a": 1}),
        ({"said": 'before\n{broken\n{"a": {"b": 2}} after\n{"a": 3}'}, {"a": {"b": 2}}),
        ({"said": "", "errors": " at last "}, {"failed": True, "msg": "it gives no result, but says: at last"}),
        ({"said": 5}, {"failed": True, "msg": "it gives no result, but says: 5"}),
        ({"said": "[1]"}, {"failed": True, "msg": "it gives no result, but says: [1]"}),
        ({"said": '{"a":' * 100000}, {"failed": True, "msg": "it gives no result, but says: " + ('{"a":' * 100)}),
        ({}, {"failed": True, "msg": "it says nothing"}),
    ],
)
def test_a_result_among_other_words(answer: dict[str, Any], found: dict[str, Any]) -> None:
    assert result(answer) == found
