"""Which hosts and sandboxes the parts of the suite have."""

from __future__ import annotations

import re

from strata.paths import ROOT
from strata.suite.parts import SANDBOXES, all_parts, scenario_hosts


def test_a_scenario_has_its_hosts() -> None:
    assert scenario_hosts("limits") == ["deb13", "deb12", "probe"]
    assert scenario_hosts("limits", "targets") == ["deb13", "deb12"]


def test_each_part_that_boots_hosts_knows_them() -> None:
    parts = {part.name: part for part in all_parts()}
    assert parts["limits"].sandboxes == ("molecule-limits",)
    assert parts["limits"].hosts() == ["deb13", "deb12", "probe"]
    assert "static01" in parts["sandbox"].hosts()
    assert (parts["unit"].sandboxes, tuple(parts["unit"].hosts())) == ((), ())


def test_the_sandboxes_of_tests_are_known() -> None:
    texts = [path.read_text() for path in (ROOT / "tests/sandbox").glob("*.py")]
    named = {
        name for text in texts for name in re.findall(r'^NAME = "(.+)"$|STRATA_SANDBOX="(.+?)"', text, re.MULTILINE)
    }
    assert {name for names in named for name in names if name} == set(SANDBOXES)
