"""The gate's own rules: what of a change is about them, so that the rules of its base judge it too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strata.repository.prose import GENERATED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

#: The check that runs our own rules over all files.
LAYERS = "layer rules"
#: The settings of linters, and exceptions from rules.
SETTINGS = re.compile(
    r"pyproject\.toml|\.yamllint|\.ansible-lint(?:-ignore)?|typings/.+|inventories/exceptions\.yml|\.gitignore"
)
#: What decides which checks a change has, and what they demand.
RULES = re.compile(
    r"src/strata/(?:affected|gate|rules|suite)/.+|src/strata/verbs/(?:affected|gate|lint|test)\.py"
    rf"|src/strata/processes\.py|\.ci/.+|{SETTINGS.pattern}"
)
#: What the rules of the layers are themselves about: our own code, whose parts fit each other, and what it generates.
CODE = re.compile(rf"src/strata/.+|{SETTINGS.pattern}|{GENERATED.pattern}")
#: What the scenarios demand of each role.
DEMANDS = re.compile(
    r"tests/testinfra/shared/.+|tests/testinfra/conftest\.py|molecule/shared/.+|\.config/molecule/.+|molecule/[^/]+/budget"
)
UNIT_TEST = re.compile(r"tests/unit/(?:.+/)?test_[^/]+\.py")
#: Tests that are rules for the whole repository.
WHOLE = re.compile(r"tests/unit/test_[^/]+\.py")
HOST_TEST = re.compile(r"tests/(?:testinfra|sandbox)/(?:.+/)?test_[^/]+\.py")


def rules(changed: Sequence[str]) -> list[str]:
    """Return the changed paths that are rules of the gate."""
    return [path for path in changed if RULES.fullmatch(path)]


def tests(changed: Sequence[str], present: Collection[str], former: Collection[str]) -> list[str]:
    """Return the unit tests whose former text still counts: those that are gone, and changed ones that are rules."""
    return [
        path
        for path in changed
        if path in former and (UNIT_TEST.fullmatch(path) if path not in present else WHOLE.fullmatch(path))
    ]


def notes(changed: Sequence[str], present: Collection[str]) -> Iterator[str]:
    """Say what a reviewer has to look at, as no check can judge it."""
    for said, found in (
        ("changes the gate's own rules, so that those of its base judge it as well", rules(changed)),
        ("changes what the scenarios demand", [path for path in changed if DEMANDS.fullmatch(path)]),
        ("deletes tests", [path for path in changed if path not in present and _test(path)]),
    ):
        if found:
            yield f"the change {said}: {' '.join(found)}"


def _test(path: str) -> bool:
    return bool(UNIT_TEST.fullmatch(path) or HOST_TEST.fullmatch(path))
