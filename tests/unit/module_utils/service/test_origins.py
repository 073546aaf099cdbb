"""The variables that the lines of a service's files come from, as messages name them."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata.service import declared, origins

from .fake import DEFAULTS, file

PATH = "/etc/web.conf"
ORIGINS = {"Port": "web_ports", "Match": "web_match"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("Port 1\n", "Port 2\n", ": added 'Port 2' (web_ports), removed 'Port 1' (web_ports)"),
        ("Match a\n  Port 1\n", "Match a\n  Port 2\n", ": added 'Port 2' (web_match), removed 'Port 1' (web_match)"),
        ("Match a\n  Port 1\n", "Match a\n\n\tPort 1\n", ": added '', added 'Port 1', removed 'Port 1' (web_match)"),
        ("# a\n", "", ": removed '# a'"),
        ("", "", ""),
        ("", "Port\n" * 10, ": " + "added 'Port' (web_ports), " * 8 + "and 2 more"),
    ],
)
def test_changed_lines_have_their_variables(before: str, after: str, said: str) -> None:
    wanted = declared.parse(DEFAULTS | {"name": "web", "files": [file(PATH, after, origins=ORIGINS)]})
    diff = [{"before_header": PATH, "after_header": PATH, "before": before, "after": after}]
    assert origins.changed(diff, wanted.files) == f"{PATH}{said}"


def test_each_file_has_its_own_variables() -> None:
    wanted = declared.parse(DEFAULTS | {"name": "web", "files": [file(PATH, "", origins=ORIGINS)]})
    diff = [{"after_header": path, "before": "", "after": "Port 1\n"} for path in ("/etc/gone", PATH)]
    assert origins.changed(diff, wanted.files) == f"/etc/gone: added 'Port 1'; {PATH}: added 'Port 1' (web_ports)"
