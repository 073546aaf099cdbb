"""What an ACL means."""

from __future__ import annotations

import pytest

from strata.project_config.acl import parse
from strata.project_config.acl_rules import findings, groups
from strata.project_config.refs import ref_problem

from .conftest import ACL

HEADS = '[access "refs/heads/*"]\n'
LABEL = '[label "X"]\n'


def found(text: str) -> list[str]:
    return [str(finding).removeprefix("x:") for finding in findings("x", parse(text))]


@pytest.mark.parametrize(
    "text",
    [
        ACL,
        "[access]\ninheritFrom = All-Base\n",
        HEADS + "exclusiveGroupPermissions = push, label-Code-Review submit\npush = +force group Some Body\n",
        HEADS + "read = deny group Anonymous Users\npush = block group a\nPushSignedTag = group b\n",
        HEADS + "labelAs-Code-Review = -1..+1 group a\nplugin-x-y = group a\n",
        "[capability]\nqueryLimit = 0..500 group a\npriority = batch group CI\ndelete-project-all = group a\n",
        LABEL + "function = NoOp\nvalue = -1 a\nvalue = 0\nvalue = +1\ndefaultValue = 0\nallowPostSubmit\n",
        "[project]\nstate = read only\n[submit]\naction = Merge If Necessary\n",
        "[project]\nstate = READ_ONLY\n",
        "[receive]\nrequireChangeId = INHERIT\nmaxObjectSizeLimit = 10m\n",
        '[submit-requirement "A"]\nsubmittableIf = label:A=MAX\n',
        '[commentlink "bugs"]\nmatch = "#([0-9]+)"\nlink = https://bugs.example.org/$1\n',
        '[plugin "any"]\nthing = 1\nthing = 2\n',
        "[branchOrder]\nbranch = a\nbranch = b\n",
        '[notify "x"]\nemail = group a\nemail = b@example.org\nheader = cc\n',
    ],
)
def test_good(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADS + "push = grup a\n", "2: push: grup a is not a rule: write group NAME"),
        (HEADS + "push = block Registered Users\n", "2: push: block Registered Users is not a rule: write group NAME"),
        (HEADS + "push = group \n", "2: push: group is not a rule: write group NAME"),
        (HEADS + "push\n", "2: push: has no value"),
        (HEADS + "push = -1..+1 group a\n", "2: push: -1..+1 group a has a range: write group NAME"),
        (HEADS + "label-X = group a\n", "2: label-X: group a has no range: write -1..+1 group NAME"),
        (HEADS + "label-X = +1..-1 group a\n", "2: label-X: the range +1..-1 is upside down"),
        (
            HEADS + "exclusiveGroupPermissions = pushh\n",
            "2: exclusiveGroupPermissions: pushh is not a permission: did you mean 'push'?",
        ),
        ('[access "heads/*"]\n', "1: heads/* is not a ref: it begins with refs/"),
        ('[include]\npath = "/etc/passwd"\n', "1: [include] reads other files: refused"),
        ('[includeIf "gitdir:/"]\npath = x\n', '1: [includeIf "gitdir:/"] reads other files: refused'),
        ("[label]\nvalue = 0\n", '1: [label] needs a name: [label "..."]'),
        ('[receive "x"]\n', "1: [receive] has no subsections"),
        ('[label "a b"]\n', "1: a b is not the name of a label"),
        (LABEL + "value = one\n", "2: value: one is not the value of a label: a number and its description"),
        (LABEL + "value = 1 a\nvalue = +1 b\n", "3: value: +1 is given twice, first in line 2"),
        (LABEL + "value = 0\ndefaultValue = 2\n", "3: defaultValue: 2 is not one of the label's values"),
        (LABEL + "defaultValue = x\n", "2: defaultValue: x is not a number"),
        (LABEL + "function = noop\n", "2: function: noop is not one of NoBlock, NoOp, PatchSetLock, Max"),
        (LABEL + "value = -1\nvalue = 1\n" + HEADS + "label-X = -2..+1 group a\n", "5: label-X: the range -2..+1 goes"),
        ("[project]\nstate = gone\n", "2: state: gone is not one of active, read only, hidden"),
        ("[submit]\naction = rebase\n", "2: action: rebase is not one of inherit, fast forward only,"),
        ("[submit]\nmergeContent = ture\n", "2: mergeContent: ture is not one of true, false and inherit"),
        (LABEL + "canOverride = maybe\n", "2: canOverride: maybe is neither true nor false"),
        ("[receive]\nmaxObjectSizeLimit = big\n", "2: maxObjectSizeLimit: big is not a size: a number, with k, m or g"),
        ("[submit]\naction = inherit\nACTION = cherry pick\n", "3: ACTION is given twice with different values, first"),
        ('[submit-requirement "A"]\n', '1: [submit-requirement "A"] has no submittableIf, without which Gerrit'),
        ('[submit-requirement "A"]\nsubmittableif = is:open\nx = 1\n', "3: x: unknown, and Gerrit refuses it"),
        ('[commentlink "a"]\nmatch = "("\n', "2: match: ( is not a regular expression: missing )"),
        ('[project]\ndescription = "a\\nb"\n', "2: description: the value has control characters, or more than one"),
        ("[project]\ndescription = a\x07\n", "2: description: the value has control characters, or more than one"),
    ],
)
def test_wrong(text: str, message: str) -> None:
    messages = found(text)
    assert len(messages) == 1, messages
    assert messages[0].startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[recieve]\n", "1: warning: [recieve] is unknown: did you mean 'receive'?"),
        (
            "[receive]\nrequireChangeID_ = x\n".replace("_", "s"),
            "2: warning: requireChangeIDs is unknown: did you mean",
        ),
        (HEADS + "abandn = group a\n", "2: warning: abandn is unknown: did you mean 'abandon'?"),
        ("[access]\npush = group a\n", "2: warning: push is unknown"),
        ("[capability]\nkill = group a\n", "2: warning: kill is unknown"),
        (LABEL + "copyMinScore = true\n", "2: warning: copyMinScore is refused by Gerrit 3.7 and newer: say is:MIN in"),
        (LABEL + "copyValue = 1\n", "2: warning: copyValue is refused by Gerrit 3.7 and newer: say is:NUMBER in"),
        (LABEL + "function = MaxWithBlock\n", "2: warning: the function MaxWithBlock is refused by Gerrit 3.7 and"),
    ],
)
def test_odd(text: str, message: str) -> None:
    messages = found(text)
    assert len(messages) == 1, messages
    assert messages[0].startswith(message)


@pytest.mark.parametrize(
    "ref",
    [
        "refs/*",
        "refs/heads/*",
        "refs/heads/master",
        "refs/for/refs/*",
        "^refs/heads/rel-[0-9]+",
        r"^refs/heads/\p{Lu}.*",
        "refs/heads/sandbox/${username}/*",
        "^refs/heads/${shardeduserid}/.*",
        "refs/meta/config",
    ],
)
def test_good_refs(ref: str) -> None:
    assert ref_problem(ref) is None


@pytest.mark.parametrize(
    "ref",
    [
        "heads/*",
        "refs",
        "refs/",
        "refs/heads*",
        "refs/*/x",
        "refs//x",
        "refs/a..b",
        "refs/a b",
        "refs/.a",
        "refs/a.lock",
        "^heads/.*",
        "^refs/heads/(",
        "refs/a~1",
        "refs/heads/x.",
        "refs/@{",
        "refs/heads/${other}/*",
        "",
        "/refs/x",
        "*",
    ],
)
def test_bad_refs(ref: str) -> None:
    assert ref_problem(ref) is not None


def test_groups() -> None:
    text = HEADS + "push = +force group B\nread = group Some Body\n" + '[notify "x"]\nemail = group C\nemail = a@b\n'
    text += '[contributor-agreement "y"]\naccepted = group D\n[capability]\nstreamEvents = group B\n'
    assert groups(parse(text)) == {"B": 2, "Some Body": 3, "C": 5, "D": 8}
