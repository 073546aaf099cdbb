"""The host that runs Ansible."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host


def test_a_checkout_can_be_made_and_prepared(host: Host) -> None:
    host.check_output("git init -q /root/checkout && python3 -m venv /root/checkout/venv && ssh -V")
    host.check_output("rm -r /root/checkout")


def test_what_merges_is_deployed_by_a_timer(host: Host) -> None:
    assert host.service("strata-deploy.timer").is_enabled
    said = host.file("/etc/strata/deploy.yml").content_string
    assert "url: https://review.example.org/infra/system-config\n" in said
    assert "stages:\n- bastion\n" in said


def test_every_host_s_packages_are_there_too(host: Host) -> None:
    assert host.package("rsync").is_installed
