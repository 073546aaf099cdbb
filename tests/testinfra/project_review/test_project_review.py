"""The review server, as a visitor sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from http_client import get

if TYPE_CHECKING:
    from testinfra.host import Host


def test_the_projects_are_published(host: Host) -> None:
    status, kind, body = get(host, "review.example.org", "/gerrit/projects.yaml")
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    assert "project: infra/system-config" in body


def test_the_start_leads_to_them(host: Host) -> None:
    status, location, _ = get(host, "review.example.org", "/")
    assert (status, location) == (302, "http://review.example.org/gerrit/projects.yaml")


def test_the_acls_are_published_but_no_folder_is_listed(host: Host) -> None:
    assert "[access" in get(host, "review.example.org", "/gerrit/acls/infra/system-config.config")[2]
    assert get(host, "review.example.org", "/gerrit/acls/")[0] == 403
