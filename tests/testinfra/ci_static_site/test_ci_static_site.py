"""Sites of static files, as any organisation could have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from http_client import get

if TYPE_CHECKING:
    from testinfra.host import Host


def test_each_site_serves_its_folder(host: Host) -> None:
    assert "the folder <code>static/www</code>" in get(host, "static.example.org", "/")["text"]
    assert "An older release" in get(host, "old.example.org", "/1.0/")["text"]


def test_an_alias_is_the_same_site(host: Host) -> None:
    alias, site = (get(host, name, "/1.0/")["text"] for name in ("older.example.org", "old.example.org"))
    assert alias == site


def test_what_is_not_in_the_folder_is_not_found(host: Host) -> None:
    assert get(host, "old.example.org", "/index.html")["status"] == 404
