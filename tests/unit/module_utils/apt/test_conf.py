"""Pins and settings are files, or refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.strata.apt import conf
from ansible.module_utils.strata.errors import DeclarationError


def test_pin_may_have_points_in_its_name() -> None:
    item = {"name": "a.b", "packages": ["*"], "pin": "release n=sid", "priority": -1, "origin": "x"}
    assert conf.pin_file(item)[0] == "/etc/apt/preferences.d/a.b.pref"


def test_pin_is_a_file() -> None:
    item = {"name": "new", "packages": ["git", "g*"], "pin": "release n=sid", "priority": 501, "origin": "x"}
    assert conf.pin_file(item) == (
        "/etc/apt/preferences.d/new.pref",
        "Package: git g*\nPin: release n=sid\nPin-Priority: 501\n",
    )
    for wrong in (
        {"priority": 0},
        {"pin": "sid"},
        {"pin": "release a\nPin-Priority: 1"},
        {"packages": ["a b"]},
        {"name": "a b"},
    ):
        with pytest.raises(DeclarationError, match=r"the pin new \(x\)|the name 'a b' \(x\)"):
            conf.pin_file(item | wrong)


def test_settings_are_a_file() -> None:
    given = {
        "Acquire::Retries": 3,
        "A::b": True,
        "A::Proxy::h-1.example.org": "DIRECT",
        "Empty": "",
        "L": ["a", "${b}"],
    }
    path, text = conf.conf_file({"name": "80strata", "settings": given, "origin": "x"})
    assert path == "/etc/apt/apt.conf.d/80strata"
    assert text.removeprefix(conf.MARK) == (
        'Acquire::Retries "3";\nA::b "true";\nA::Proxy::h-1.example.org "DIRECT";\n#clear L;\nL { "a"; "${b}"; };\n'
    )


@pytest.mark.parametrize(
    "wrong",
    [{'a"b': 1}, {"a": 'x"; DPkg::Pre-Invoke {"y'}, {"a": {"b": 1}}, {"a;b": 1}, {"P": "http://me:secret@example.org"}],
)
def test_settings_that_apt_would_misread_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match=r"fragment 80strata \(x\)") as caught:
        conf.conf_file({"name": "80strata", "settings": wrong, "origin": "x"})
    assert "secret" not in str(caught.value)
