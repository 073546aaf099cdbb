"""Expressions, by which Gerrit decides of submit requirements and copied votes, read as it reads its queries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a word is made of, and how words or quoted texts stand behind an operator.
WORD = r"[^\s!\"$%&'():;?\[\]{}-][^\s!\"$%&'():;?\[\]{}]*"
TEXT = rf'"(?:\\.|[^"\\])*"|\{{[^{{}}]*\}}|{WORD}'
TOKEN = re.compile(
    rf"\s*(?:(?P<operator>{WORD})\s*:\s*(?P<value>(?:{TEXT})(?::(?:{TEXT}))*)|(?P<bare>{TEXT})|(?P<mark>[()-]))"
)
JOINING = frozenset({"AND", "OR", "NOT", "and", "or", "not"})
DEEPEST = 50


class ExpressionError(Exception):
    """A text is not an expression; the message says why."""


@dataclass(frozen=True)
class Term:
    """`operator:value` as it is written; a word alone has no operator."""

    operator: str
    value: str
    text: str


def terms(text: str) -> list[Term]:
    """Return the terms of an expression. Raises ExpressionError."""
    return _Parser(text).whole()


class _Parser:
    """Reads the tokens one after another: terms, parentheses, AND, OR, NOT, and "" for the end."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.next: Term | str = next(self.tokens)
        self.found: list[Term] = []
        self.depth = 0

    def whole(self) -> list[Term]:
        self.either()
        if self.next:
            raise ExpressionError("a parenthesis is closed that was not opened, and Gerrit ignores what follows")
        return self.found

    def either(self) -> None:
        self.all()
        while self.took("OR"):
            self.all()

    def all(self) -> None:
        self.one()
        while self.took("AND") or self.next not in {"OR", ")", ""}:
            self.one()

    def one(self) -> None:
        self.took("NOT")
        if self.took("("):
            self.depth += 1
            if self.depth > DEEPEST:
                raise ExpressionError(f"parentheses stand more than {DEEPEST} deep")
            self.either()
            if not self.took(")"):
                raise ExpressionError("a parenthesis is not closed")
            self.depth -= 1
        elif isinstance(self.next, Term):
            self.found.append(self.next)
            self.next = next(self.tokens)
        else:
            raise ExpressionError(f"a term is missing {f'before {self.next}' if self.next else 'at the end'}")

    def took(self, token: str) -> bool:
        """Return whether this token is the next one, and go on behind it."""
        if self.next != token:
            return False
        self.next = next(self.tokens)
        return True


def _tokens(text: str) -> Iterator[Term | str]:
    at, end = 0, len(text.rstrip())
    while at < end:
        if not (match := TOKEN.match(text, at)):
            raise ExpressionError(
                f'`{text[at:].strip()}` is not a term: other marks stand in quotes, each written as \\" there'
            )
        at = match.end()
        if match["mark"]:
            yield "NOT" if match["mark"] == "-" else match["mark"]
        elif match["bare"] in JOINING:
            yield match["bare"].upper()
        elif match["bare"]:
            yield Term("", _plain(match["bare"]), match["bare"])
        else:
            yield Term(match["operator"], _plain(match["value"]), match[0].strip())
    yield ""


def _plain(text: str) -> str:
    """Return what a text means: without its quotes."""
    if text[0] == "{":
        return text[1:-1]
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] == '"' else text
