"""The ports of virtual hosts that others are served on."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.strata.apache import text

spec = importlib.util.spec_from_file_location(
    "vhost_ports", Path(__file__).parents[3] / "filter_plugins/vhost_ports.py"
)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
vhost_ports = module.FilterModule().filters()["vhost_ports"]


@pytest.mark.parametrize(
    ("vhost", "ports"),
    [
        ({}, [80]),
        ({"ssl": True}, [443]),
        ({"ssl": True, "port": 8443}, [8443]),
        ({"port": "8080"}, [8080]),
        ({"port": 8080, "ensure": "absent"}, []),
        ({"port": 8080, "addresses": ["127.0.0.1", "::1"]}, []),
        ({"port": 8080, "addresses": ["127.0.0.1", "192.0.2.1"]}, [8080]),
        ({"content": "ServerName a"}, [80]),
        ({"content": "<VirtualHost *:8080>"}, [8080]),
        ({"content": '<virtualhost 192.0.2.1:8080 "[2001:db8::1]:8443" _default_:*>'}, [8080, 8443]),
        ({"content": "<VirtualHost 127.0.0.1:8080 [::1]:8080 localhost:8081>"}, []),
        ({"content": "Listen 8080\n  listen 192.0.2.1:8443 https\nListen [::1]:8082\n# Listen 8083\n"}, [8080, 8443]),
        ({"content": "<VirtualHost *:8080>", "port": 8443}, [8080, 8443]),
        ({"content": "<VirtualHost *:${PORT}>"}, [80]),
        ({"content": "Define PORT 8080\n<VirtualHost *:${PORT}>"}, [8080]),
        ({"content": 'define BASE 80\nDefine PORT "${BASE}81" \nListen ${PORT}\nDefine PORT 8082\n'}, [8081]),
        ({"port": 70000}, []),
        ({"port": "many"}, []),
        ("www.example.org", []),
    ],
)
def test_ports_are_those_that_others_reach(vhost: Any, ports: list[int]) -> None:
    assert vhost_ports([vhost]) == ports


@pytest.mark.parametrize("more", ["", "Listen 8081\n"])
@pytest.mark.parametrize("place", ["*:8080", "Define P 8080\n*:${P}"])
@pytest.mark.parametrize("port", [None, 8443])
def test_what_the_module_listens_on_is_opened(more: str, place: str, port: int | None) -> None:
    *defined, place = place.split("\n")
    content = "\n".join([*defined, f"{more}<VirtualHost {place} 192.0.2.1:8081>\n</VirtualHost>\n"])
    assert {*vhost_ports([{"content": content, "port": port}])} >= {*text.ports(content, port)}
