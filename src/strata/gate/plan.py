"""Which checks a change needs, and why: data, from what the change affects."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from strata.affected.graph import EVERYTHING, Kind, Node, part, role
from strata.gate import own

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from strata.affected.report import Affected
    from strata.suite.checks import Check as Linter

#: Roles above the service roles: what is right for them is seen on hosts that have all their roles.
COMPOSED = ("ci_", "project_")
FLAT = "project-config/"
SANDBOX = part("sandbox")


class What(StrEnum):
    """What a check does; in the order in which checks are begun, cheapest first."""

    MERGE = "merge"
    LINT = "lint"
    LINT_BY_BASE = "lint by the base's rules"
    UNIT = "unit tests"
    TESTS_OF_BASE = "unit tests of the base"
    OLDEST = "unit tests on the oldest Python"
    SCENARIO = "scenario"
    UPGRADE = "upgrade"
    SANDBOX = "sandbox"
    SANDBOX_TESTS = "tests of the sandbox"


#: Seconds after which a check of a kind is taken to hang: several times what the longest one takes on a busy machine.
LIMITS = {
    What.MERGE: 60,
    What.LINT: 900,
    What.LINT_BY_BASE: 900,
    What.UNIT: 1800,
    What.TESTS_OF_BASE: 1800,
    What.OLDEST: 2400,
    What.SCENARIO: 3600,
    What.UPGRADE: 1800,
    What.SANDBOX: 3600,
    What.SANDBOX_TESTS: 3600,
}

#: The slow linters, which begin after the unit tests do.
SLOW = ("mypy", "ansible-lint")


@dataclass(frozen=True)
class Check:
    """One check: what it does, with what (a linter, a role, paths, hosts), and the shortest chain that says why."""

    what: What
    name: str
    why: tuple[str, ...]
    subject: str = ""
    paths: tuple[str, ...] = ()

    @property
    def repeated(self) -> bool:
        """Whether it may come out otherwise when it is tried again."""
        return self.what not in {What.MERGE, What.LINT, What.LINT_BY_BASE}

    @property
    def sandboxes(self) -> tuple[str, ...]:
        """The names of the sandboxes that it boots, which no other check may use at the same time."""
        match self.what:
            case What.SCENARIO | What.UPGRADE:
                return (f"molecule-{self.subject}",)
            case What.SANDBOX:
                return ("gate",)
            case What.SANDBOX_TESTS:
                return ("test", "other", "test-hosts")
        return ()


@dataclass(frozen=True)
class Plan:
    """The checks, in the order in which they are begun, and what a reviewer has to know beside them."""

    checks: list[Check]
    notes: list[str]


def plan(
    affected: Affected,
    linters: Sequence[Linter],
    present: Collection[str],
    former: Collection[str],
    *,
    dependents: bool = False,
) -> Plan:
    """Return the checks that a change needs.

    Args:
        affected: what it affects.
        linters: all linters there are.
        present: the paths of the files after the change.
        former: the paths of the files before it.
        dependents: whether the scenarios of roles that only depend on what changed are run too.

    """
    scenarios = [name for name in affected.scenarios if dependents or not _inherited(affected, name)]
    checks = [*_lint(affected, linters, present, former), *_tests(affected), *_on_hosts(affected, scenarios, former)]
    order = list(What)
    checks.sort(key=lambda check: order.index(check.what) if check.subject not in SLOW else order.index(What.OLDEST))
    return Plan(checks, [*own.notes(affected.changed, present), *_left_out(affected, scenarios)])


def _lint(
    affected: Affected, linters: Sequence[Linter], present: Collection[str], former: Collection[str]
) -> Iterator[Check]:
    yield Check(What.MERGE, "merges with the base", ("every change",))
    rules = own.rules(affected.changed)
    for linter in linters:
        concerned = linter.concerned(affected.changed, present)
        if concerned is not None:
            why = (*(concerned or affected.changed)[:1], "lint")
            yield Check(What.LINT, linter.name, why, linter.name, tuple(concerned))
            if rules:
                name, why = f"{linter.name}, by the base's rules", (rules[0], "the gate's own rules")
                yield Check(What.LINT_BY_BASE, name, why, linter.name, tuple(concerned))
    tests = own.tests(affected.changed, present, former)
    if tests:
        why = (tests[0], "the gate's own rules")
        yield Check(What.TESTS_OF_BASE, "unit tests that the base has", why, paths=tuple(tests))


def _tests(affected: Affected) -> Iterator[Check]:
    tests = tuple(affected.unit_tests)
    if not tests:
        return
    chain = min((_chain(affected, Node(Kind.FILE, path)) for path in tests), key=len)
    yield Check(What.UNIT, "unit tests", chain, paths=tests)
    oldest = [name for name in affected.parts if name.startswith("unit-")]
    python = next((path for path in affected.changed if path.endswith((".py", "requirements.txt"))), None)
    if oldest and python:
        name = f"unit tests, Python {oldest[0].removeprefix('unit-')}"
        yield Check(What.OLDEST, name, (python, part(oldest[0]).name), paths=tests)


def _on_hosts(affected: Affected, scenarios: Sequence[str], former: Collection[str]) -> Iterator[Check]:
    # Those of small roles, which are many, before those of what is built of them.
    for name in sorted(scenarios, key=lambda name: (name.startswith(COMPOSED), name)):
        why = _chain(affected, Node(Kind.SCENARIO, name))
        yield Check(What.SCENARIO, name, why, name)
        if f"molecule/{name}/molecule.yml" in former and role(name) in affected.chains:
            yield Check(What.UPGRADE, f"{name}, upgrade", why, name)
    hosts = [name for name in affected.hosts.get("sandbox", []) if _above(affected.chains[_host(name)])]
    if hosts:
        yield Check(What.SANDBOX, "sandbox", _chain(affected, _host(hosts[0])), paths=tuple(hosts))
    if SANDBOX in affected.chains and affected.chains[SANDBOX][-2].kind == Kind.FILE:
        yield Check(What.SANDBOX_TESTS, "tests of the sandbox", _chain(affected, SANDBOX))


def _left_out(affected: Affected, scenarios: Sequence[str]) -> Iterator[str]:
    names = [name for name in affected.scenarios if name not in scenarios]
    if names:
        yield f"what only depends on a changed role is validated by preflight; --dependents also runs {' '.join(names)}"


def _inherited(affected: Affected, scenario: str) -> bool:
    """Return whether a scenario is affected only because its role depends on one that is."""
    return sum(each.kind == Kind.ROLE for each in affected.chains[Node(Kind.SCENARIO, scenario)]) > 1


def _above(chain: Sequence[Node]) -> bool:
    """Return whether a chain to a host begins above the service roles."""
    roles = [node.name for node in chain if node.kind == Kind.ROLE]
    return EVERYTHING in chain or chain[0].name.startswith(FLAT) or not roles or roles[0].startswith(COMPOSED)


def _host(name: str) -> Node:
    return Node(Kind.HOST, f"sandbox/{name}")


def _chain(affected: Affected, node: Node) -> tuple[str, ...]:
    return tuple(map(str, affected.chains[node]))
