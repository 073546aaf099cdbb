"""The packages of a real host: installed, removed, repaired; what is refused; whose locks are waited for."""

import re

import pytest
from repository import words

WANTED = ["rsync", "less", "awk"]

# Takes a lock, tells systemd, and leaves some seconds after others have opened the lock's file a number of times.
HOLDER = """
import ctypes, fcntl, os, socket, sys, time
path, times, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
lock = open(path, "a")
fcntl.lockf(lock, fcntl.LOCK_EX)
libc = ctypes.CDLL(None)
watch = libc.inotify_init()
in_open = 0x20
libc.inotify_add_watch(watch, path.encode(), in_open)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", chr(0)))
for _ in range(times):
    os.read(watch, 4096)
time.sleep(seconds)
"""


@pytest.fixture
def spare(host):
    """Return a package that is not there before and after the test."""
    yield "tree"
    host.check_output("apt-get -q -y purge tree")


@pytest.fixture
def hold(host, spare):  # noqa: ARG001 (the lock goes before the package does)
    """Let another process hold a lock until the test ends, or until its file was opened so many times."""

    def start(lock, times=1_000_000, seconds=0):
        host.check_output(
            "systemd-run --quiet --collect --unit=strata-lock --property=Type=notify --property=NotifyAccess=all "
            "/usr/bin/python3 -c %s %s %s %s",
            HOLDER,
            lock,
            str(times),
            str(seconds),
        )

    yield start
    host.run("systemctl stop strata-lock")


def test_wanted_packages_are_installed(host):
    assert host.package("rsync").is_installed
    assert host.package("less").is_installed
    assert host.run("rsync --version").rc == 0


def test_package_is_predicted_installed_and_removed(host, converge, spare):
    predicted = converge(check=True, apt_packages=[*WANTED, spare])
    assert (predicted.rc, predicted.changed) == (0, 1)
    assert not host.package(spare).is_installed
    assert converge(apt_packages=[*WANTED, spare]).changed == 1
    assert host.package(spare).is_installed
    predicted = converge(check=True, apt_absent_packages=[spare])
    assert (predicted.rc, predicted.changed) == (0, 1)
    assert host.package(spare).is_installed
    assert converge(apt_absent_packages=[spare]).changed == 1
    assert not host.package(spare).is_installed
    assert converge(apt_absent_packages=[spare]).changed == 0


@pytest.mark.spread
@pytest.mark.parametrize("unknown", ["strata-nosuch", "les.", "less++"])
def test_unknown_package_fails_by_name_and_installs_nothing(host, converge, spare, unknown):
    result = converge(apt_packages=[*WANTED, spare, unknown])
    assert result.rc != 0
    expected = f"{unknown} (apt_packages) cannot be installed: Unable to locate package {unknown}"
    assert expected in words(result.output)
    assert not host.package(spare).is_installed


@pytest.mark.spread
@pytest.mark.parametrize("name", ["-oDPkg::Pre-Invoke::=touch${IFS}/strata-was-here", "mawk-", "less/sid", "Less"])
def test_what_is_no_package_name_is_refused(host, converge, name):
    result = converge(apt_packages=[name])
    assert result.rc != 0
    assert "(apt_packages) is not the name of a Debian package" in words(result.output)
    assert not host.file("/strata-was-here").exists
    assert host.package("mawk").is_installed


@pytest.mark.spread
def test_package_wanted_and_absent_is_refused(converge):
    result = converge(apt_packages=["less"], apt_absent_packages=["less"])
    assert result.rc != 0
    assert "less (apt_packages) is wanted, and less (apt_absent_packages) must be absent" in words(result.output)


@pytest.mark.spread
def test_removal_that_takes_others_along_is_refused(host, converge):
    result = converge(apt_packages=["less"], apt_absent_packages=["libpopt0"])
    assert result.rc != 0
    assert "removing libpopt0 (apt_absent_packages) would also remove rsync" in words(result.output)
    assert host.package("rsync").is_installed
    assert host.package("libpopt0").is_installed


@pytest.mark.spread
def test_unpacked_package_is_configured(host, converge, spare):
    host.check_output("cd /tmp && apt-get -q download %s && dpkg --unpack %s_*.deb && rm %s_*.deb", spare, spare, spare)
    assert host.check_output("dpkg-query -W -f '${db:Status-Abbrev}' %s", spare).strip() == "iU"
    assert converge().changed == 0
    assert converge(apt_packages=[*WANTED, spare]).changed == 1
    assert host.check_output("dpkg-query -W -f '${db:Status-Abbrev}' %s", spare).strip() == "ii"
    assert converge(apt_packages=[*WANTED, spare]).changed == 0


@pytest.mark.spread
def test_package_unpacked_without_its_dependencies_is_completed(host, converge):
    host.check_output("apt-get -q -y purge rsync libpopt0")
    host.check_output("cd /tmp && apt-get -q download rsync && dpkg --unpack --force-depends rsync_*.deb && rm rsync_*")
    result = converge()
    assert (result.rc, result.changed) == (0, 1)
    assert host.run("rsync --version").rc == 0
    assert host.check_output("dpkg --audit") == ""


@pytest.mark.spread
@pytest.mark.parametrize("lock", ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/cache/apt/archives/lock"])
def test_lock_of_another_process_is_waited_for(host, converge, hold, spare, lock):
    hold(lock, times=3)
    result = converge(apt_packages=[*WANTED, spare])
    assert (result.rc, result.changed) == (0, 1)
    assert host.package(spare).is_installed


@pytest.mark.soak(times=2)
def test_lock_that_is_held_long_is_waited_for_and_its_holder_named(host, converge, hold, spare, repetition):
    _, repetitions = repetition
    hold("/var/lib/dpkg/lock-frontend", times=1, seconds=10 if repetitions == 1 else 60)
    process = host.check_output("systemctl show --property=MainPID --value strata-lock")
    result = converge(apt_packages=[*WANTED, spare])
    assert (result.rc, result.changed) == (0, 1)
    waited = re.search(
        rf"waited (\d+) s for process {process} \(python3\), which held /var/lib/dpkg/lock-frontend",
        words(result.output),
    )
    assert waited, result.output
    assert int(waited[1]) >= 8
    assert host.package(spare).is_installed


@pytest.mark.spread
def test_lock_on_the_package_lists_is_waited_for(host, converge, hold, spare):
    hold("/var/lib/apt/lists/lock", times=3)
    result = converge(apt_packages=[*WANTED, spare], apt_lists_max_age=0)
    assert (result.rc, result.changed) == (0, 1)
    assert host.package(spare).is_installed


@pytest.mark.spread
def test_lock_held_too_long_is_reported_with_its_holder(host, converge, hold, spare):
    hold("/var/lib/dpkg/lock-frontend")
    process = host.check_output("systemctl show --property=MainPID --value strata-lock")
    result = converge(apt_packages=[*WANTED, spare], apt_lock_timeout=2)
    assert result.rc != 0
    assert f"/var/lib/dpkg/lock-frontend is held by process {process} (python3)" in words(result.output)
    assert not host.package(spare).is_installed


@pytest.mark.spread
def test_held_lock_does_not_matter_when_nothing_is_to_do(converge, hold):
    hold("/var/lib/dpkg/lock-frontend")
    result = converge(apt_lock_timeout=0)
    assert (result.rc, result.changed) == (0, 0)


def test_lists_are_updated_only_before_an_installation(host, converge, spare):
    host.check_output("touch -d @0 /var/lib/apt/lists /var/lib/apt/lists/partial")
    host.run("touch --no-create -d @0 /var/lib/apt/periodic/update-success-stamp")
    assert converge().changed == 0
    assert host.check_output("stat -c %Y /var/lib/apt/lists/partial") == "0"
    assert converge(apt_packages=[*WANTED, spare]).changed == 1
    assert host.check_output("stat -c %Y /var/lib/apt/lists/partial") != "0"
