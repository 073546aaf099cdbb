"""The files of sudo's rules."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

spec = importlib.util.spec_from_file_location(
    "sudoers_files", Path(__file__).parents[3] / "filter_plugins/sudoers_files.py"
)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
sudoers_files = module.FilterModule().filters()["sudoers_files"]


def rule(**keys: Any) -> dict[str, Any]:
    return {"name": "web", "content": "%users ALL = /usr/bin/id", "origin": "web__sudo_rules"} | keys


def test_each_rule_is_a_file_in_its_order() -> None:
    two, one = sudoers_files([rule(name="Two_2"), rule(name="1-one", content="  one\n\ttwo\n\n")])
    assert [two["path"], one["path"]] == ["/etc/sudoers.d/strata-Two_2", "/etc/sudoers.d/strata-1-one"]
    assert one == {
        "path": "/etc/sudoers.d/strata-1-one",
        "mode": "0440",
        "origin": "web__sudo_rules",
        "validate": "visudo --check --file=%s",
        "content": "# Strata keeps this file, for web__sudo_rules.\none\n\ttwo\n",
    }


def test_no_rule_is_no_file() -> None:
    assert sudoers_files([]) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [("../x", '"../x"'), ("web\n", r'"web\n"'), ("a.b", '"a.b"'), ("web~", '"web~"'), ("é", '"é"'), ("", '""')],
)
def test_a_name_that_sudo_would_leave_out_is_refused(name: str, shown: str) -> None:
    with pytest.raises(
        AnsibleFilterError, match=rf"^web__sudo_rules: {re.escape(shown)} is not a valid name of a rule: "
    ):
        sudoers_files([rule(), rule(name=name)])


def test_a_rule_without_content_is_refused() -> None:
    bare = rule()
    del bare["content"]
    for wrong in (bare, rule(content=None)):
        with pytest.raises(AnsibleFilterError, match=r"^web__sudo_rules: the rule web needs content$"):
            sudoers_files([wrong])
