"""What holds of the adapter to ansible-core: nothing else knows its private names, and another core is refused."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from ansible.release import __version__

from strata.catalog.core import CORES, site
from strata.errors import StrataError
from strata.paths import ROOT

if TYPE_CHECKING:
    from .conftest import Small

PACKAGE = ROOT / "src/strata/catalog"


def test_this_core_is_one_that_catalogs_are_compared_with() -> None:
    """If this fails: have tests/sandbox/oracle.py show no difference with the new core, then name it in CORES."""
    assert __version__.rpartition(".")[0] in CORES


@pytest.mark.parametrize("other", ["2.18.9", "2.22.0", "3.0.0"])
def test_another_core_is_refused(small: Small, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "__version__", other)
    small.play("- command: date")
    with pytest.raises(StrataError, match=f"and this is {other}"):
        small.catalog()


def test_what_is_private_is_used_in_the_adapter_alone() -> None:
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ansible"):
                assert node.module == "ansible.errors", path
            elif isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                assert isinstance(node.value, ast.Name), path
                assert node.value.id == "self", path
