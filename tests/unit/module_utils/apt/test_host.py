"""What dpkg-query prints is understood."""

from __future__ import annotations

from ansible.module_utils.strata.apt import host
from ansible.module_utils.strata.apt.host import Package

from .sample import HELD


def test_query_is_parsed():
    output = "ii \tmawk\tamd64\t1.3\tawk, other (= 1.2)\t\nhi \ttzdata\tall\t2026a\t\t\n"
    mawk, tzdata = host.parse_query(output).packages
    assert mawk == Package("ii ", "mawk", "amd64", "1.3", frozenset({"awk", "other"}))
    assert tzdata == HELD
