"""Names of hosts are those of the inventory, else the parameter and the nearest host are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader

filter_loader.add_directory(str(Path(__file__).parents[3] / "filter_plugins"))
of_inventory = filter_loader.get("of_inventory").j2_function


def test_hosts_are_given_as_they_are() -> None:
    assert of_inventory(["logs02", "", "logs01"], ["logs01", "logs02"], "x") == ["logs02", "", "logs01"]


@pytest.mark.parametrize(("name", "hint"), [("lgos01", r": did you mean 'logs01'\?"), ("db", "$")])
def test_what_is_no_host_is_named(name: str, hint: str) -> None:
    with pytest.raises(AnsibleFilterError, match=f"x: the inventory has no host '{name}'{hint}"):
        of_inventory(["logs01", name], ["logs01"], "x")
