"""Talking to a host's runner, which may say anything, or nothing, for as long as it likes."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import time
from typing import TYPE_CHECKING, Any

from strata import processes
from strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

#: So much is read or written at once.
PART = 2**16

#: So much of what a program says beside its answers is kept, to say why it ended.
TAIL = 4096

#: Seconds in which a program that has closed its output ends, and in which its last words come.
GRACE = 2.0

#: The exit code by which ssh says that it is its own.
UNREACHABLE = 255


class SilenceError(StrataError):
    """Why a host's answers are not what they should be, or are not there."""


class Conversation:
    """A program that is started, told something, and answers by lines of JSON until the conversation is closed.

    Its standard input stays open until then: its end is how the program learns that nobody listens any more.
    """

    def __init__(self, command: Sequence[str], told: bytes, *, line_bytes: int, total_bytes: int) -> None:
        """Start the program.

        Args:
            command: the program and its arguments.
            told: what it gets on its standard input.
            line_bytes: how long a line may be.
            total_bytes: how long all of them together may be.

        """
        processes.check()
        self._told = memoryview(told)
        self._line_bytes, self._total_bytes = line_bytes, total_bytes
        self._errors = b""
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
        )
        self._selector = selectors.DefaultSelector()
        for stream, event in (("stdin", selectors.EVENT_WRITE), ("stdout", selectors.EVENT_READ)):
            self._register(stream, event)
        self._register("stderr", selectors.EVENT_READ)

    def _register(self, stream: str, event: int) -> None:
        file = self._stream(stream)
        os.set_blocking(file.fileno(), False)
        self._selector.register(file, event, stream)

    def _stream(self, name: str) -> IO[bytes]:
        stream: IO[bytes] = getattr(self._process, name)
        return stream

    def close(self) -> None:
        """End the program, if it has not ended."""
        self._process.kill()
        self._process.wait()
        self._selector.close()
        for name in ("stdin", "stdout", "stderr"):
            with contextlib.suppress(OSError):
                self._stream(name).close()

    def answers(self, *, seconds: float, silent_seconds: float) -> Iterator[dict[str, Any]]:
        """Give the program's answers.

        Args:
            seconds: how long all of it may take.
            silent_seconds: how long it may say nothing.

        Raises:
            SilenceError: it has ended, takes too long, says too much, or something else than JSON.

        """
        end = time.monotonic() + seconds
        heard, size, rest = time.monotonic(), 0, b""
        while True:
            left = min(end, heard + silent_seconds) - time.monotonic()
            if left <= 0:
                said = f"it has said nothing for {silent_seconds:.0f} s" if time.monotonic() < end else ""
                raise SilenceError(said or f"it takes longer than {seconds:.0f} s")
            part = self._heard(left)
            if part is None:
                continue
            if not part:
                raise SilenceError(self._why(rest))
            heard = time.monotonic()
            size += len(part)
            *lines, rest = (rest + part).split(b"\n")
            if size > self._total_bytes or len(rest) > self._line_bytes:
                raise SilenceError(f"it says more than {self._total_bytes if lines else self._line_bytes} bytes")
            yield from map(_answer, lines)

    def _heard(self, seconds: float) -> bytes | None:
        """Wait for what comes next; return it if it is an answer, b"" at the end of answers."""
        found = None
        for key, _ in self._selector.select(seconds):
            if key.data == "stdin":
                self._tell()
            elif key.data == "stderr":
                part = os.read(key.fd, PART)
                self._errors = (self._errors + part)[-TAIL:]
                if not part:
                    self._selector.unregister(key.fileobj)
            else:
                found = os.read(key.fd, PART)
        return found

    def _tell(self) -> None:
        stream = self._stream("stdin")
        try:
            self._told = self._told[os.write(stream.fileno(), self._told[:PART]) :]
        except BrokenPipeError:  # it has ended: what it said tells why
            self._told = self._told[:0]
        if not self._told:
            self._selector.unregister(stream)

    def _why(self, rest: bytes) -> str:
        """Return why there are no more answers."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._stream("stdout"))
        end = time.monotonic() + GRACE
        # A connection that is shared from now on keeps this open.
        while self._selector.get_map() and time.monotonic() < end and self._process.poll() != 0:
            before = len(self._errors)
            self._heard(0.2)
            if len(self._errors) == before:
                break
        said = (self._errors or rest).decode(errors="replace").strip().splitlines()
        last = _printable(said[-1]) if said else "nothing"
        code = self._process.poll()
        if code == UNREACHABLE:
            return f"unreachable: {last}"
        return f"it stopped with exit code {code} and said: {last}"


def _answer(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise SilenceError(f"what it says is not an answer: {_printable(line[:80].decode(errors='replace'))}")
    return answer


def _printable(text: str) -> str:
    """Return a text that does nothing to a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)
