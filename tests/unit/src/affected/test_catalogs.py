"""Hosts whose catalogs a change leaves as they are: not affected, unless by what is in no catalog."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from strata.affected import catalogs
from strata.affected.change import changed
from strata.affected.places import Places
from strata.affected.report import Affected, follow
from strata.affected.tree import Tree
from strata.catalog import store
from strata.catalog.resource import Catalog, Resource
from strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from strata.catalog.elsewhere import Request

    from .conftest import Repository

ROLE = "roles/httpd/defaults/main.yml"


class Compiled:
    """What takes the place of compiling: `port` is what the change makes of static2, the rest stays."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, 80
        self.unknown: tuple[str, ...] = ()
        self.error = ""
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    @contextmanager
    def catalogs(self, revision: str, request: Request) -> Iterator[dict[str, Path]]:
        if self.error:
            raise StrataError(self.error)
        self.asked.append((revision, request.hosts))
        made = self.folder / (revision or "now")
        for host in request.hosts:
            port = self.port if host == "static2" and not revision else 80
            resource = Resource("web", {"port": port}, "web", "httpd", "a.yml", 1, "Serve", unknown=self.unknown)
            store.write([(host, Catalog(host, revision, "2.21.5", (resource,)).to_json())], made)
        yield store.files(made)


@pytest.fixture
def compiled(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiled:
    made = Compiled(tmp_path / "compiled")
    repository.write("inventories/sandbox/recorded/facts/static1.json", "{}")
    repository.commit()
    monkeypatch.setattr(catalogs.elsewhere, "catalogs", made.catalogs)
    return made


def narrowed(repository: Repository, *paths: str) -> tuple[Affected, catalogs.Compared]:
    repository.touch(*paths)
    with changed(repository.root, None) as change:
        places = Places(Tree(change))
        return catalogs.narrowed(places, follow(places, change.base, change.paths), change)


def test_hosts_with_the_same_catalogs_are_not_affected(repository: Repository, compiled: Compiled) -> None:
    compiled.port = 81
    found, compared = narrowed(repository, ROLE)
    assert found.hosts == {"production": ["static1.example.org"], "sandbox": ["static2"]}
    assert [group.hosts for group in compared.groups["sandbox"]] == [("static2",), ("static1",)]
    assert [asked[1] for asked in compiled.asked] == [("static1", "static2")] * 2
    assert "sandbox" in found.parts


def test_without_a_host_its_part_of_the_suite_is_not_affected(repository: Repository, compiled: Compiled) -> None:
    assert compiled.port == 80
    found, _ = narrowed(repository, ROLE)
    assert "sandbox" not in found.hosts
    assert "sandbox" not in found.parts
    assert found.roles == ["ci_static", "httpd", "project_static"]


@pytest.mark.parametrize("path", ["library/httpd_server.py", "roles/httpd/handlers/main.yml", "ansible.cfg"])
def test_what_is_in_no_catalog_affects_them(repository: Repository, compiled: Compiled, path: str) -> None:
    assert compiled.port == 80
    repository.write("roles/httpd/handlers/main.yml", "[]\n")
    repository.commit()
    assert {"static1", "static2"} <= set(narrowed(repository, ROLE, path)[0].hosts["sandbox"])


def test_a_rescue_is_in_no_catalog(repository: Repository, compiled: Compiled) -> None:
    assert compiled.port == 80
    repository.write("roles/httpd/tasks/main.yml", "- block: []\n  rescue: []\n")
    assert narrowed(repository)[0].hosts["sandbox"] == ["static1", "static2"]


def test_what_only_a_run_knows_affects_them(repository: Repository, compiled: Compiled) -> None:
    compiled.unknown = ("a fact",)
    assert narrowed(repository, ROLE)[0].hosts["sandbox"] == ["static1", "static2"]


def test_what_cannot_be_compared_affects_all(repository: Repository, compiled: Compiled) -> None:
    compiled.error = "no bubblewrap"
    found, compared = narrowed(repository, ROLE)
    assert found.hosts["sandbox"] == ["static1", "static2"]
    assert compared.notes == ("the catalogs of inventories/sandbox are not compared: no bubblewrap",)
    assert compared.groups == {}


def test_nothing_is_compiled_without_need(repository: Repository, compiled: Compiled) -> None:
    compiled.error = "it is compiled"
    assert narrowed(repository, "docs/unread.md", "module_utils/strata/files.py")[1] == catalogs.Compared()
