"""Gerrit behind a web server, with the projects of this repository's project-config."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from http_client import ask, get

if TYPE_CHECKING:
    from testinfra.host import Host

NAME = "review.example.org"


def test_the_projects_are_there(host: Host) -> None:
    answer = get(host, NAME, "/projects/?d")
    assert answer["status"] == 200
    projects = json.loads(answer["text"].removeprefix(")]}'"))
    assert projects["infra/system-config"]["description"] == "The description of the organisation's servers"


def test_names_with_slashes_get_through(host: Host) -> None:
    answer = get(host, NAME, "/projects/infra%2Fsystem-config/HEAD")
    assert (answer["status"], answer["text"].split()[-1]) == (200, '"refs/heads/main"')


def test_a_project_is_cloned_through_the_web_server(host: Host) -> None:
    seen = host.check_output("git -c http.extraHeader='Host: %s' ls-remote http://127.0.0.1/infra/system-config", NAME)
    assert "refs/heads/main" in seen


def test_gerrit_itself_is_not_to_be_reached(host: Host, address: str) -> None:
    assert ask(host, "127.0.0.1", NAME, "/projects/", port=8081)["status"] == 200
    assert ask(host, address, NAME, "/projects/", port=8081)["status"] == "refused"
