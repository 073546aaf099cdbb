"""`strata roles`: which roles there are, and who uses them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from strata.cli import cli
from strata.errors import StrataError, UsageError
from strata.repository.usage import usages

if TYPE_CHECKING:
    from ..sample import Checkout

INVENTORY = "inventories/sandbox"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["roles", *arguments])


def test_users_are_roles_and_hosts(checkout: Checkout) -> None:
    checkout.append("roles/httpd/meta/strata.yml", "requires: {apt: '>=1'}\n")
    checkout.write("vendor/roles/acme/meta/main.yml", "galaxy_info: {namespace: other, platforms: [{name: Debian}]}\n")
    found = {usage.role.name: usage.as_json() for usage in usages(checkout.root, checkout.root / INVENTORY)}
    assert list(found) == ["acme", "apt", "ci_static", "httpd", "project_server", "project_static"]
    assert found["httpd"] == {
        "role": "httpd",
        "name": "httpd",
        "version": "1.2.0",
        "source": "roles",
        "description": "",
        "platforms": [],
        "dependencies": ["apt"],
        "requires": {"apt": ">=1"},
        "roles": ["ci_static"],
        "hosts": ["static1.example.org"],
    }
    assert found["apt"]["roles"] == ["httpd", "project_server"]
    assert found["acme"] | {"description": ""} == {
        "role": "acme",
        "name": "other.acme",
        "version": "unknown",
        "source": "vendor/roles",
        "description": "",
        "platforms": ["Debian"],
        "dependencies": [],
        "requires": {},
        "roles": [],
        "hosts": [],
    }


def test_a_role_that_no_play_runs_has_no_hosts(checkout: Checkout) -> None:
    checkout.role("spare", ["apt"], [])
    found = {usage.role.name: usage.hosts for usage in usages(checkout.root, checkout.root / INVENTORY)}
    assert (found["spare"], found["apt"]) == ([], ["static1.example.org"])


def test_a_broken_file_is_one_sentence(checkout: Checkout) -> None:
    checkout.write("roles/httpd/meta/main.yml", "galaxy_info: {platforms: Debian}\n")
    with pytest.raises(StrataError, match=r"^roles/httpd/meta/main.yml:1: platforms must be a list, not str$"):
        _ = [usage.as_json() for usage in usages(checkout.root, checkout.root / INVENTORY)]


def test_this_repository() -> None:
    listed = {role["role"]: role for role in json.loads(run("list", "--json").output)}
    shown = json.loads(run("show", "httpd", "--json").output)
    assert listed["httpd"] == shown
    assert (shown["dependencies"], shown["source"], shown["platforms"]) == (
        ["apt", "iptables"],
        "roles",
        ["Debian bookworm trixie"],
    )
    assert set(shown["hosts"]) < set(listed["apt"]["hosts"])
    assert "used by:      ci_log_server, ci_review_server, ci_static_site\n" in run("show", "httpd").output
    assert "httpd" in run("list").output


def test_a_role_that_is_not_there_is_one_sentence() -> None:
    error = run("show", "gone").exception
    assert isinstance(error, UsageError)
    assert str(error).startswith("there is no role 'gone': choose from accounts, ")
