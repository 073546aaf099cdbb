"""`--fix` of projects.yaml: sorted and in form, comments kept, a second time nothing."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from strata.project_config.fix import fix_tree, fixed_projects
from strata.project_config.tree import PROJECTS as PATH
from strata.project_config.tree import Tree

from .conftest import ANVIL, FILE

if TYPE_CHECKING:
    from .conftest import Sample


def fixed(sample: Sample, text: str) -> str:
    sample.write(FILE, text)
    new = fixed_projects(Tree(sample.root).source(PATH), text)
    assert fixed_projects(Tree(sample.root).source(PATH), new) == new
    return new


def test_nothing_to_mend_is_nothing_written(sample: Sample) -> None:
    text = "# a  \n\n-  project: acme/anvil   # b\n   x:  {a: 1}\n".replace("-  ", "- ").replace("   x", "  x")
    sample.write(FILE, text)
    assert fix_tree(Tree(sample.root)).written == []
    assert sample.text(FILE) == text


def test_projects_are_sorted_with_their_comments(sample: Sample) -> None:
    text = """\
# the file

---

# of zebra, where
# the comment has two lines
- project: acme/zebra
  description: a text that is so long that ruamel.yaml would fold it into two lines if it had the chance to do so
  # inside of zebra
  acl-config: 'acme/anvil.config'   # behind

# of nobody

- project: acme/Anvil  # kept
# of rocket
- project: acme/rocket
  groups: [b,   a]
# the end
"""
    assert (
        fixed(sample, text)
        == """\
# the file

---

- project: acme/Anvil  # kept

# of nobody

# of rocket
- project: acme/rocket
  groups: [b,   a]
# of zebra, where
# the comment has two lines
- project: acme/zebra
  description: a text that is so long that ruamel.yaml would fold it into two lines if it had the chance to do so
  # inside of zebra
  acl-config: 'acme/anvil.config'   # behind
# the end
"""
    )


def test_only_projects_out_of_form_are_rewritten(sample: Sample) -> None:
    text = """\
- project: acme/a
  description:    'odd, but right'
- project: acme/b
  description: |
    Two
    lines: here
  # about the groups
  groups:
  - b  # why b
  - a
  - b
  use-storyboard: yes
  number: 0o7
"""
    assert (
        fixed(sample, text)
        == """\
- project: acme/a
  description:    'odd, but right'
- project: acme/b
  description: 'Two lines: here'
  # about the groups
  groups:
    - b # why b
    - a
  use-storyboard: yes
  number: 0o7
"""
    )


def test_a_list_that_is_indented(sample: Sample) -> None:
    text = """\
---

  # of b
  - project: acme/b
    groups:
      - x

  -   project: acme/a
      d: |
        1

        2
"""
    assert (
        fixed(sample, text)
        == """\
---

- project: acme/a
  d: |
    1

    2

# of b
- project: acme/b
  groups:
    - x
"""
    )


def test_line_ends_of_other_systems(sample: Sample) -> None:
    text = "- project: acme/b\r\n- project: acme/a\r\n"
    assert fixed(sample, text) == "- project: acme/a\n- project: acme/b\n"


def test_doubles_leave_one_and_all_comments(sample: Sample) -> None:
    text = "- project: acme/a\n  x: 1\n\n# more\n\n# of a\n- x: 1\n  project: acme/a\n- project: acme/a\n  x: 2\n"
    assert fixed(sample, text) == "# more\n# of a\n- project: acme/a\n  x: 1\n- project: acme/a\n  x: 2\n"


def test_what_a_program_cannot_sort_is_left_alone(sample: Sample) -> None:
    """An alias before its anchor, a list in one line, comments on what goes: the file stays."""
    for text in (
        "- project: acme/b\n  x: &x 1\n- project: acme/a\n  x: *x\n",
        "[{project: acme/b}, {project: acme/a}]\n",
        "- project: acme/b\u2028- project: acme/a\n",
        "- project: acme/a\n  groups:\n    - a  # one\n    - a  # two\n",
        "- project: acme/a # one\n- project: acme/a # two\n",
        "-\n  project: acme/b\n- project: acme/a\n",
    ):
        sample.write(FILE, text)
        done = fix_tree(Tree(sample.root))
        assert done.written == []
        assert len(done.refused) == 1
        assert "by hand" in done.refused[0]
        assert sample.text(FILE) == text


def test_a_project_without_name_keeps_its_place(sample: Sample) -> None:
    text = "- project: acme/b\n- description: x\n- project: acme/a\n"
    assert fixed(sample, text) == "- project: acme/a\n- description: x\n- project: acme/b\n"


def test_broken_files_do_not_stop_the_others(sample: Sample) -> None:
    sample.write(FILE, "- project: [\n")
    sample.replace(ANVIL, "abandon =", "  abandon=")
    assert fix_tree(Tree(sample.root)).written == [ANVIL]


VALUES: list[Any] = [
    "plain",
    "it's: odd",
    'a "b" # c',
    "- x",
    "",
    "true",
    "two\nlines",
    "x\n",
    True,
    7,
    None,
    ["a", "a"],
]
VALUES += [["b", "a"], {"deep": ["x"]}, "ü", "a  b", "long " * 40, ["a: b", "# c"]]


@pytest.mark.parametrize("seed", range(30))
def test_mending_keeps_the_meaning(sample: Sample, seed: int) -> None:
    chance = random.Random(seed)
    names = chance.sample([f"acme/{name}" for name in "abcdefg_-"], k=6)
    keys = ("description", "groups", "use-storyboard", "more")
    data = [
        {"project": name, **{key: deepcopy(chance.choice(VALUES)) for key in chance.sample(keys, k=3)}}
        for name in names
    ]
    text = "---\n\n"
    for item in data:
        dumped = yaml.safe_dump([item], sort_keys=False, width=chance.choice([40, 1000]), allow_unicode=True)
        text += chance.choice(["", "\n", f"# {item['project']}\n", "\n# x\n\n"]) + dumped
    new = fixed(sample, text)
    expected = sorted(data, key=lambda item: item["project"].upper())
    assert [item["project"] for item in yaml.safe_load(new)] == [item["project"] for item in expected]
    for item, wanted in zip(yaml.safe_load(new), expected, strict=True):
        for key, value in wanted.items():
            if key == "description" and isinstance(value, str):
                assert item[key].split() == value.split()
            elif key == "groups" and isinstance(value, list):
                assert item[key] == list(dict.fromkeys(value))
            else:
                assert item[key] == value
    sample.write(FILE, new)
    assert not [finding for finding in sample.load().findings if finding.form]
    for name in names:
        assert (f"# {name}\n- " in new) == (f"# {name}\n" in text)
