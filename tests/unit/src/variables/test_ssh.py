"""`strata ssh` reaches a host of any inventory as Ansible does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from strata.cli import cli

if TYPE_CHECKING:
    from .conftest import Data


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the command line that takes the place of ours."""
    lines: list[str] = []
    monkeypatch.setattr(os, "execvp", lambda _program, line: lines.extend(line))
    return lines


def test_as_the_inventory_says(data: Data, called: list[str]) -> None:
    connection = {"ansible_host": "192.0.2.7", "ansible_port": 2222, "ansible_user": "{{ 'op' }}s"}
    data.write("host_vars/web01.yml", {**connection, "ansible_ssh_common_args": "-o 'ProxyJump=gate.example.org'"})
    done = CliRunner().invoke(cli, ["ssh", "-i", str(data.folder), "web01", "ls", "-i", "/"])
    assert done.exit_code == 0, done.exception
    assert " ".join(called) == "ssh -p 2222 -l ops -o ProxyJump=gate.example.org 192.0.2.7 ls -i /"


def test_a_host_of_which_nothing_is_said(data: Data, called: list[str]) -> None:
    assert CliRunner().invoke(cli, ["ssh", "-i", str(data.folder), "web01"]).exit_code == 0
    assert called == ["ssh", "web01"]


def test_a_host_that_there_is_not(data: Data, called: list[str]) -> None:
    done = CliRunner().invoke(cli, ["ssh", "-i", str(data.folder), "web10"])
    assert str(done.exception).endswith("there is no host 'web10': did you mean 'web01'?")
    assert called == []
