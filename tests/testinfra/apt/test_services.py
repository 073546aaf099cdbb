"""Services of new packages wait for their configuration, and an installation that was killed is completed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from plays import Play, Run
    from repository import Repositories
    from testinfra.host import Host

WANTED = ["rsync", "less", "awk", "strata-service"]
POLICY = "/usr/sbin/policy-rc.d"

pytestmark = pytest.mark.usefixtures("afterwards", "fresh")


def test_service_of_a_new_package_does_not_start(
    host: Host, converge: Callable[..., Run], repositories: Repositories
) -> None:
    declared = {"apt_sources": [repositories.source()], "apt_packages": WANTED}
    done = converge(**declared)
    assert (done.rc, done.changed) == (0, 1), done.output
    assert not host.service("strata-service").is_running
    assert not host.file(POLICY).exists
    host.check_output("apt-get -q -y reinstall strata-service")  # by hand it is as ever
    assert host.service("strata-service").is_running


def test_policy_of_the_host_decides(host: Host, converge: Callable[..., Run], repositories: Repositories) -> None:
    host.check_output(f"printf '#!/bin/sh\\nexit 0\\n' >{POLICY} && chmod 755 {POLICY}")
    try:
        done = converge(apt_sources=[repositories.source()], apt_packages=WANTED)
        assert (done.rc, done.changed) == (0, 1), done.output
        assert host.file(POLICY).content_string == "#!/bin/sh\nexit 0\n"
        assert host.service("strata-service").is_running
    finally:
        host.check_output(f"rm {POLICY}")


@pytest.mark.parametrize("whole", [True, False])
def test_killed_installation_is_completed(
    host: Host,
    begin: Callable[..., Play],
    converge: Callable[..., Run],
    repositories: Repositories,
    whole: bool,
) -> None:
    declared = {"apt_sources": [repositories.source()], "apt_packages": WANTED}
    host.check_output("touch /run/strata-hold")
    run = begin(**declared)
    deadline = time.monotonic() + 120
    while not host.file("/run/strata-began").exists:
        assert time.monotonic() < deadline, run.end().output
    # The module alone, whose dpkg lives on, or all that it started.
    host.check_output("pkill -KILL -xf /usr/bin/python3")
    if whole:
        host.run("pkill -KILL -x apt-get; pkill -KILL -x dpkg; pkill -KILL -f strata-service[.]postinst")
    host.check_output("rm /run/strata-hold")
    assert run.end().rc != 0
    done = converge(**declared)
    assert done.rc == 0, done.output
    assert host.check_output("dpkg-query -W -f '${db:Status-Abbrev}' strata-service").strip() == "ii"
    assert host.check_output("dpkg --audit") == ""
    assert not host.service("strata-service").is_running
    assert not host.file(POLICY).exists
    assert converge(**declared).changed == 0
