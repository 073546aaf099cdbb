"""What a review server is configured from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host


def test_the_tree_is_on_the_host(host: Host) -> None:
    projects = host.file("/srv/review/gerrit/projects.yaml")
    assert projects.contains("project: infra/system-config")
    assert (projects.user, projects.group, projects.mode) == ("root", "root", 0o644)
    assert host.file("/srv/review/gerrit/acls/infra/system-config.config").is_file


def test_what_project_config_no_longer_has_goes(host: Host, converge) -> None:
    host.check_output("touch /srv/review/gerrit/gone.yaml")
    assert converge().changed == 1
    assert not host.file("/srv/review/gerrit/gone.yaml").exists


def test_the_web_server_runs(host: Host) -> None:
    assert host.service("apache2").is_running
