"""Bounds of YAML that nobody has reviewed yet: a few aliases in each other stand for more than any memory holds.

Only the parser looks at the text, which makes nothing of it but events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from strata.repository.source import Source

#: So many levels, and so many values by aliases in a file, are more than anybody writes.
MAX_DEPTH = 50
MAX_REPEATED = 10_000

#: The parser in C counts levels without a call for each.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check(source: Source, text: str, *, merge_keys: bool = True) -> None:
    """Check that a text's YAML is no larger than it looks.

    Args:
        source: the file, for messages.
        text: its text.
        merge_keys: whether `<<` may stand there.

    Raises:
        BrokenFileError: it is nested too deeply, aliases repeat too much, or it is not valid YAML.

    """
    try:
        count(source, text, merge_keys=merge_keys)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = str(error.problem or error.context).partition("\n")[0]
        raise source.broken(mark.line + 1 if mark else 1, f"is not valid YAML: {problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise source.broken(line, f"is not valid YAML: {error.reason}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise source.broken(1, f"is not valid YAML: {error}") from None


def count(source: Source, text: str, *, merge_keys: bool = True) -> None:
    """Do as `check`, but raise YAMLError or ValueError for what is not valid YAML."""
    seen = _Count(source)
    for event in yaml.parse(text, Loader=LOADER):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            seen.alias(event.anchor, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            seen.begin(event.anchor, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            seen.end()
        elif isinstance(event, yaml.ScalarEvent):
            seen.scalar(event.anchor)
            if not merge_keys and event.value == "<<" and not event.style:
                raise source.broken(line, "<< is not read here: write the keys out")


class _Count:
    """The values of a text, with those that aliases stand for."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._values = self._repeated = 0
        self._sizes: dict[str, int] = {}
        self._open: list[tuple[str | None, int]] = []

    def begin(self, anchor: str | None, line: int) -> None:
        """Count a list or mapping, whose values follow."""
        self._open.append((anchor, self._values))
        self._values += 1
        if len(self._open) > MAX_DEPTH:
            raise self._source.broken(line, f"is nested in more than {MAX_DEPTH} levels")

    def end(self) -> None:
        """Remember what the anchor of the list or mapping that ends stands for."""
        anchor, before = self._open.pop()
        if anchor:
            self._sizes[anchor] = self._values - before

    def scalar(self, anchor: str | None) -> None:
        """Count a scalar."""
        self._values += 1
        if anchor:
            self._sizes[anchor] = 1

    def alias(self, name: str, line: int) -> None:
        """Count what an alias stands for."""
        if name in (anchor for anchor, _ in self._open):
            raise self._source.broken(line, f"the alias *{name} stands in what it names")
        self._values += self._sizes.get(name, 0)
        self._repeated += self._sizes.get(name, 0)
        if self._repeated > MAX_REPEATED:
            raise self._source.broken(line, f"its aliases repeat more than {MAX_REPEATED} values: write some out")
