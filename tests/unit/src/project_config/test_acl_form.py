"""Form: what is said of it, and that `--fix` fixes just that."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from strata.project_config import acl_form
from strata.project_config.acl import parse
from strata.project_config.fix import fix_tree
from strata.project_config.tree import Tree

from .conftest import ACL, ANVIL, FILE, git_reads

if TYPE_CHECKING:
    from .conftest import Sample

FORMS = [
    ("abandon =", "\tabandon =", "2: `abandon = group anvil-core` must begin without indent, as most entries"),
    ("[receive]", "  [receive]", "5: `[receive]` is indented: sections begin at the beginning of the line"),
    ("abandon = group", "abandon=group", "2: `abandon=group anvil-core` is to be written `abandon = group"),
    ("requireChangeId = true", "requireChangeId = true ", "6: `requireChangeId = true` is followed by white space"),
    ('[access "refs', '[access  "refs', '1: `[access  "refs/heads/*"]` is to be written `[access "refs/heads/*"]`'),
    ("[receive]\nrequire", "[receive] require", "5: requireChangeId stands on the line of [receive]: entries have"),
    ("[submit]\nmergeContent = true\n", "[submit]\nmergeContent = true", "9: the last line has no newline"),
    ("[submit]\n", "[submit]\r\n", "8: ends in a carriage return"),
    ("[access", "\ufeff[access", "1: begins with a byte order mark"),
    ("\n[submit]", "\n[submit]\nmergeContent = true\n[submit]", "10: [submit] is there twice, first in line 8"),
    ("requireChangeId = true\n", "requireChangeId = true\n" * 2, "7: `requireChangeId = true` is there twice, first"),
]


@pytest.mark.parametrize(("old", "new", "message"), FORMS, ids=[form[2].partition("`")[0] for form in FORMS])
def test_form(sample: Sample, old: str, new: str, message: str) -> None:
    sample.replace(ANVIL, old, new)
    assert any(finding.startswith(f"{ANVIL}:{message}") for finding in sample.found()), sample.found()
    assert fix_tree(Tree(sample.root)).written == [ANVIL]
    assert sample.text(ANVIL) == ACL
    assert fix_tree(Tree(sample.root)).written == []


ROCKET = "gerrit/acls/acme/rocket.config"


def test_tabs_of_git_are_a_form_too(sample: Sample) -> None:
    """What most entries of a tree have is its form; a file that has another is one finding, and is given this form."""
    tabbed = "".join(line if line[0] in "[\n" else f"\t{line}" for line in ACL.splitlines(keepends=True))
    sample.write(ROCKET, tabbed.replace("\tabandon", "\t# why\n\tabandon"))
    sample.write(ANVIL, tabbed)
    sample.replace(FILE, "acls/acme/anvil", "acls/acme/rocket")
    assert sample.found() == []
    sample.write(ANVIL, ACL.replace("abandon", "# why\nabandon"))
    sample.write(ROCKET, f"{tabbed}\trejectEmptyCommit = true\n")
    why = "must begin with a tab, as most entries of this tree do"
    assert sample.found() == [f"{ANVIL}:3: `abandon = group anvil-core` and 3 more of 4 entries {why}"]
    assert fix_tree(Tree(sample.root)).written == [ANVIL]
    assert sample.text(ANVIL) == tabbed.replace("\tabandon", "\t# why\n\tabandon")
    sample.replace(ANVIL, "\tabandon", "    abandon")
    sample.replace(ANVIL, "\tmerge", "merge")
    (mixed,) = sample.found()
    assert mixed.startswith(f"{ANVIL}:3: `abandon = group anvil-core` and 1 more of 4 entries must begin with a tab")
    assert fix_tree(Tree(sample.root)).written == [ANVIL]
    assert sample.found() == []


def test_order(sample: Sample) -> None:
    label = "label-Code-Review = -2..+2 group anvil-core\n"
    sample.write(
        ANVIL, f'[submit]\nmergeContent = true\n\n[access "refs/heads/*"]\n{label}abandon = group anvil-core\n'
    )
    assert sample.found() == [
        f'{ANVIL}:4: [access "refs/heads/*"] stands after [submit]: sections are sorted',
        f"{ANVIL}:6: `abandon = group anvil-core` stands after `{label.strip()}`: entries are sorted",
    ]


def test_numbers_are_sorted_as_numbers() -> None:
    text = '[label "X"]\nvalue = -2 a\nvalue = -1 b\nvalue = 0 c\nvalue = +1 d\nvalue = +10 e\n'
    assert acl_form.fixed("".join(text.splitlines(keepends=True)[:1] + text.splitlines(keepends=True)[:0:-1])) == text


def test_order_that_means_something_stays() -> None:
    """The order of branches, and of the panels and settings of plugins, is theirs."""
    text = '[branchOrder]\nbranch = master\nbranch = b\nbranch = a\n\n[plugin "x"]\nz = 1\na = 2\na = 2\n'
    assert acl_form.fixed(text) == text
    assert list(acl_form.findings("x", text, parse(text))) == []


def test_comments_go_with_what_they_stand_above() -> None:
    text = """\
# of the file

# of submit
[submit]
# of merge
mergeContent = true # why
action = cherry pick

# of nobody

[receive]
requireChangeId = true
# at the end
"""
    assert (
        acl_form.fixed(text)
        == """\
# of the file

[receive]
requireChangeId = true

# of nobody

# of submit
[submit]
action = cherry pick
# of merge
mergeContent = true # why
# at the end
"""
    )


def test_doubles_leave_their_comments() -> None:
    text = "[submit]\n# one\naction = inherit\n# two\naction = inherit\n# again\n[submit] # x\nmergeContent = true\n"
    assert acl_form.fixed(text) == "[submit]\n# one\n# two\naction = inherit\n# again\n# x\nmergeContent = true\n"


def test_values_that_differ_are_not_chosen_from(sample: Sample) -> None:
    sample.replace(ANVIL, "mergeContent = true\n", "mergeContent = true\nmergeContent = false\n")
    before = sample.text(ANVIL)
    message = "mergeContent is given twice with different values, first in line 9"
    assert f"{ANVIL}:10: {message}" in sample.found()
    fix_tree(Tree(sample.root))
    assert sorted(sample.text(ANVIL).splitlines()) == sorted(before.splitlines())


@pytest.mark.parametrize("seed", range(30))
def test_mending_keeps_the_meaning(sample: Sample, seed: int) -> None:
    """Whatever is shuffled, git reads the same afterwards, and a second time changes nothing."""
    chance = random.Random(seed)
    sections = []
    for name in chance.choices(["access", "submit", "label", "branchOrder", "plugin", "Receive"], k=6):
        sub = f' "{chance.choice(["refs/*", "a b", "x"])}"' if name in {"access", "label", "plugin"} else ""
        keys = chance.choices(["push", "value", "branch", "Read"], k=chance.randrange(5))
        values = ["group x", "-1 a", '"a # b"', "b # c", "a \\\n b", ""]
        lines = [f"{chance.choice(['', chr(9), '# c' + chr(10)])}{k}{chance.choice([' = ', '='])}" for k in keys]
        lines = [line + chance.choice(values) for line in lines]
        sections.append("\n".join([f"{chance.choice(['', '# d' + chr(10)])}[{name}{sub}]", *lines, ""]))
    text = "\n".join(sections)
    sample.write(ANVIL, text)
    path = sample.root / ANVIL
    before = git_reads(path)
    sample.write(ANVIL, once := acl_form.fixed(text))
    assert set(git_reads(path)) == set(before)
    assert acl_form.meaning(parse(once)) == acl_form.meaning(parse(text))
    assert acl_form.fixed(once) == once
    assert list(acl_form.findings("x", once, parse(once))) == []
    assert once.count("# c") == text.count("# c")
    assert once.count("# d") == text.count("# d")
