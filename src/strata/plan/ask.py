"""Asking a host, in one remote call, what of its catalog is not so."""

from __future__ import annotations

import contextlib
import json
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.plan.conversation import Conversation, SilenceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strata.catalog.core.payloads import Packed

RUNNER = Path(__file__).with_name("runner.py").read_bytes()

#: Seconds and bytes that a module may take and say, and those of a whole host.
MODULE_SECONDS, MODULE_BYTES = 120, 4 * 2**20
HOST_SECONDS, HOST_BYTES = 900, 64 * 2**20

#: More seconds than a module may take, for a host that must be reached first.
SILENT_SECONDS = MODULE_SECONDS + 60

#: Bytes of a line as JSON writes what a module says.
LINE_BYTES = 6 * MODULE_BYTES

#: The interpreter takes the runner, whose length stands in the first line, from its standard input.
BEGIN = (
    "import sys,json;i=sys.stdin.buffer;a,b,c=map(int,i.readline(99).split());e={'__name__':'runner'};"
    "exec(compile(i.read(a),'runner','exec'),e);e['main'](json.loads(i.read(b)),i.read(c))"
)


@dataclass(frozen=True)
class Answers:
    """What a host said.

    Attributes:
        results: the result of each resource that was asked for, by its number; of one that says none, a failure.
        wrong: why the others are not there, "" if they all are.
        calls: how many remote calls it took.
        seconds: how long it took.

    """

    results: dict[int, dict[str, Any]]
    wrong: str
    calls: int
    seconds: float


def ask(command: Sequence[str], interpreter: str, request: dict[str, Any], files: Packed) -> Answers:
    """Ask a host for the results of resources.

    Args:
        command: what runs a command line on the host, which is its last argument.
        interpreter: the host's Python, as a command line.
        request: what the runner's `main` takes, without what is said here.
        files: those of the modules.

    """
    start = time.monotonic()
    limits = {"seconds": MODULE_SECONDS, "bytes": MODULE_BYTES}
    text = json.dumps({**request, **limits, "files": files.digest}).encode()
    line = [*command, f"{interpreter} -I -c {shlex.quote(BEGIN)}"]
    results: dict[int, dict[str, Any]] = {}
    calls, wrong = 0, ""
    for sent in (b"", files.content):
        calls += 1
        head = b"%d %d %d\n" % (len(RUNNER), len(text), len(sent))
        conversation = Conversation(line, head + RUNNER + text + sent, line_bytes=LINE_BYTES, total_bytes=HOST_BYTES)
        try:
            with contextlib.closing(conversation):
                answers = conversation.answers(seconds=HOST_SECONDS, silent_seconds=SILENT_SECONDS)
                if take(answers, results, len(request["resources"])):
                    break
        except SilenceError as error:
            wrong = str(error)
            break
    else:
        wrong = "it does not keep the files of modules that it is sent"
    return Answers(results, wrong, calls, time.monotonic() - start)


def take(answers: Iterator[dict[str, Any]], results: dict[int, dict[str, Any]], number: int) -> bool:
    """Take the answers of one call into `results`; return whether the host had the files of modules.

    Raises:
        SilenceError: they are not those to what was asked.

    """
    for answer in answers:
        if "needs" in answer and not results:
            return False
        if isinstance(answer.get("wrong"), str):
            raise SilenceError(answer["wrong"])
        if "end" in answer and len(results) == number:
            return True
        if type(answer.get("number")) is not int or answer["number"] != len(results) or len(results) == number:
            raise SilenceError("it answers what it was not asked")
        results[len(results)] = result(answer)
    raise SilenceError("it stops before its last answer")


def result(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a module in the host's answer; others may have spoken before and after it."""
    if "problem" in answer:
        return {"failed": True, "msg": f"{answer['problem']}"}
    said = f"{answer.get('said', '')}"
    decoder = json.JSONDecoder()
    at = 0
    for line in said.splitlines(keepends=True):
        if line.startswith("{"):
            with contextlib.suppress(ValueError, RecursionError):
                found: dict[str, Any] = decoder.raw_decode(said, at)[0]
                return found
        at += len(line)
    rest = said.strip() or f"{answer.get('errors', '')}".strip()
    return {"failed": True, "msg": f"it gives no result, but says: {rest[-500:]}" if rest else "it says nothing"}
