"""What the role exim asks exim itself."""

from __future__ import annotations

import shlex

from .rendering import evaluate


def test_exim_is_asked_about_root_and_each_alias_that_shall_get_somewhere() -> None:
    aliases = [
        {"name": "backup", "to": ["storage"]},
        {"name": "nobody", "to": [":fail: no"]},
        {"name": "x y", "to": ["a"]},
    ]
    words = shlex.split(evaluate("exim", "_exim_routes", exim_aliases=aliases))
    assert words[:2] == ["sh", "-c"]
    assert words[3:] == ["sh", "root", "exim_sysadmins", "backup", "exim_aliases", "x y", "exim_aliases"]
