"""What a server shall have by a tree: texts, groups and parents; and what is left out, with its reason."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from strata.project_config.desired import desired

from .conftest import ANVIL, FILE

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Sample

ROCKET = """\
- project: acme/anvil
- project: acme/rocket
"""


def test_projects_that_share_an_acl_have_descriptions_of_their_own(sample: Sample) -> None:
    anvil, rocket = desired(sample.load()).projects
    assert (anvil.name, anvil.groups, anvil.parent, anvil.acl) == ("acme/anvil", ("anvil-core",), None, ANVIL)
    for project, description in ((anvil, "Heavy things"), (rocket, "Fast things")):
        assert project.config == sample.text(ANVIL).replace(
            "[receive]", f"[project]\ndescription = {description}\n\n[receive]"
        )


def test_the_acls_own_description_wins(sample: Sample) -> None:
    sample.write(ANVIL, "[project]\ndescription = Mine\n")
    assert desired(sample.load()).projects[0].config == "[project]\ndescription = Mine\n"


@pytest.mark.parametrize("text", ['Say "hello"', "a # b; c", r"back\slash", "Grüße"])
def test_git_reads_the_description_that_was_declared(sample: Sample, tmp_path: Path, text: str) -> None:
    sample.replace(FILE, "Heavy things", f"'{text}'")
    path = tmp_path / "project.config"
    path.write_text(desired(sample.load()).projects[0].config)
    command = ["git", "config", "--file", path, "project.description"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{text}\n"


def test_an_acl_out_of_form_is_put_in_form(sample: Sample) -> None:
    text = sample.text(ANVIL)
    expected = desired(sample.load()).projects
    sample.write(ANVIL, text.replace("abandon", "\tabandon").replace("\n", "\r\n"))
    state = desired(sample.load())
    assert (state.projects, state.problems, state.errors) == (expected, {}, [])


def test_a_broken_acl_leaves_its_projects_out_and_no_others(sample: Sample) -> None:
    sample.write(FILE, ROCKET)
    sample.write("gerrit/acls/acme/rocket.config", "[access\n")
    state = desired(sample.load())
    assert [project.name for project in state.projects] == ["acme/anvil"]
    assert list(state.problems) == ["acme/rocket"]
    assert state.problems["acme/rocket"].startswith("gerrit/acls/acme/rocket.config:1: [access is not the header")
    assert state.errors == []


@pytest.mark.parametrize(
    "line", ["  acl-config: acls/none.config", "  upstream: ext::sh -c date", "  upstream: --upload"]
)
def test_errors_of_the_list_are_told_apart(sample: Sample, line: str) -> None:
    sample.write(FILE, f"- project: acme/anvil\n{line}\n")
    assert [(error.path, error.line) for error in desired(sample.load()).errors] == [(FILE, 2)]


def test_parents_that_go_round_are_left_out(sample: Sample) -> None:
    sample.write(FILE, f"{ROCKET}- project: acme/tail\n")
    for name, parent in (("anvil", "rocket"), ("rocket", "anvil"), ("tail", "anvil")):
        sample.write(f"gerrit/acls/acme/{name}.config", f"[access]\ninheritFrom = acme/{parent}\n")
    state = desired(sample.load())
    assert [(project.name, project.parent) for project in state.projects] == [("acme/tail", "acme/anvil")]
    assert state.problems["acme/anvil"] == f"{ANVIL}: inheritFrom leads back to acme/anvil itself"


def test_branch_and_upstream_go_along(sample: Sample) -> None:
    url = "https://git.example.org/anvil"
    sample.write(FILE, f"- project: acme/anvil\n  upstream: {url}\n  default-branch: refs/heads/devel\n")
    (project,) = desired(sample.load()).projects
    assert (project.upstream, project.branch) == (url, "devel")


def test_groups_that_expressions_name_are_asked_for_where_a_rule_of_the_tree_names_them(sample: Sample) -> None:
    sample.write(FILE, "- project: acme/anvil\n- project: acme/rocket\n")
    sample.write(ANVIL.replace("anvil", "rocket"), '[access "refs/*"]\nread = group rocket-core\n')
    expression = "uploaderin:rocket-core OR uploaderin:nobody"
    sample.write(ANVIL, f'{sample.text(ANVIL)}\n[submit-requirement "Seen"]\nsubmittableIf = {expression}\n')
    anvil, rocket = desired(sample.load()).projects
    assert (anvil.groups, anvil.asked, rocket.asked) == (("anvil-core",), ("rocket-core",), ())
