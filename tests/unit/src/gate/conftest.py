"""The small repository of the tests of what a change affects, and the plan of a change of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strata.affected.change import changed
from strata.affected.places import Places
from strata.affected.report import follow
from strata.affected.tree import Tree
from strata.gate.plan import Plan, plan
from strata.suite.checks import checks

from ..affected.conftest import Repository, repository, template  # noqa: F401, TC001 - fixtures

Planned = Callable[..., Plan]


@pytest.fixture
def planned(repository: Repository) -> Planned:  # noqa: F811
    """Plan the checks of what differs from the branch `main`."""

    def make(**options: bool) -> Plan:
        with changed(repository.root, None) as change:
            affected = follow(Places(Tree(change)), change.base, change.paths)
            former = repository.git("ls-tree", "-r", "--name-only", change.base).splitlines()
            return plan(affected, list(checks()), change.present, former, **options)

    return make
