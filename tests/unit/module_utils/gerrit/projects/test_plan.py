"""What is planned for the projects of a Gerrit, and which texts they get."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata.gerrit.projects.declared import Wanted
from ansible.module_utils.strata.gerrit.projects.host import Actual, Server
from ansible.module_utils.strata.gerrit.projects.plan import admitting, blob, groups_file, lock, plan, uuids

if TYPE_CHECKING:
    from pathlib import Path

CORE = {"anvil-core": "3f" * 20}
ANVIL = Wanted("acme/anvil", "[project]\ndescription = Heavy\n", ("anvil-core",), acl="gerrit/acls/acme/anvil.config")
GROUPS = groups_file(ANVIL.groups, CORE)
RIGHT = Actual("a" * 40, blob(ANVIL.config), blob(GROUPS), "master")


def server(**actual: Actual) -> Server:
    names = {name.replace("__", "/"): value for name, value in actual.items()}
    return Server(frozenset({"All-Projects", "All-Users", *names}), names, CORE)


def test_on_an_empty_server_all_is_made() -> None:
    found = plan([ANVIL], Server(), {})
    assert found.changes == ["group anvil-core is made", "project acme/anvil is made"]
    assert found.configs == [ANVIL]


def test_what_is_right_stays() -> None:
    found = plan([ANVIL], server(acme__anvil=RIGHT), {})
    assert (found.changes, found.touched, found.undeclared) == ([], [], [])


@pytest.mark.parametrize(
    "actual",
    [
        replace(RIGHT, config=blob("other")),
        replace(RIGHT, groups=None),
        replace(RIGHT, groups=blob(GROUPS + "more")),
        Actual(),
    ],
)
def test_what_differs_in_either_file_is_pushed(actual: Actual) -> None:
    assert plan([ANVIL], server(acme__anvil=actual), {}).changes == ["project acme/anvil gets its ACL"]


def test_a_groups_file_that_nobody_needs_goes() -> None:
    nobody = replace(ANVIL, groups=())
    assert plan([nobody], server(acme__anvil=RIGHT), {}).configs == [nobody]
    assert plan([nobody], server(acme__anvil=replace(RIGHT, groups=None)), {}).configs == []


def test_a_group_that_is_missing_is_made_once_and_all_that_name_it_are_pushed() -> None:
    both = [ANVIL, replace(ANVIL, name="acme/rocket")]
    there = server(acme__anvil=RIGHT, acme__rocket=RIGHT)
    found = plan(both, replace(there, groups={}), {})
    assert (found.groups, found.configs) == (["anvil-core"], both)


def test_a_group_that_only_expressions_name_is_made_first_and_stands_in_no_file() -> None:
    asking = replace(ANVIL, asked=("reviewers",))
    assert plan([asking], server(acme__anvil=RIGHT), {}).groups == ["reviewers"]
    there = server(acme__anvil=RIGHT)
    known = replace(there, groups={**there.groups, "reviewers": "1234"})
    assert plan([asking], known, {}).changes == []


def test_another_default_branch_and_none_declared() -> None:
    assert plan([replace(ANVIL, branch="devel")], server(acme__anvil=RIGHT), {}).changes == [
        "project acme/anvil gets devel as its default branch"
    ]
    assert plan([ANVIL], server(acme__anvil=replace(RIGHT, head="devel")), {}).changes == []


def test_what_the_tree_has_not_is_listed_and_nothing_else() -> None:
    found = plan([ANVIL], server(acme__anvil=RIGHT, acme__old=Actual()), {})
    assert (found.undeclared, found.changes) == (["acme/old"], [])


def test_a_project_that_gerrit_has_not_in_its_list_is_told_to_it() -> None:
    unlisted = replace(server(acme__anvil=RIGHT), listed=frozenset())
    assert plan([ANVIL], unlisted, {}).changes == ["project acme/anvil is listed again"]


def test_what_an_earlier_call_could_not_configure_is_let_alone() -> None:
    assert plan([ANVIL], Server(), {}, skip=["acme/anvil"]).changes == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (replace(ANVIL, parent="acme/none"), "inheritFrom: neither the tree nor Gerrit has a project acme/none"),
        (replace(ANVIL, groups=("ldap/cn=core",)), "give its UUID in external_groups"),
        (replace(ANVIL, groups=("--owner",)), "Gerrit would take the group --owner for an option"),
        (replace(ANVIL, name="All-Projects"), "nobody could fix Gerrit: refused"),
        (replace(ANVIL, name="acme/far"), "its repository is not below gerrit.basePath"),
    ],
)
def test_what_cannot_be_is_named_and_the_others_are_planned(wanted: Wanted, said: str) -> None:
    there = server(acme__anvil=RIGHT)
    there = replace(there, listed=there.listed | {"acme/far"}, projects={**there.projects, "All-Projects": Actual()})
    rocket = replace(ANVIL, name="acme/rocket")
    found = plan([wanted, rocket], there, {})
    assert list(found.problems) == [wanted.name]
    assert found.problems[wanted.name].startswith("gerrit/acls/acme/anvil.config: ")
    assert found.problems[wanted.name].endswith(said)
    assert (found.configs, found.groups) == ([rocket], [])


def test_groups_of_other_systems_and_gerrits_own_need_not_be_made() -> None:
    wanted = replace(ANVIL, groups=("ldap/core", "Registered Users"), parent="All-Projects")
    found = plan([wanted], Server(), {"ldap/core": "ldap:cn=core"})
    assert (found.groups, found.problems) == ([], {})
    known = uuids({}, {"ldap/core": "ldap:cn=core"})
    assert groups_file(wanted.groups, known).splitlines()[2:] == [
        "global:Registered-Users\tRegistered Users",
        "ldap:cn=core           \tldap/core",
    ]


def test_git_names_files_alike(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("Grüße\n")
    named = subprocess.run(["git", "hash-object", tmp_path / "file"], capture_output=True, text=True, check=True).stdout
    assert named == f"{blob('Grüße' + chr(10))}\n"


@pytest.mark.parametrize("state", ["", "[project]\nstate = active\n", "[project]\ndescription = state machine\n"])
def test_administrators_are_admitted_beside_what_is_there(state: str) -> None:
    found = admitting(f"{ANVIL.config}{state}", GROUPS, "Administrators", "1" * 40)
    assert found["project.config"] == (
        f'{ANVIL.config}{state}[access "refs/meta/config"]\npush = group Administrators\n'
    )
    assert found["groups"] == f"{GROUPS}{'1' * 40}\tAdministrators\n"
    assert admitting("", found["groups"], "Administrators", "1" * 40)["groups"] == found["groups"]


@pytest.mark.parametrize("state", ["read only", "READ_ONLY", '"read only"', "hidden"])
def test_a_read_only_project_is_locked_to_admit_administrators(state: str) -> None:
    found = admitting(f"[project]\n\tstate = {state}\n", "", "Administrators", "1" * 40)
    assert found == lock("Administrators", "1" * 40)
