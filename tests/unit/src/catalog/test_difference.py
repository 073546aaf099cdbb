"""What is told of two revisions: hosts with the same differences together, and for each argument the way to it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from strata.catalog import store
from strata.catalog.difference import Filter, Group, groups, ignored
from strata.catalog.resource import Catalog, Resource
from strata.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

Catalogs = dict[str, Catalog]


def resource(name: str = "One", line: int = 1, **args: Any) -> Resource:
    return Resource("ansible.legacy.web", args, "web", "httpd", "roles/httpd/tasks/main.yml", line, name)


def catalog(*resources: Resource, host: str = "a", refused: str | None = None) -> Catalogs:
    return {host: Catalog(host, "", "2.21.5", resources, refused)}


class Compare:
    """Writes the catalogs of two revisions, and compares their files."""

    def __init__(self, folder: Path) -> None:
        self._folders = (folder / f"{number}" for number in itertools.count())

    def __call__(self, before: Catalogs, after: Catalogs, counting: Filter = Filter()) -> list[Group]:  # noqa: B008 - it cannot be changed
        return groups(self._files(before), self._files(after), counting)

    def _files(self, catalogs: Catalogs) -> dict[str, Path]:
        folder = next(self._folders)
        store.write(((host, each.to_json()) for host, each in catalogs.items()), folder)
        return store.files(folder)

    def lines(self, before: Resource, after: Resource, *patterns: str) -> list[str]:
        (group,) = self(catalog(before), catalog(after), Filter(ignored=tuple(map(ignored, patterns))))
        return [line for difference in group.differences for line in difference.lines]


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    return Compare(tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": 1}, {"a": 2}, ["a: 1 -> 2"]),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": [1]}}, ["+ a.c: [1]"]),
        ({"a": {"b": 1}}, {"a": {}}, ["- a.b: 1"]),
        ({"a": [1, 2]}, {"a": [2, 3]}, ["- a: 1", "+ a: 3"]),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["a: the order: 1, 2 -> 2, 1"]),
        ({"a": [{"name": "x", "b": 1}]}, {"a": [{"name": "x", "b": 2}]}, ["a[x].b: 1 -> 2"]),
        ({"a": [{"name": "x"}]}, {"a": [{"name": "x"}, {"name": "y"}]}, ["+ a[y].name: y"]),
        ({"a": "1\n2\n3\n"}, {"a": "1\n2\n4\n"}, ["a:", "  @@ -1,3 +1,3 @@", "   1", "   2", "  -3", "  +4"]),
    ],
)
def test_arguments(compare: Compare, before: dict[str, Any], after: dict[str, Any], told: list[str]) -> None:
    assert compare.lines(resource(**before), resource(**after)) == told


def test_where_a_task_stands_is_no_difference(compare: Compare) -> None:
    assert compare(catalog(resource(line=1)), catalog(resource(line=2))) == [Group(("a",))]


def test_resources_that_come_and_go(compare: Compare) -> None:
    before, after = catalog(resource("One"), resource("Two")), catalog(resource("Two"), resource("New", a=1))
    (group,) = compare(before, after)
    assert [(each.sign, each.title.split(":")[1].strip(), each.lines) for each in group.differences] == [
        ("-", "One", []),
        ("+", "New", ["a: 1"]),
    ]


def test_the_order_counts(compare: Compare) -> None:
    (group,) = compare(catalog(resource("One"), resource("Two")), catalog(resource("Two"), resource("One")))
    assert [each.title for each in group.differences] == ["the order of the resources"]


def test_hosts_with_the_same_differences_are_one_group(compare: Compare) -> None:
    before = catalog(resource(a=1)) | catalog(resource(a=1), host="b") | catalog(resource(a=2), host="c")
    after = catalog(resource(a=2)) | catalog(resource(a=2), host="b") | catalog(resource(a=2), host="c")
    before |= catalog(host="d")  # one that cannot be compiled any more
    after |= catalog(host="d", refused="site.yml:1: no")
    assert [(group.hosts, group.refused) for group in compare(before, after)] == [
        (("a", "b"), ()),
        (("d",), (("after", "site.yml:1: no"),)),
        (("c",), ()),
    ]


def test_who_cannot_be_compiled_on_both_sides_is_not_taken_for_equal(compare: Compare) -> None:
    wrong = catalog(refused="site.yml:1: no")
    assert compare(wrong, wrong) == [Group(("a",), refused=(("before", "site.yml:1: no"), ("after", "site.yml:1: no")))]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("web[One]", []),
        ("*[O*]::files", ["port: 1 -> 2"]),
        ("ansible.legacy.web[One]::files[/etc/a].content", ["port: 1 -> 2"]),
        ("web[One]::port", ["files[/etc/a].content: old -> new"]),
        ("web[One]::por", ["files[/etc/a].content: old -> new", "port: 1 -> 2"]),
        ("web[Two]", ["files[/etc/a].content: old -> new", "port: 1 -> 2"]),
        ("apt[One]", ["files[/etc/a].content: old -> new", "port: 1 -> 2"]),
    ],
)
def test_what_is_ignored(compare: Compare, pattern: str, left: list[str]) -> None:
    before = resource(port=1, files=[{"path": "/etc/a", "content": "old"}])
    after = resource(port=2, files=[{"path": "/etc/a", "content": "new"}])
    assert compare.lines(before, after, pattern) == left


def test_what_is_left_of_a_new_resource(compare: Compare) -> None:
    (group,) = compare(catalog(), catalog(resource(a=1, b=2)), Filter(ignored=(ignored("web[*]::a"),)))
    assert [(each.sign, each.lines) for each in group.differences] == [("+", ["b: 2"])]


@pytest.mark.parametrize("wrong", ["web", "web[One", "web::port", "[One]", "web[One]port"])
def test_a_pattern_that_is_none(wrong: str) -> None:
    with pytest.raises(UsageError, match=r"is not of the form TYPE\[title\]::attribute"):
        ignored(wrong)


def test_only_some_roles(compare: Compare) -> None:
    before, after = catalog(resource(a=1)), catalog(resource(a=2))
    assert compare(before, after, Filter(frozenset({"apt"}))) == [Group(("a",))]
    assert compare(before, after, Filter(frozenset({"httpd"})))[0].differences
