"""Answers are lines that debconf reads, or refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.strata.apt import debconf
from ansible.module_utils.strata.errors import DeclarationError

ANSWER = {
    "package": "postfix",
    "question": "postfix/mailname",
    "type": "string",
    "value": "example.org",
    "secret_value": None,
    "origin": "mail__apt_debconf",
}


def test_answers_are_lines_of_debconf() -> None:
    secret = {"question": "postfix/key", "type": "password", "value": None, "secret_value": "canary"}
    one, two = debconf.parse_answers([ANSWER, ANSWER | secret, ANSWER])
    assert one.line == "postfix postfix/mailname string example.org\n"
    assert two.line == "postfix postfix/key password canary\n"
    assert "canary" not in repr(two)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"value": None}, "needs either value or secret_value"),
        ({"secret_value": "x"}, "needs either value or secret_value"),
        ({"type": "password"}, "is a password: give it as secret_value"),
        ({"value": "a\nb c string d"}, "an answer of one line"),
        ({"package": "a b"}, "needs the name of a package"),
    ],
)
def test_wrong_answers_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        debconf.parse_answers([ANSWER | wrong])


def test_two_answers_to_one_question_are_refused_with_both_origins() -> None:
    with pytest.raises(DeclarationError, match=r"\(web__apt_debconf\) differs from that of mail__apt_debconf"):
        debconf.parse_answers([ANSWER, ANSWER | {"value": "other", "origin": "web__apt_debconf"}])
