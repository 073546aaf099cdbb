"""The rules that every change to the repository must keep.

A rule is a function that yields what breaks it; the first line of its docstring is the rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strata.repository.checkout import Repository
from strata.repository.source import BrokenFileError, Violation
from strata.rules import (
    contributions,
    dependencies,
    files,
    imports,
    inventories,
    metadata,
    names,
    parameters,
    plays,
    tasks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Rule = Callable[[Repository], Iterator[Violation]]

#: What all others rely on: where it is broken, nothing else is read.
FIRST: Rule = files.yaml_is_bounded

RULES: tuple[Rule, ...] = (
    files.files_are_readable,
    plays.plays_name_project_roles,
    plays.plays_begin_with_preflight,
    plays.hosts_are_in_one_play,
    inventories.inventory_files_are_readable,
    inventories.inventories_hold_together,
    dependencies.dependencies_are_bare_names,
    dependencies.dependencies_point_down,
    dependencies.dependencies_make_no_cycle,
    metadata.roles_have_a_version,
    metadata.requirements_are_met,
    metadata.roles_have_an_example,
    metadata.left_behind_is_a_list,
    metadata.ranges_are_of_numbers,
    metadata.numbers_have_a_range,
    tasks.tasks_are_one_block,
    tasks.tasks_compose_no_roles,
    tasks.tasks_are_few,
    tasks.tasks_hide_nothing,
    tasks.handlers_are_notified,
    names.expressions_name_known_variables,
    names.expressions_name_known_keys,
    names.expressions_stay_the_same,
    parameters.specs_describe_the_role,
    parameters.options_are_the_defaults,
    parameters.options_are_typed,
    parameters.defaults_carry_the_role_name,
    parameters.vars_flow_down,
    parameters.vars_are_set_once,
    contributions.contributions_have_a_collector,
    contributions.collectors_read_by_the_lookup,
    files.roles_have_a_scenario,
    files.roles_have_tests,
    files.generated_pages_are_current,
    files.plugins_shadow_no_builtin,
    files.modules_are_small,
    imports.imports_run_downward,
)


def check(root: Path) -> list[Violation]:
    """Return all that breaks a rule in the checkout at `root`, sorted; a file that can't be read is one of them."""
    repository = Repository(root)
    if unbounded := sorted(FIRST(repository)):
        return unbounded
    found: set[Violation] = set()
    for rule in RULES:
        try:
            found.update(rule(repository))
        except BrokenFileError as error:
            found.add(error.violation)
    return sorted(found)
