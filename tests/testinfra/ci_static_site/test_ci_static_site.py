"""Sites of static files, as any organisation could have them."""

from __future__ import annotations

from http.client import HTTPConnection
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


def test_the_port_that_a_text_names_is_open_for_others(address: str) -> None:
    connection = HTTPConnection(address, 8088, timeout=10)
    connection.request("GET", "/Apache-2.0", headers={"Host": "raw.example.org"})
    assert "Apache License" in connection.getresponse().read().decode()
