"""Which hosts of inventories/sandbox a sandbox has."""

from __future__ import annotations

import pytest

from strata.errors import UsageError
from strata.sandbox import declared
from strata.sandbox.declared import declared_sandbox


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
    monkeypatch.setattr(declared.Sandbox, "known", lambda _: {name: {} for name in up})
    sandbox = declared_sandbox(limit)
    assert [host.name for host in sandbox.hosts] == names
    assert len({host.number for host in sandbox.hosts}) == len(names)


def test_a_limit_must_match() -> None:
    with pytest.raises(UsageError, match="no host matches none"):
        declared_sandbox("none")
