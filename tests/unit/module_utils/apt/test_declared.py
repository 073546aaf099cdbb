"""What is declared: names of packages and who asked for them, and files that two declare."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.strata.apt.declared import Settings, parse_settings, parse_wishes
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.files import Change

from .sample import ARMOUR, SOURCE


def test_wishes_are_merged_and_sorted():
    items = [
        {"value": "zip", "origin": "one"},
        {"value": "g++", "origin": ""},
        {"value": "zip", "origin": "two"},
        {"value": "zip", "origin": "one"},
        {"value": "libc6:i386", "origin": "one"},
    ]
    assert [str(wish) for wish in parse_wishes(items)] == ["g++", "libc6:i386 (one)", "zip (one, two)"]


@pytest.mark.parametrize(
    "name",
    [
        *("", "a", "-y", "--option=x", "a b", "a\n", "less\n", "mawk-", "less/sid", "less=1", "les*", "Less", "task^"),
        *("a:", "ä1", "less:amd64-", "~nless", "?name(less)", "./x.deb", "a;b", "libc6:i386:x"),
    ],
)
def test_hostile_names_are_refused_with_their_origin(name):
    with pytest.raises(DeclarationError, match=r"\(someone\) is not the name of a Debian package"):
        parse_wishes([{"value": name, "origin": "someone"}])


def test_versions_are_part_of_a_wish():
    items = [{"value": "zip=3.0-1", "origin": "one"}, {"value": "zip", "origin": "two"}]
    (zip_,) = parse_wishes(items, versions=True)
    assert (str(zip_), zip_.version) == ("zip=3.0-1 (one, two)", "3.0-1")
    with pytest.raises(DeclarationError, match="is not the name"):
        parse_wishes(items)
    with pytest.raises(DeclarationError, match=r"zip=3.0-1 \(one\) is wanted, and zip=3.1\* \(two\) too"):
        parse_wishes([items[0], {"value": "zip=3.1*", "origin": "two"}], versions=True)


def settings(**parameters: Any) -> Settings:
    return parse_settings({"sources": [], "keys": [], "pins": [], "conf": [], "credentials": []} | parameters)


def test_key_inside_a_source_becomes_a_file() -> None:
    declared = settings(sources=[SOURCE | {"signed_by": ARMOUR}])
    assert list(declared.files) == ["/etc/apt/keyrings/example.asc", "/etc/apt/sources.list.d/example.sources"]
    assert "Signed-By: /etc/apt/keyrings/example.asc\n" in declared.sources[0].text


def test_same_file_from_two_roles_is_one_and_other_ones_are_refused() -> None:
    other = SOURCE | {"origin": "mail__apt_sources"}
    assert len(settings(sources=[SOURCE, other]).files) == 1
    with pytest.raises(
        DeclarationError, match="declared twice, and not the same: by web__apt_sources and by mail__apt_sources"
    ):
        settings(sources=[SOURCE, other | {"suites": ["sid"]}])


def test_sources_are_changed_by_their_keys_too() -> None:
    declared = settings(sources=[SOURCE | {"signed_by": ARMOUR}, SOURCE | {"name": "off", "enabled": False}])
    everything = [Change(path, None, file) for path, file in declared.files.items()]
    assert [each.name for each in declared.changed_sources(everything)] == ["example"]
    assert [each.name for each in declared.changed_sources(everything[:1])] == ["example"]
    assert declared.changed_sources([]) == []
