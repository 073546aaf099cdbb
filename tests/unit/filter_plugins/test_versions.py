"""Versions: compared as Puppet does, and matched with sets of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import assume, example, given
from hypothesis import strategies as st
from packaging.version import Version

ROOT = Path(__file__).parents[3]


def plugin(kind: str, name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / kind / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


versioncmp = plugin("filter_plugins", "versioncmp").FilterModule().filters()["versioncmp"]
version_satisfies = plugin("test_plugins", "version_satisfies").TestModule().tests()["version_satisfies"]

# Few letters, so that equal parts are found often; and any text at all.
VERSIONS = st.text("0019aAb.-+~:", max_size=8) | st.text(max_size=12)
RELEASES = st.lists(st.integers(0, 10**6), min_size=3, max_size=3).map(lambda parts: ".".join(map(str, parts)))


@pytest.mark.parametrize(
    ("less", "greater"),
    [
        ("1.9", "1.10"),
        ("1.2", "1.10"),
        ("1.0", "1.0.0"),
        ("1.0", "1.0rc1"),
        ("1.2.3-4", "1.2.3.4"),
        ("2.4.5", "2.6-1"),
        ("1.1-a", "1.1.a"),
        ("1.1.6", "2.3.4"),
        ("2.4.4", "2.4b"),
        ("2.4b", "2.4C"),
        ("0.0.2", "0.1"),
        ("5.05", "5.5"),
        ("5.05", "5.10"),
        ("5.01", "5.010"),
        ("", "0"),
        ("1.a", "1.é"),
        ("9" * 5000, "1" + "0" * 5000),
    ],
)
def test_puppets_order(less: str, greater: str) -> None:
    assert (versioncmp(less, greater), versioncmp(greater, less)) == (-1, 1)


@pytest.mark.parametrize(("one", "other"), [("1.10", "1.10"), ("1.0A", "1.0a"), ("", "")])
def test_equal_versions(one: str, other: str) -> None:
    assert versioncmp(one, other) == 0


@given(VERSIONS, VERSIONS)
def test_each_comparison_is_the_other_one_turned_round(one: str, other: str) -> None:
    assert versioncmp(one, one) == 0
    assert versioncmp(one, other) == -versioncmp(other, one)


@given(VERSIONS, VERSIONS, VERSIONS)
@example("1a1", "1A9", "1a2")  # of which Puppet says: equal, equal, less
def test_versions_are_an_ordering(one: str, two: str, three: str) -> None:
    if versioncmp(one, two) <= 0 and versioncmp(two, three) <= 0:
        assert versioncmp(one, three) <= 0
    if versioncmp(one, two) == 0:
        assert versioncmp(one, three) == versioncmp(two, three)


@given(RELEASES, RELEASES)
def test_releases_of_as_many_numbers_are_sorted_as_pythons(one: str, other: str) -> None:
    assert (versioncmp(one, other) < 0) == (Version(one) < Version(other))


@given(VERSIONS, VERSIONS)
def test_puppets_own_words(one: str, other: str) -> None:
    """Puppet's algorithm says the same, where its parts don't differ in case only."""
    assert versioncmp(one, other) == puppets(one, other)


def puppets(one: str, other: str) -> int:
    """Return what the comparison of Puppet's documentation gives, step by step."""
    parts = plugin("filter_plugins", "versioncmp").PARTS.findall
    for mine, its in zip(parts(one), parts(other), strict=False):
        if mine == its:
            continue
        for separator in "-.":
            if separator in {mine, its}:
                return -1 if mine == separator else 1
        if mine[0] in "0123456789" and its[0] in "0123456789" and "0" not in {mine[0], its[0]}:
            return sign(int(mine), int(its))
        if mine.upper() != its.upper():
            return sign(mine.upper(), its.upper())
        assume(False)
    return sign(one, other)


def sign(one, other) -> int:
    return (one > other) - (one < other)


@pytest.mark.parametrize("value", [1.10, 1, None, ["1.1"]])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(AnsibleFilterError, match="put the version in quotes"):
        versioncmp("1.1", value)


@pytest.mark.parametrize(
    ("version", "wanted", "satisfied"),
    [
        ("1.4", ">=1.2,<2", True),
        ("1.10", ">=1.2,<2", True),
        ("1.2", ">=1.2,<2", True),
        ("1.1.9", ">=1.2,<2", False),
        ("2.0", ">=1.2,<2", False),
        ("2.0rc1", ">=1.2,<2", False),
        ("1.5rc1", ">=1.2,<2", True),
        ("v1.4", ">=1.2", True),
        ("1.4.9", "==1.4.*", True),
        ("1.0", "==1.0.0", True),
        ("1.0", "", True),
    ],
)
def test_version_satisfies(version: str, wanted: str, satisfied: bool) -> None:
    assert version_satisfies(version, wanted) is satisfied


@pytest.mark.parametrize(
    ("version", "wanted", "message"),
    [
        ("unknown", ">=1", "'unknown' is not a version"),
        (1.4, ">=1", "1.4 is not a version"),
        ("1.4", ">=1 <2", "'>=1 <2' is not a set of versions"),
        ("1.4", "1.4", "'1.4' is not a set of versions"),
    ],
)
def test_what_cannot_be_compared_is_named(version: object, wanted: str, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        version_satisfies(version, wanted)
