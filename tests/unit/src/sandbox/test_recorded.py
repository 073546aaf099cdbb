"""What is recorded beside the sandbox's inventory is what `strata facts record` would write."""

from __future__ import annotations

import json

from strata.repository import inventory
from strata.sandbox import recorded
from strata.sandbox.declared import SOURCE


def test_the_files_are_those_of_the_inventory() -> None:
    there = {f"{path.relative_to(SOURCE / 'recorded')}" for path in (SOURCE / "recorded").rglob("*") if path.is_file()}
    made = recorded.files()
    assert {path for path in there if not path.startswith("facts/")} == set(made)
    for path, text in made.items():
        assert (SOURCE / "recorded" / path).read_text() == text, "run `bin/strata facts record`"


def test_each_host_has_facts_and_no_real_key() -> None:
    for source in (SOURCE, SOURCE.with_name("example")):
        for host in inventory.hosts(source):
            facts = json.loads((source / f"recorded/facts/{host.name}.json").read_text())
            assert facts["ssh_host_keys"] == [recorded.public_key(host.name)]
            assert facts["distribution"] == "Debian"
