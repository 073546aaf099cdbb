"""The review server, as a visitor sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from http_client import get

if TYPE_CHECKING:
    from testinfra.host import Host


def test_the_projects_are_published(host: Host) -> None:
    answer = get(host, "review.example.org", "/gerrit/projects.yaml")
    assert (answer["status"], answer["headers"]["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert "project: infra/system-config" in answer["text"]


def test_the_start_leads_to_them(host: Host) -> None:
    answer = get(host, "review.example.org", "/")
    assert answer["status"] == 302
    assert answer["headers"]["Location"] == "http://review.example.org/gerrit/projects.yaml"


def test_the_acls_are_published_but_no_folder_is_listed(host: Host) -> None:
    assert "[access" in get(host, "review.example.org", "/gerrit/acls/infra/system-config.config")["text"]
    assert get(host, "review.example.org", "/gerrit/acls/")["status"] == 403
