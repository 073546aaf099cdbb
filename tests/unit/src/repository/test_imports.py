"""What a text of Python imports is what Python's own parser finds in it."""

from __future__ import annotations

import ast

import pytest

from strata.paths import ROOT
from strata.repository.imports import imports

TEXT = """\
from __future__ import annotations

import json
import os.path as path, sys
from . import sample
from ..above import (
    one,  # (why) it is here
    two as second,
)


def late() -> None:
    from strata.errors import StrataError  # noqa: PLC0415
"""


def test_all_forms_are_read() -> None:
    assert list(imports(TEXT)) == [
        ("__future__", ["annotations"]),
        ("json", []),
        ("os.path", []),
        ("sys", []),
        (".", ["sample"]),
        ("..above", ["one", "two"]),
        ("strata.errors", ["StrataError"]),
    ]


@pytest.mark.parametrize("folder", ["action_plugins", "src/strata/vendored", "tests/testinfra"])
def test_no_import_of_this_repository_is_missed(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        text = path.read_text()
        found = {(module, name) for module, names in imports(text) for name in names or [""]}
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                assert {(alias.name, "") for alias in node.names} <= found, path
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                assert {(module, alias.name) for alias in node.names} <= found, path
