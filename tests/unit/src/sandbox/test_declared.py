"""Which hosts a sandbox has; one that is declared wrongly ends `up` before anything is booted, and nothing else."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from strata import converge
from strata.cli import cli
from strata.errors import StrataError, UsageError
from strata.repository import inventory
from strata.repository.inventory import InventoryHost
from strata.sandbox import declared
from strata.sandbox.hosts import Sandbox
from strata.verbs import up


def test_a_host_without_an_image_ends_only_what_boots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "hosts", lambda _source: [InventoryHost("web09", (), {})])
    with pytest.raises(StrataError, match="web09 needs sandbox_image and sandbox_number"):
        declared.declared_sandbox()
    assert declared.named_sandbox().name == "sandbox"
    monkeypatch.setattr(Sandbox, "states", lambda _self: {})
    [status] = declared.status(declared.named_sandbox())
    assert (status.name, status.os, status.state) == ("web09", "", "absent")


def test_up_boots_nothing_when_a_host_is_in_no_play(monkeypatch: pytest.MonkeyPatch) -> None:
    booted: list[str] = []
    monkeypatch.setattr(up, "require", lambda: None)
    monkeypatch.setattr(Sandbox, "up", lambda self: booted.append(self.name))
    monkeypatch.setattr(converge, "assignments", lambda _root, _inventory: {"web09": []})
    done = CliRunner().invoke(cli, ["up"])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith("site.yml: web09 is in no play")
    assert booted == []


@pytest.mark.parametrize(
    ("up", "limit", "names"),
    [
        ([], None, ["bastion01", "logs01", "review01", "static01", "static02"]),
        ([], "static*", ["static01", "static02"]),
        (["logs01"], "static01", ["logs01", "static01"]),
    ],
)
def test_a_limit_leaves_what_is_up(
    monkeypatch: pytest.MonkeyPatch, up: list[str], limit: str | None, names: list[str]
) -> None:
    monkeypatch.setattr(Sandbox, "known", lambda _: {name: {} for name in up})
    sandbox = declared.declared_sandbox(limit)
    assert [host.name for host in sandbox.hosts] == names
    assert len({host.number for host in sandbox.hosts}) == len(names)


def test_a_limit_must_match() -> None:
    with pytest.raises(UsageError, match="no host matches none"):
        declared.declared_sandbox("none")
