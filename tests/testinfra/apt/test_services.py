"""Services of new packages wait for their configuration, and an installation that was killed is completed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from plays import Play, Run
    from repository import Repositories
    from testinfra.host import Host

OTHERS = ["rsync", "less", "awk"]
WANTED = [*OTHERS, "strata-service"]
POLICY = "/usr/sbin/policy-rc.d"
OWED = "/var/lib/strata/owed/apt"

# Takes the hold away when others have opened a lock's file a number of times, as who waits for it does.
RELEASE = """
import ctypes, os, socket
libc = ctypes.CDLL(None)
watch = libc.inotify_init()
in_open = 0x20
libc.inotify_add_watch(watch, b"/var/lib/dpkg/lock-frontend", in_open)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", chr(0)))
for _ in range(3):
    os.read(watch, 4096)
os.unlink("/run/strata-hold")
"""

pytestmark = pytest.mark.usefixtures("afterwards", "fresh")


def begin_and_hold(host: Host, begin: Callable[..., Play], **declared: Any) -> Play:
    """Start a run and return it when a package that it installs is in the middle of its work."""
    host.check_output("touch /run/strata-hold")
    run = begin(**declared)
    deadline = time.monotonic() + 120
    while not host.file("/run/strata-began").exists:
        assert time.monotonic() < deadline, run.end().output
    return run


def kill(host: Host, *, whole: bool) -> None:
    """Kill the module, whose dpkg lives on, or all that it started too."""
    host.check_output("pkill -KILL -xf /usr/bin/python3")
    if whole:
        host.run("pkill -KILL -x apt-get; pkill -KILL -x dpkg; pkill -KILL -f 'strata-.*[.]postinst'")
        host.check_output("rm /run/strata-hold /run/strata-began")


def states(host: Host, *names: str) -> list[str]:
    """Return the states of packages, as dpkg abbreviates them."""
    return host.check_output(f"dpkg-query -W -f '${{db:Status-Abbrev}}\\n' {' '.join(names)}").split()


def assert_ready(host: Host) -> None:
    """Check that strata-service is as it is after each installation: its timer runs, and it waits."""
    assert states(host, "strata-service") == ["ii"]
    assert host.check_output("dpkg --audit") == ""
    assert not host.service("strata-service").is_running
    assert host.service("strata-service.timer").is_running
    assert not host.service("strata-idle.timer").is_running
    assert not host.file(POLICY).exists


def test_service_of_a_new_package_does_not_start_but_its_timer_does(
    host: Host, converge: Callable[..., Run], repositories: Repositories
) -> None:
    declared = {"apt_sources": [repositories.source()], "apt_packages": WANTED}
    done = converge(**declared)
    assert (done.rc, done.changed) == (0, 1), done.output
    assert_ready(host)
    result = done.results[-1]
    assert (result["timers"], result["waiting_units"]) == (["strata-service.timer"], ["strata-service.service"])
    again = converge(**declared)
    assert (again.changed, "no role has started strata-service.service of new packages" in again.said) == (0, True)
    host.check_output("apt-get -q -y reinstall strata-service")  # by hand it is as ever
    assert host.service("strata-service").is_running
    assert "no role has started" not in converge(**declared).said


def test_timer_of_a_package_of_debian_starts(host: Host, converge: Callable[..., Run]) -> None:
    assert not host.package("logrotate").is_installed
    try:
        done = converge(apt_packages=[*OTHERS, "logrotate"])
        assert (done.rc, done.changed) == (0, 1), done.output
        assert done.results[-1]["timers"] == ["logrotate.timer"]
        assert host.service("logrotate.timer").is_running
    finally:
        host.check_output("apt-get -q -y purge logrotate")


@pytest.mark.spread
def test_policy_of_the_host_decides(host: Host, converge: Callable[..., Run], repositories: Repositories) -> None:
    host.check_output(f"printf '#!/bin/sh\\nexit 0\\n' >{POLICY} && chmod 755 {POLICY}")
    try:
        done = converge(apt_sources=[repositories.source()], apt_packages=WANTED)
        assert (done.rc, done.changed) == (0, 1), done.output
        assert host.file(POLICY).content_string == "#!/bin/sh\nexit 0\n"
        assert host.service("strata-service").is_running
    finally:
        host.check_output(f"rm {POLICY}")


@pytest.mark.spread
@pytest.mark.parametrize("whole", [True, False])
def test_killed_installation_is_completed(
    host: Host,
    begin: Callable[..., Play],
    converge: Callable[..., Run],
    repositories: Repositories,
    whole: bool,
) -> None:
    declared = {"apt_sources": [repositories.source()], "apt_packages": WANTED}
    run = begin_and_hold(host, begin, **declared)
    kill(host, whole=whole)
    if not whole:  # dpkg goes on when the next run is waiting for it, and must find its policy then
        host.check_output(
            "systemd-run --quiet --collect --property=Type=notify --property=NotifyAccess=all /usr/bin/python3 -c %s",
            RELEASE,
        )
    done = converge(**declared)
    assert (run.end().rc != 0, done.rc) == (True, 0), done.output
    assert_ready(host)
    assert converge(**declared).changed == 0


@pytest.mark.spread
def test_installation_that_was_killed_late_is_completed_though_all_wanted_packages_are_there(
    host: Host, begin: Callable[..., Play], converge: Callable[..., Run], repositories: Repositories
) -> None:
    source = {"apt_sources": [repositories.source()]}
    assert converge(**source, apt_packages=[*OTHERS, "strata-late"]).rc == 0
    declared = {**source, "apt_packages": [*OTHERS, "strata-hello"]}
    run = begin_and_hold(host, begin, **declared)
    kill(host, whole=True)
    assert run.end().rc != 0
    hello, late = states(host, "strata-hello", "strata-late")
    assert (hello, late == "ii") == ("ii", False)
    assert host.file(OWED).content_string == "strata-hello\n"
    predicted = converge(check=True, **declared)
    done = converge(**declared)
    assert (predicted.changed, done.rc, done.changed) == (1, 0, 1), done.output
    assert states(host, "strata-hello", "strata-late") == ["ii", "ii"]
    assert not host.file(OWED).exists
    assert host.check_output("dpkg --audit") == ""
    assert converge(**declared).changed == 0


@pytest.mark.spread
def test_a_foreign_architecture_comes_and_goes(
    host: Host, converge: Callable[..., Run], repositories: Repositories
) -> None:
    source = {"apt_sources": [repositories.source()]}
    declared = source | {"apt_architectures": ["i386"], "apt_packages": [*OTHERS, "strata-foreign:i386"]}
    predicted = converge(check=True, **declared)
    done = converge(**declared)
    assert (done.rc, done.changed) == (0, 1), done.output
    assert done.results[-1]["changes"] == predicted.results[-1]["changes"]
    assert host.check_output("dpkg --print-foreign-architectures") == "i386"
    assert states(host, "strata-foreign:i386") == ["ii"]
    assert converge(**declared).changed == 0
    assert "strata-foreign:i386 is installed: list it in" in converge(**source).message
    assert converge(**source, apt_absent_packages=["strata-foreign:i386"]).rc == 0
    assert host.check_output("dpkg --print-foreign-architectures") == ""


@pytest.mark.spread
def test_package_that_fails_is_reported_until_it_must_be_absent(
    host: Host, converge: Callable[..., Run], repositories: Repositories
) -> None:
    source = {"apt_sources": [repositories.source()]}
    said = "dpkg: error processing package strata-broken (--configure)"
    assert said in converge(**source, apt_packages=[*OTHERS, "strata-broken"]).message
    left = converge(**source)
    assert left.rc != 0
    assert left.message.startswith(f"completing the interrupted installations failed: {said}")
    done = converge(**source, apt_absent_packages=["strata-broken"])
    assert (done.rc, done.changed) == (0, 1), done.output
    assert not host.package("strata-broken").is_installed
    assert converge(**source).changed == 0


@pytest.mark.spread
def test_second_run_waits_for_the_first_as_long_as_it_is_told(
    host: Host, begin: Callable[..., Play], converge: Callable[..., Run], repositories: Repositories
) -> None:
    declared = {"apt_sources": [repositories.source()], "apt_packages": WANTED}
    run = begin_and_hold(host, begin, **declared)
    second = converge(**declared, apt_lock_timeout=1)
    process = host.check_output("pgrep -xf /usr/bin/python3")
    host.check_output("rm /run/strata-hold")
    first = run.end()
    assert second.message == (
        f"another run has been changing apt on this host for 1 s: wait until its process {process} ends"
    )
    assert (first.rc, first.changed) == (0, 1), first.output
    assert_ready(host)
