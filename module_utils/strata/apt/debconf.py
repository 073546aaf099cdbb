"""Answers to the questions that packages ask when they are installed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")


@dataclass(frozen=True)
class Answer:
    """What `package` is answered when it asks a question."""

    package: str
    question: str
    kind: str
    value: str = field(repr=False)

    @property
    def line(self) -> str:
        """The answer as debconf-set-selections reads it."""
        return f"{self.package} {self.question} {self.kind} {self.value}\n"


def parse_answers(items: Iterable[Mapping[str, Any]]) -> list[Answer]:
    """Return the answers of a list of `{package, question, type, value or secret_value, origin}`.

    Raises:
        DeclarationError: debconf would not understand one, or a question has two answers.

    """
    found: dict[tuple[str, str], tuple[Answer, str]] = {}
    for item in items:
        where = f"the answer to {item['question']} of {item['package']} ({item['origin']})"
        given = [value for value in (item["value"], item["secret_value"]) if value is not None]
        if len(given) != 1:
            raise DeclarationError(f"{where} needs either value or secret_value")
        if item["type"] == "password" and item["secret_value"] is None:
            raise DeclarationError(f"{where} is a password: give it as secret_value, so that it is shown nowhere")
        if not _NAME.fullmatch(item["package"]) or not re.fullmatch(r"\S+", item["question"]) or "\n" in given[0]:
            raise DeclarationError(
                f"{where} needs the name of a package, a question without spaces, and an answer of one line"
            )
        answer = Answer(item["package"], item["question"], item["type"], given[0])
        first, asker = found.setdefault((answer.package, answer.question), (answer, item["origin"]))
        if first != answer:
            raise DeclarationError(f"{where} differs from that of {asker}")
    return [answer for answer, _ in found.values()]
