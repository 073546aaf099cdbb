"""projects.yaml: what is read, and what is said of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strata.project_config.projects import acl_path
from strata.project_config.upstream import refusal

from .conftest import FILE, PROJECTS

if TYPE_CHECKING:
    from .conftest import Sample

FULL = """\
- project: acme/anvil
  description: >
    Heavy
    things
  acl-config: acls/acme/anvil.config
  upstream: https://git.example.org/acme/anvil.git
  default-branch: devel
  homepage: https://example.org/
  groups:
    - a
    - b
  options:
    - translate
  use-storyboard: true
"""


def test_the_sample_is_clean(sample: Sample) -> None:
    assert sample.found() == []


def test_a_project_is_read(sample: Sample) -> None:
    sample.write(FILE, FULL)
    read = sample.load()
    assert read.findings == []
    (project,) = read.projects
    assert project.name == "acme/anvil"
    assert str(project.acl) == "gerrit/acls/acme/anvil.config"
    assert project.description == "Heavy things"
    assert project.upstream == "https://git.example.org/acme/anvil.git"
    assert (project.default_branch, project.homepage) == ("devel", "https://example.org/")
    assert (project.groups, project.options) == (("a", "b"), ("translate",))
    assert project.foreign == {"use-storyboard": True}
    assert project.lines["upstream"] == 6


#: Nine lines that stand for 10 ** 8 values.
GROWING = "- &a0 [x]\n" + "".join(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))


@pytest.mark.parametrize("text", ["", "---\n", "# nothing yet\n", "[]\n"])
def test_no_projects(sample: Sample, text: str) -> None:
    sample.write(FILE, text)
    assert sample.found() == []


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        ("acme/anvil\n", "acme/bench\n", ["1: acme/bench: there is no gerrit/acls/acme/bench.config"]),
        (
            "  acl-config: /home/gerrit2/acls/acme/anvil",
            "  acl-config: /x/acls/acme/anvill",
            ["5: acme/rocket: there is"],
        ),
        (
            "acls/acme/anvil",
            "acls/../../x",
            ["5: acme/rocket: acl-config: /home/gerrit2/acls/../../x.config has .. in it"],
        ),
        ("/home/gerrit2/acls", "/etc", ["5: acme/rocket: acl-config: /etc/acme/anvil.config has no folder acls in it"]),
        (
            "anvil.config",
            "anvil",
            ["5: acme/rocket: acl-config: /home/gerrit2/acls/acme/anvil is not the path of a file"],
        ),
        ("acme/rocket", "Acme/anchor", ["3: Acme/anchor stands after acme/anvil: projects are sorted"]),
        ("acme/rocket", "acme/anvil", ["3: acme/anvil is there twice, and not with the same values, first in line 1"]),
        (
            "  acl-config",
            "  acl-confg",
            ["3: acme/rocket: there is no", "5: warning: acme/rocket: acl-confg: is unknown"],
        ),
        ("Fast things", "|\n    Fast\n    things", ["4: acme/rocket: description: has more than one line"]),
        ("Fast things", '"Fast\\tthings"', ["4: acme/rocket: description: has control characters in it"]),
        ("Fast things", "yes", ["4: acme/rocket: description: must be a text, not bool: put it in quotes"]),
        (
            "  description: Fast",
            "  description: a\n  description: Fast",
            ["5: acme/rocket: description: is given twice"],
        ),
        ("  description: Fast things", "  upstream: ext::sh", ["4: acme/rocket: upstream: ext::sh names a transport"]),
        (
            "  description: Fast things",
            "  default-branch: a..b",
            ["4: acme/rocket: default-branch: a..b is not the name of"],
        ),
        ("  description: Fast things", "  groups: a", ["4: acme/rocket: groups: must be a list of names"]),
        ("  description: Fast things", "  groups: [a, 1]", ["4: acme/rocket: groups: must be a list of names"]),
        ("  description: Fast things", "  groups: [a, a]", ["4: acme/rocket: groups: a is there twice"]),
        (
            "  description: Fast things",
            "  groups:\n  - a",
            ["4: acme/rocket: groups: its list is indented by 2, not by 4"],
        ),
        ("  description: Fast things", "  <<: {a: b}", ["4: << is not read here: write the keys out"]),
        (
            "- project: acme/rocket",
            "- projects: acme/rocket",
            ["3: project: has no name", "3: warning: projects: is unknown"],
        ),
        ("- project: acme/rocket", "- project: 7", ["3: project: 7 is not a name"]),
        ("- project: acme/rocket\n", "- acme\n- project: acme/rocket\n", ["3: a project is a mapping, which begins"]),
    ],
)
def test_findings(sample: Sample, old: str, new: str, messages: list[str]) -> None:
    sample.replace(FILE, old, new)
    found = sample.found()
    assert len(found) == len(messages), found
    for finding, message in zip(found, messages, strict=True):
        assert finding.startswith(f"{FILE}:{message}"), found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- project: a\n  b: [\n", "3: is not valid YAML: did not find expected node content"),
        ("- project: a\n\tb: c\n", "2: is not valid YAML: found a tab character that violates indentation"),
        ("a: b\n", "1: must be a list of projects, not dict"),
        ("- project: a\n--- \n- project: b\n", "2: is not valid YAML: but found another document"),
        (
            "- project: !!python/object/apply:os.system [id]\n",
            "1: is not valid YAML: could not determine a constructor",
        ),
        ("- project: \x01\n", "1: is not valid YAML: "),
        ("- {project: a, x: {<<: {a: b}}}\n", "1: << is not read here: write the keys out"),
        (GROWING, "5: its aliases repeat more than 10000 values: write some out"),
        ("- &a [*a]\n", "1: the alias *a stands in what it names"),
        ("- " * 100000 + "a\n", "1: is nested in more than 50 levels"),
        ("[" * 100000, "1: is nested in more than 50 levels"),
        ("- &a {project: *a}\n", "1: "),
    ],
)
def test_broken(sample: Sample, text: str, message: str) -> None:
    sample.write(FILE, text)
    assert any(finding.startswith(f"{FILE}:{message}") for finding in sample.found()), sample.found()


def test_a_bomb_of_aliases_is_harmless(sample: Sample) -> None:
    bomb = "- project: acme/anvil\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    sample.write(FILE, bomb)
    assert sample.found() == [f"{FILE}:5: its aliases repeat more than 10000 values: write some out"]


def test_one_misplaced_project_is_one_finding(sample: Sample) -> None:
    names = ["zebra", *(f"p{number:03}" for number in range(50))]
    sample.write(FILE, "".join(f"- project: acme/{name}\n  acl-config: acme/anvil.config\n" for name in names))
    assert sample.found() == [f"{FILE}:3: acme/p000 stands after acme/zebra: projects are sorted"]


def test_underscores_are_sorted_after_letters(sample: Sample) -> None:
    names = ["elasticsearch", "elastic_recheck", "log-classify", "log_processor"]
    sample.write(FILE, "".join(f"- project: acme/{name}\n  acl-config: acme/anvil.config\n" for name in names))
    assert sample.found() == []


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "a/../b",
        "../a",
        "a//b",
        "a/",
        "a\\b",
        "a b",
        "a:b",
        "-a",
        "a/-b",
        ".a",
        "a.git",
        "a.git/b",
        "a\tb",
    ],
)
def test_names_that_gerrit_or_git_refuse(sample: Sample, name: str) -> None:
    escaped = name.replace("\\", "\\\\").replace("\t", "\\t")
    sample.write(FILE, f'- project: "{escaped}"\n')
    assert [each for each in sample.found() if f"{name!r} is not the name of a project" in each]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "gerrit/acls/acme/anvil.config"),
        ("/home/gerrit2/acls/x/y.config", "gerrit/acls/x/y.config"),
        ("acls/x/y.config", "gerrit/acls/x/y.config"),
        ("gerrit/acls/x/y.config", "gerrit/acls/x/y.config"),
        ("x/y.config", "gerrit/acls/x/y.config"),
        ("//srv//acls/./x//y.config", "gerrit/acls/x/y.config"),
    ],
)
def test_paths_of_acls(given: str | None, expected: str) -> None:
    assert str(acl_path("acme/anvil", given)) == expected


@pytest.mark.parametrize(
    "given", ["", "/", "/acls", "/acls/", "../x.config", "/acls/a/../x.config", "/acls/x\n.config"]
)
def test_hostile_paths_of_acls(given: str) -> None:
    with pytest.raises(ValueError, match=r"refused|not the path|no folder"):
        acl_path("acme/anvil", given)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.org/acme/anvil",
        "https://git.example.org:8443/acme/anvil.git",
        "http://git.example.org/a",
        "git://git.example.org/a/b",
        "ssh://git@git.example.org:29418/a",
        "https://[2001:db8::1]/a",
        "https://git.example.org/~user/a.git",
    ],
)
def test_good_upstreams(url: str) -> None:
    assert refusal(url) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ext::sh -c id", "white space"),
        ("ext::sh", "transport helper"),
        ("fd::7", "transport helper"),
        ("persistent-https::https://x/y", "transport helper"),
        ("--upload-pack=id", "begins with a dash"),
        ("-oProxyCommand=id", "begins with a dash"),
        ("file:///etc", "not a URL of https, http, git or ssh"),
        ("FILE:///etc", "not a URL of"),
        ("file:/etc", "not a URL of"),
        ("/srv/git/x", "not a URL of"),
        ("../x", "not a URL of"),
        ("git@git.example.org:a", "not a URL of"),
        ("ftp://git.example.org/a", "not a URL of"),
        ("https:///a", "host or a user"),
        ("ssh://-oProxyCommand=id/a", "host or a user"),
        ("ssh://-x@git.example.org/a", "host or a user"),
        ("ssh://@git.example.org/a", "host or a user"),
        ("https://git.example.org/", "path"),
        ("https://git.example.org/a/../b", "path"),
        ("https://git.example.org/a?b", "path"),
        ("https://git.example.org/a\nb", "white space"),
        ("", "is empty"),
    ],
)
def test_bad_upstreams(url: str, why: str) -> None:
    assert why in (refusal(url) or "")


def test_a_password_is_not_repeated() -> None:
    reason = refusal("https://me:canary@git.example.org/a") or ""
    assert "carries a password" in reason
    assert "canary" not in reason


def test_a_project_with_errors_is_not_sound(sample: Sample) -> None:
    """Who creates projects must not take one whose upstream was refused for an empty one."""
    sample.replace(FILE, "  description: Fast things", "  upstream: ext::sh\n  odd: 1")
    anvil, rocket = sample.load().projects
    assert (anvil.sound, rocket.sound, rocket.upstream) == (True, False, None)


def test_messages_do_nothing_to_a_terminal(sample: Sample) -> None:
    sample.replace(FILE, "/home/gerrit2/acls/acme/anvil.config", '"/acls/\\e[2J\\u202e.config"')
    (finding,) = sample.found()
    assert "/acls/\\x1b[2J\\x202e.config" in finding


def test_where_all_acls_are_missing_no_near_names_are_sought(sample: Sample) -> None:
    sample.write(FILE, "".join(f"- project: acme/p{number:03}\n" for number in range(100)))
    for number in range(100):
        sample.write(f"gerrit/acls/acme/q{number:03}.config", "")
    assert not [finding for finding in sample.found() if "nearest" in finding]


def test_foreign_keys_are_carried_without_a_word(sample: Sample) -> None:
    sample.write(FILE, PROJECTS + "  use-storyboard: false\n  homepage: x\n  options: [has-wiki]\n  groups: []\n")
    assert sample.found() == []
