"""Which containers, networks and folders go when all hosts of this checkout are removed; no container is started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from strata.cli import cli
from strata.errors import StrataError
from strata.paths import CHECKOUT
from strata.sandbox import hosts, leftovers
from strata.verbs import down

if TYPE_CHECKING:
    from pathlib import Path

OTHER = "0" * 8 if not CHECKOUT.startswith("0") else "1" * 8


class Podman:
    """The containers and networks of a machine, as podman shows and removes them."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, str]] = {}
        self.networks = ["podman"]
        self.stuck: set[str] = set()

    def sandbox(self, checkout: str, name: str, *names: str) -> None:
        """Add a sandbox with hosts."""
        self.networks.append(f"strata-{checkout}-{name}")
        for host in names:
            labels = {"strata.sandbox": f"{checkout}-{name}", "strata.host": host}
            self.containers[f"strata-{checkout}-{name}-{host}"] = labels

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        if arguments[0] == "network":
            return [{"name": name} for name in self.networks]
        wanted = arguments[-1].removeprefix("label=strata.sandbox=") if "--filter" in arguments else None
        return [
            {"Names": [name], "Labels": labels or None, "State": "running"}
            for name, labels in self.containers.items()
            if wanted in {None, labels.get("strata.sandbox")}
        ]

    def run(self, *arguments: str) -> str:
        if arguments[-1] in self.stuck:
            raise StrataError(f"podman rm: {arguments[-1]} is stuck")
        if arguments[:2] == ("network", "rm"):
            self.networks.remove(arguments[2])
        else:
            assert arguments[:2] == ("rm", "--force")
            del self.containers[arguments[-1]]
        return ""


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Podman:
    """A machine with sandboxes of this checkout and of others."""
    machine = Podman()
    machine.sandbox(CHECKOUT, "sandbox", "static01", "review01")
    machine.sandbox(CHECKOUT, "bench-W-httpd", "strata1")
    machine.sandbox(CHECKOUT, "molecule-httpd", "deb12", "deb13")
    machine.sandbox(CHECKOUT, "molecule-apt")  # of which only the network is left
    machine.sandbox(OTHER, "sandbox", "static01")
    machine.sandbox(f"{CHECKOUT}0", "sandbox", "static01")
    machine.containers["postgres"] = {}
    machine.containers[f"my-strata-{CHECKOUT}-sandbox"] = {}
    for module in (hosts, leftovers):
        monkeypatch.setattr(module, "podman_json", machine.json)
        monkeypatch.setattr(module, "STATE", tmp_path / "state")
    monkeypatch.setattr(hosts, "podman", machine.run)
    monkeypatch.setattr(hosts, "SOCKETS", tmp_path / "run")
    monkeypatch.setattr(leftovers, "MOLECULE", tmp_path / "state/molecule")
    monkeypatch.setattr(down, "require", lambda: None)
    for folder in ("state/sandboxes/sandbox", "state/sandboxes/died", "state/molecule/httpd", f"run/{CHECKOUT}-gone"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / f"run/{OTHER}-sandbox").mkdir()
    return machine


def test_sandboxes_are_told_apart_by_checkout(podman: Podman) -> None:
    found = leftovers.sandboxes(*leftovers._listed())
    assert found == {"sandbox", "bench-W-httpd", "molecule-httpd", "molecule-apt"}
    assert podman.containers


def test_all_of_this_checkout_goes_and_nothing_else(podman: Podman, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["down", "--all"])
    assert done.exit_code == 0, done.exception
    prefix = f"strata-{CHECKOUT}"
    assert done.output.splitlines() == [
        f"removed container {prefix}-bench-W-httpd-strata1",
        f"removed network {prefix}-bench-W-httpd",
        f"removed folder {tmp_path}/state/sandboxes/died",
        f"removed network {prefix}-molecule-apt",
        f"removed container {prefix}-molecule-httpd-deb12",
        f"removed container {prefix}-molecule-httpd-deb13",
        f"removed network {prefix}-molecule-httpd",
        f"removed container {prefix}-sandbox-review01",
        f"removed container {prefix}-sandbox-static01",
        f"removed network {prefix}-sandbox",
        f"removed folder {tmp_path}/state/sandboxes/sandbox",
        f"removed folder {tmp_path}/state/molecule/httpd",
    ]
    others = [f"strata-{OTHER}-sandbox", f"strata-{CHECKOUT}0-sandbox"]
    assert podman.networks == ["podman", *others]
    left = [*(f"{other}-static01" for other in others), "postgres", f"my-{prefix}-sandbox"]
    assert list(podman.containers) == left
    assert [path.name for path in (tmp_path / "run").iterdir()] == [f"{OTHER}-sandbox"]


def test_what_cannot_be_removed_is_told_in_the_end(podman: Podman) -> None:
    name = f"strata-{CHECKOUT}-bench-W-httpd-strata1"
    podman.stuck.add(name)
    done = CliRunner().invoke(cli, ["down", "--all"])
    assert str(done.exception) == f"podman rm: {name} is stuck"
    assert [each for each in podman.containers if each.startswith(f"strata-{CHECKOUT}-")] == [name]


def test_without_the_option_only_the_sandbox_goes(podman: Podman) -> None:
    assert CliRunner().invoke(cli, ["down"]).exit_code == 0
    assert f"strata-{CHECKOUT}-molecule-httpd-deb12" in podman.containers
    assert f"strata-{CHECKOUT}-sandbox" not in podman.networks


def test_down_names_the_hosts_of_tests_that_it_leaves(podman: Podman) -> None:
    done = CliRunner().invoke(cli, ["down"])
    assert done.exit_code == 0, done.output
    assert f"strata-{CHECKOUT}-sandbox" not in podman.networks
    assert f"strata-{CHECKOUT}-molecule-httpd-deb13" in podman.containers
    assert (
        "hosts of tests are left: bench-W-httpd, molecule-apt, molecule-httpd; `bin/strata down --all` removes them"
    ) in done.stderr


@pytest.mark.usefixtures("podman")
def test_down_of_a_sandbox_alone_names_nothing() -> None:
    assert CliRunner().invoke(cli, ["down", "--all"]).exit_code == 0
    assert "are left" not in CliRunner().invoke(cli, ["down"]).stderr
