"""Expressions of submit requirements and copyCondition, judged as a real Gerrit judged them when they were pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strata.project_config.expressions import ExpressionError, terms
from strata.project_config.queries import copy_problem, groups, requirement_problem

from .conftest import ANVIL, FILE, PROJECTS

if TYPE_CHECKING:
    from .conftest import Sample


@pytest.mark.parametrize(
    "text",
    [
        "is:true",
        "IS:TRUE",
        "is:open",
        "is:ope",
        "label:Code-Review=MAX AND -label:Code-Review=MIN",
        "label:Code-Review=MAX -label:Code-Review=MIN",
        'label:"Code-Review=MAX"',
        "label:{Code-Review=MAX}",
        "label:Code-Review+2",
        "label:Code-Review>=1",
        "label:Code-Review=MAX,user=non_uploader",
        "label:Code-Review=MAX,count>=2",
        "label:Code-Review=MAX,non_uploader",
        "NOT label:Code-Review=MIN or (is:wip and not is:private)",
        "-(-is:true)",
        "- branch:refs/meta/config",
        "has:submodule-update,base=1",
        'authoremail:"^.*@example.org"',
        'distinctvoters:"[Code-Review,Verified],value=MAX,count>1"',
        r'message:"a \"word\" of it"',
        "file:a#b",
        "size:>5",
        "status:NEW",
        "operator_plugin:any has:thing_plugin is:thing_plugin",
    ],
)
def test_what_gerrit_takes_as_a_requirement(text: str) -> None:
    assert requirement_problem(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "lable:Verified=MAX",
            "lable:Verified=MAX: lable is not an operator that Gerrit has here: did you mean 'label'",
        ),
        ("is:NOSUCH", "is:NOSUCH: is has no value NOSUCH, but attention, cherrypick,"),
        ("is:submittable", "is:submittable cannot be asked by what decides of it"),
        ("has:nosuch", "has:nosuch: has has no value nosuch, but attention, submodule-update, unresolved"),
        ("has:submodule-update,base=x", "has:submodule-update,base=x: has has no value"),
        ("status:frob", "status:frob: status has no value frob"),
        ("added:x", "added:x: x is not a number"),
        ("owner:self", "owner:self asks who is signed in, and Gerrit refuses it"),
        ("is:starred", "is:starred asks who is signed in"),
        ("query:mine", "query:mine asks who is signed in"),
        ("label:Code-Review=BEST", "label:Code-Review=BEST: BEST is not a vote: MAX, MIN, ANY or a number"),
        ("label:=MAX", "label:=MAX is not written as label:NAME=MAX"),
        ("label:Code-Review=MAX,frob=2", "label:Code-Review=MAX,frob=2: frob is unknown, and not one of count,"),
        ("label:Code-Review=MAX,count=0", "label:Code-Review=MAX,count=0: 0 is not a count of votes"),
        ("label:A=MAX,user=x,count>=2", "label:A=MAX,user=x,count>=2 has count beside user, which Gerrit refuses"),
        ("distinctvoters:x", "distinctvoters:x is not written as distinctvoters:"),
        ('authoremail:"^(("', "^(( is not a regular expression"),
        ('file:"^(("', "^(( is not a regular expression"),
        ("Code-Review=MAX", "Code-Review=MAX has no operator: write operator:value, such as label:NAME=MAX"),
        ("is:true Or is:open", "Or has no operator"),
        ("(is:open", "`(is:open` is not an expression: a parenthesis is not closed"),
        ("is:true) OR (is:false", "`is:true) OR (is:false` is not an expression: a parenthesis is closed that was not"),
        ("is:open AND", "`is:open AND` is not an expression: a term is missing at the end"),
        ("OR is:open", "`OR is:open` is not an expression: a term is missing before OR"),
        ("--is:open", "`--is:open` is not an expression: a term is missing before NOT"),
        ("is:open && is:wip", "`is:open && is:wip` is not an expression: `&& is:wip` is not a term"),
        ('message:"a b', '`message:"a b` is not an expression: '),
        ("", "`` is not an expression: a term is missing at the end"),
    ],
)
def test_what_is_wrong_with_a_requirement(text: str, problem: str) -> None:
    found = requirement_problem(text)
    assert found
    assert found.startswith(problem)


def test_no_depth_of_parentheses_ends_in_a_traceback() -> None:
    with pytest.raises(ExpressionError, match="parentheses stand more than 50 deep"):
        terms("(" * 100_000)


@pytest.mark.parametrize(
    "text",
    [
        "is:ANY",
        "is:max OR -is:1",
        'is:"-1"',
        "changekind:NO_CODE_CHANGE OR changekind:trivial-rebase",
        "has:unchanged-files",
        'approverin:"Project Owners" AND NOT uploaderin:Administrators',
    ],
)
def test_what_gerrit_takes_as_a_copy_condition(text: str) -> None:
    assert copy_problem(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("is:NOSUCH", "is:NOSUCH: is has no value NOSUCH, but ANY, MAX, MIN, a number"),
        ("is:+1", "is:+1: is has no value +1"),
        ("is:-1", "`is:-1` is not an expression: "),
        ("changekind:NOSUCH", "changekind:NOSUCH: changekind has no value NOSUCH, but MERGE_FIRST_PARENT_UPDATE,"),
        ("has:UNCHANGED-FILES", "has:UNCHANGED-FILES: has has no value UNCHANGED-FILES, but unchanged-files"),
        ("label:Code-Review=MAX", "label:Code-Review=MAX: label is not an operator that Gerrit has here"),
        ("MAX", "MAX has no operator: write operator:value, such as changekind:NO_CODE_CHANGE"),
    ],
)
def test_what_is_wrong_with_a_copy_condition(text: str, problem: str) -> None:
    found = copy_problem(text)
    assert found
    assert found.startswith(problem)


def needs(expression: str) -> str:
    return f'\n[submit-requirement "Tested"]\nsubmittableIf = {expression}\n'


PARENT = "gerrit/acls/acme/parent.config"
ROOT = "gerrit/acls/All-Projects.config"
TESTED = '[label "Tested"]\nvalue = 0 No\nvalue = +1 Yes\n'
ABOVE = "[access]\ninheritFrom = acme/parent\n\n"
VOTERS = r"distinctvoters:\"[Tested],value=MAX,count>1\""
NOBODY = "submittableIf: no ACL that holds here defines the label Tested, and nobody can vote on it"


def test_a_label_that_nobody_can_vote_on(sample: Sample) -> None:
    """A requirement for it would block every change: labels are the ACL's own, or of those that it inherits from."""
    sample.write(ANVIL, sample.text(ANVIL) + needs("label:Tested=MAX"))
    assert sample.found() == [f'{ANVIL}:12: {NOBODY}: define it in [label "Tested"]']
    sample.replace(ANVIL, "label:Tested", "label:Code-Reviews")
    assert sample.found()[0].endswith("nobody can vote on it: did you mean 'Code-Review'?")
    sample.replace(ANVIL, "label:Code-Reviews", "label:code-review")
    assert sample.found() == []


@pytest.mark.parametrize("where", [PARENT, ROOT])
def test_a_label_that_is_inherited(sample: Sample, where: str) -> None:
    sample.write(FILE, f"- project: acme/all\n- project: All-Projects\n{PROJECTS}".replace("acme/all", "acme/parent"))
    sample.write(PARENT, "[submit]\nmergeContent = true\n")
    sample.write(ROOT, "[submit]\nmergeContent = true\n")
    sample.write(ANVIL, ABOVE + needs(VOTERS).lstrip())
    errors = [str(error) for error in sample.load().errors if not error.form]
    assert errors == [f'{ANVIL}:5: {NOBODY}: define it in [label "Tested"]']
    sample.write(where, TESTED)
    assert [error for error in sample.load().errors if not error.form] == []
    sample.replace(ANVIL, VOTERS, "label:Tested=+2")
    (error,) = [str(error) for error in sample.load().errors if not error.form]
    assert error == f"{ANVIL}:5: submittableIf: Tested has votes from +0 to +1, and never +2"


def test_what_stands_outside_of_the_tree_is_not_known(sample: Sample) -> None:
    sample.write(ANVIL, ABOVE.replace("parent", "elsewhere") + needs("label:Tested=MAX").lstrip())
    (warning,) = sample.found()
    assert warning.startswith(
        f"{ANVIL}:5: warning: submittableIf: no ACL that holds here defines the label Tested, nor"
    )
    assert "is the ACL of acme/elsewhere in this tree" in warning


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("is:false", "12: warning: submittableIf: no change can be submitted, as is:false never holds"),
        ("is:mergeable", "12: warning: submittableIf: is:mergeable is refused by a Gerrit whose change.merge"),
    ],
)
def test_risky(sample: Sample, expression: str, message: str) -> None:
    sample.write(ANVIL, sample.text(ANVIL) + needs(expression))
    (warning,) = sample.found()
    assert warning.startswith(f"{ANVIL}:{message}")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ('uploaderin:acme-core OR ownerin:"Release Team"', ["acme-core", "Release Team"]),
        ("NOT reviewerin:{Release Team} AND label:Code-Review=MAX,group=acme-core", ["Release Team", "acme-core"]),
        ("changekind:REWORK AND approverin:acme-core", ["acme-core"]),
        ("label:Code-Review=MAX,user=alice AND branch:in", []),
        ("uploaderin:(", []),
    ],
)
def test_groups_that_are_asked_for(text: str, asked: list[str]) -> None:
    assert list(groups(text)) == asked


@pytest.mark.parametrize(
    ("group", "hint"), [("anvil-cores", ": did you mean 'anvil-core'?"), ("quite-another", ""), ("anvil-core", None)]
)
def test_a_group_that_nobody_makes(sample: Sample, group: str, hint: str | None) -> None:
    sample.write(ANVIL, sample.text(ANVIL) + needs(f"-uploaderin:{group}"))
    message = (
        f"{ANVIL}:12: warning: submittableIf: no rule of an ACL names the group {group}, so it is not made, and a "
        f"Gerrit without it refuses this ACL{hint}"
    )
    assert sample.found() == ([message] if hint is not None else [])


def test_a_group_of_copied_votes_that_nobody_makes(sample: Sample) -> None:
    sample.write(ANVIL, sample.text(ANVIL) + '\n[label "Tested"]\nvalue = 0 No\ncopyCondition = approverin:nobody\n')
    (said,) = [each for each in sample.found() if "the group nobody" in each]
    assert said.partition("copyCondition: no rule of an ACL names the group nobody, so it is not made, and a ")[2] == (
        "Gerrit without it copies no vote by this"
    )


def test_a_group_that_is_not_gerrit_s_own(sample: Sample) -> None:
    sample.replace(ANVIL, "abandon = group anvil-core", "abandon = group ldap/core")
    (warning,) = sample.found()
    message = "the group ldap/core is not Gerrit's own, and is not made: it needs its UUID in external_groups"
    assert warning == f"{ANVIL}:2: warning: {message}"
