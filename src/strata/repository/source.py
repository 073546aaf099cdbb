"""YAML files as data that knows its lines, and what can be wrong with a file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from strata.errors import StrataError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, order=True)
class Violation:
    """Something wrong in a file of the repository; `path` is relative to the repository."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        """Return the violation as compilers print it."""
        return f"{self.path}:{self.line}: {self.message}"


class BrokenFileError(StrataError):
    """A file that can't be read as what it should be."""

    def __init__(self, violation: Violation) -> None:
        """Remember what is wrong and where."""
        super().__init__(str(violation))
        self.violation = violation


@dataclass(frozen=True)
class Source:
    """One file of the repository at `root`."""

    root: Path
    path: Path

    def violation(self, line: int, message: str) -> Violation:
        """Return a violation in this file."""
        return Violation(self.path.relative_to(self.root).as_posix(), line, message)

    def broken(self, line: int, message: str) -> BrokenFileError:
        """Return the error that this file can't be used."""
        return BrokenFileError(self.violation(line, message))

    def text(self) -> str:
        """Return the file's text, "" where there is no file. Raises BrokenFileError."""
        try:
            # Not read_text, which takes a lone carriage return for the end of a line.
            return self.path.read_bytes().decode()
        except FileNotFoundError:
            return ""
        except (OSError, ValueError) as error:
            raise self.broken(1, f"can't be read: {error}") from None

    def load(self) -> Any:
        """Return the file's YAML as Ansible reads it (YAML 1.1), None for an empty or absent file.

        It is read once, and not to be changed. Raises BrokenFileError.
        """
        # Importing ruamel.yaml takes as long as all else that a verb without YAML does at its start.
        from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415
        from ruamel.yaml.reader import ReaderError  # noqa: PLC0415

        from strata.repository import bounds  # noqa: PLC0415 - as above

        text = self.text()
        if "*" in text and "&" in text:  # else nothing stands for more than itself
            bounds.check(self, text)
        try:
            return _parsed(text)
        except RecursionError:
            raise self.broken(1, "is nested too deeply") from None
        except MarkedYAMLError as error:
            problem = str(error.problem).partition("\n")[0].strip()
            mark = error.problem_mark or error.context_mark
            raise self.broken(mark.line + 1 if mark else 1, f"is not valid YAML: {problem}") from None
        except ReaderError as error:
            broken = self.broken(text.count("\n", 0, error.position) + 1, f"is not valid YAML: {error.reason}")
            raise broken from None
        except (YAMLError, ValueError, AssertionError) as error:
            raise self.broken(1, f"is not valid YAML: {error}") from None

    def mapping(self) -> dict[str, Any]:
        """Return the file's mapping, {} for an empty or absent file. Raises BrokenFileError."""
        return self.section(self.load(), "the file")

    def sequence(self) -> list[Any]:
        """Return the file's list, [] for an empty or absent file. Raises BrokenFileError."""
        return self.items(self.load(), "the file")

    def section(self, value: Any, what: str, at: int = 1) -> dict[str, Any]:
        """Return `value`, a mapping, {} for None. Raises BrokenFileError at line `at`."""
        if value is not None and not isinstance(value, dict):
            raise self.broken(at, f"{what} must be a mapping, not {type(plain(value)).__name__}")
        return {} if value is None else value

    def items(self, value: Any, what: str, at: int = 1) -> list[Any]:
        """Return `value`, a list, [] for None. Raises BrokenFileError at line `at`."""
        if value is not None and not isinstance(value, list):
            raise self.broken(at, f"{what} must be a list, not {type(plain(value)).__name__}")
        return [] if value is None else value


def line(node: Any, key: object = None) -> int:
    """Return the line of a mapping or list that `Source.load` gave, or of one of its keys or indices."""
    if not hasattr(node, "lc"):
        return 1
    position = node.lc.data.get(key) if node.lc.data else None
    return int(position[0] if position else node.lc.line) + 1


def position(node: Any, key: object, *, value: bool = False) -> tuple[int, int]:
    """Return row and column, from 0, of a key or an index of what `Source.load` gave, or of the value of a key."""
    place = node.lc.data[key]
    return (place[2], place[3]) if value else (place[0], place[1])


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Any:
    from ruamel.yaml import YAML  # noqa: PLC0415 - as in `load`

    yaml = YAML()
    yaml.version = (1, 1)
    yaml.preserve_quotes = True
    return yaml.load(text)


def plain(value: Any) -> Any:
    """Return a loaded value in Python's own types."""
    from ruamel.yaml.comments import TaggedScalar  # noqa: PLC0415 - as above

    if isinstance(value, dict):
        return {plain(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, TaggedScalar):
        return plain(value.value)
    return next((kind(value) for kind in (str, int, float) if isinstance(value, kind)), str(value))
