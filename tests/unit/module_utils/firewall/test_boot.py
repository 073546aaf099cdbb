"""The files that bring the rules back at boot."""

import pytest
from ansible.module_utils.strata.firewall import boot
from ansible.module_utils.strata.firewall.declared import V4, V6
from ansible.module_utils.strata.firewall.host import parse
from ansible.module_utils.strata.firewall.plan import NOTHING, transition, with_jump


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "NOFLUSH=yes\n"),
        ("# NOFLUSH=yes\nOTHER=1\n", "# NOFLUSH=yes\nOTHER=1\nNOFLUSH=yes\n"),
        ("NOFLUSH=no\nOTHER=1\n", "OTHER=1\nNOFLUSH=yes\n"),
        ("NOFLUSH=yes\nNOFLUSH=no\n", "NOFLUSH=yes\n"),
        ("NOFLUSH=yes\nOTHER=1\n", "NOFLUSH=yes\nOTHER=1\n"),
    ],
)
def test_a_shell_setting_holds(text, expected):
    assert boot.with_settings(text, {"NOFLUSH": "yes"}) == expected


@pytest.mark.parametrize("rules", [(), ("-i lo -j ACCEPT", "-j DROP")])
def test_what_is_loaded_at_boot_is_what_is_in_force(rules, tmp_path, monkeypatch):
    monkeypatch.setattr(boot, "DEFAULTS", str(tmp_path / "defaults"))
    owned = with_jump("strata-INPUT", rules)
    found = boot.desired_files("strata-INPUT", {V4: owned, V6: owned})
    for family in (V4, V6):
        _, saved = found[family.saved].content.decode().split("\n", 1)
        assert saved == transition("strata-INPUT", NOTHING, owned)
        loaded = parse(saved.replace("-I INPUT 1 ", "-A INPUT "), "strata-INPUT")
        assert loaded == owned
