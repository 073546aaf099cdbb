"""What deploys: whose it is, who can read it, and that it runs the code of the repository with what that one pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

HOME = "/var/lib/bastion"

#: Code that stands for Strata's.
MAIN = "import getpass, os, sys; print(getpass.getuser(), os.getcwd(), os.environ['STRATA_PRIVATE'], *sys.argv[1:])"


@pytest.fixture(scope="module")
def origin(host: Host) -> Iterator[Host]:
    """The host with a repository in the place of the one that the role is told of, which it has not fetched yet."""
    host.check_output(
        f"mkdir -p /srv/origin/src/strata && cd /srv/origin && git init -q -b production && touch requirements.txt "
        f'&& touch src/strata/__init__.py && echo "{MAIN}" >src/strata/__main__.py && git add . '
        "&& git -c user.name=ada -c user.email=ada@example.org commit -qm one && chown -R bastion: ."
    )
    yield host
    host.check_output(f"rm -rf /srv/origin {HOME}/checkout {HOME}/environments {HOME}/setup.lock {HOME}/.ssh")


def test_strata_is_the_repository_s_called_as_the_user_who_deploys(origin: Host) -> None:
    said = origin.check_output("strata hosts --json")
    assert said == f"bastion {HOME} {HOME}/private hosts --json"
    assert origin.check_output("runuser -u bastion strata runs").endswith("/private runs")
    assert "only root and bastion" in origin.run("runuser -u daemon strata runs").stderr
    version, path = origin.file(f"{HOME}/checkout/.strata/pythons").content_string.split()
    assert origin.check_output(f"{path} --version").startswith(f"Python {version}.")
    origin.check_output(f"runuser -u bastion -- ssh-keygen -y -f {HOME}/.ssh/id_ed25519")
    readable = origin.check_output(f"runuser -u daemon -- find {HOME} -mindepth 1 2>&1 || true")
    assert readable.endswith("Permission denied")


def test_another_tree_runs_its_own_code(origin: Host) -> None:
    origin.check_output(
        f"cp -a {HOME}/checkout /srv/origin/tree && echo 'print(1 + 1)' >/srv/origin/tree/src/strata/__main__.py"
    )
    assert origin.check_output("STRATA_TREE=/srv/origin/tree strata deploy") == "2"


def test_the_unit_deploys_and_says_so_in_the_journal(origin: Host) -> None:
    origin.check_output("systemctl start strata-deploy.service")
    assert f"bastion {HOME} {HOME}/private deploy" in origin.check_output("journalctl -u strata-deploy.service -o cat")
    assert origin.check_output("systemctl show -P Triggers strata-deploy.timer") == "strata-deploy.service"
    assert origin.service("strata-deploy.timer").is_running


def test_the_node_exporter_can_read_what_is_measured(host: Host) -> None:
    folder = host.file("/var/lib/bastion-metrics")
    assert (folder.user, oct(folder.mode)) == ("bastion", "0o755")
    assert host.file(f"{HOME}/private").mode == 0o700
    assert host.file(HOME).mode == 0o700


def test_strata_can_read_the_settings(host: Host) -> None:
    assert host.file("/etc/strata/deploy.yml").content_string.splitlines()[1:4] == [
        "url: /srv/origin",
        "branch: production",
        "inventory: inventories/production",
    ]
