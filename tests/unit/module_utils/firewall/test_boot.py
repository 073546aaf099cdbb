"""The files that bring the rules back at boot."""

import pytest
from ansible.module_utils.strata.firewall import boot


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
