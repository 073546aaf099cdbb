"""The rule of the role sudo for admins."""

from __future__ import annotations

import pytest

from .rendering import evaluate


@pytest.mark.parametrize(("group", "name"), [("sudo", "%sudo"), ("domain admins", r"%domain\ admins")])
def test_a_group_is_one_word(group: str, name: str) -> None:
    rule = evaluate("sudo", "_sudo_admin_rule", sudo_admin_group=group)
    assert rule["content"] == f"{name} ALL=(ALL:ALL) ALL"
