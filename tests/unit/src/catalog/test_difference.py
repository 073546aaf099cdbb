"""What is told of two revisions: hosts with the same differences together, and for each argument the way to it."""

from __future__ import annotations

from typing import Any

import pytest

from strata.catalog.difference import Group, groups
from strata.catalog.resource import Catalog, Resource


def resource(name: str = "One", line: int = 1, **args: Any) -> Resource:
    return Resource("ansible.legacy.web", args, "web", "httpd", "roles/httpd/tasks/main.yml", line, name)


def catalog(*resources: Resource, host: str = "a", refused: str | None = None) -> dict[str, Catalog]:
    return {host: Catalog(host, "", "2.21.5", resources, refused)}


def lines(before: Resource, after: Resource) -> list[str]:
    (group,) = groups(catalog(before), catalog(after))
    return [line for difference in group.differences for line in difference.lines]


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
def test_arguments(before: dict[str, Any], after: dict[str, Any], told: list[str]) -> None:
    assert lines(resource(**before), resource(**after)) == told


def test_where_a_task_stands_is_no_difference() -> None:
    assert groups(catalog(resource(line=1)), catalog(resource(line=2))) == [Group(("a",))]


def test_resources_that_come_and_go() -> None:
    before, after = catalog(resource("One"), resource("Two")), catalog(resource("Two"), resource("New", a=1))
    (group,) = groups(before, after)
    assert [(each.sign, each.title.split(":")[1].strip(), each.lines) for each in group.differences] == [
        ("-", "One", ()),
        ("+", "New", ("a: 1",)),
    ]


def test_the_order_counts() -> None:
    (group,) = groups(catalog(resource("One"), resource("Two")), catalog(resource("Two"), resource("One")))
    assert [each.title for each in group.differences] == ["the order of the resources"]


def test_hosts_with_the_same_differences_are_one_group() -> None:
    before = catalog(resource(a=1)) | catalog(resource(a=1), host="b") | catalog(resource(a=2), host="c")
    after = catalog(resource(a=2)) | catalog(resource(a=2), host="b") | catalog(resource(a=2), host="c")
    before |= catalog(host="d")
    after |= catalog(host="d", refused="site.yml:1: no")
    assert [(group.hosts, group.refused) for group in groups(before, after)] == [
        (("a", "b"), ""),
        (("d",), "after: site.yml:1: no"),
        (("c",), ""),
    ]
