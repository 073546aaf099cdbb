"""The static sites, as a visitor sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from http_client import get

if TYPE_CHECKING:
    from testinfra.host import Host


def test_the_documentation_has_its_own_virtual_host(host: Host) -> None:
    answer = get(host, "docs.example.org", "/")
    assert (answer["status"], answer["headers"]["Content-Type"]) == (200, "text/html")
    assert "The current release" in answer["text"]


def test_the_documentation_s_alias(host: Host) -> None:
    assert "An older release" in get(host, "docs.example.org", "/archive/1.0/")["text"]


def test_the_archive_is_listed_but_nothing_else(host: Host) -> None:
    assert "1.0/" in get(host, "docs.example.org", "/archive/")["text"]
    assert get(host, "static.example.org", "/")["status"] == 200


def test_the_documentation_s_own_page_for_what_is_not_there(host: Host) -> None:
    answer = get(host, "docs.example.org", "/nothing")
    assert answer["status"] == 404
    assert "Begin at the" in answer["text"]


def test_a_plain_site(host: Host) -> None:
    assert "the folder <code>static/www</code>" in get(host, "static.example.org", "/")["text"]


def test_every_host_s_packages_are_there_too(host: Host) -> None:
    assert host.package("rsync").is_installed
