"""Settings of the kernel: in force, changed back, and refused. Only those of the network are a container's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from plays import Run
    from testinfra.host import Host

    Converge = Callable[..., Run]

FILE = "/etc/sysctl.d/99-zz-strata.conf"
REDIRECTS = "/proc/sys/net/ipv4/conf/all/accept_redirects"
PORTS = "/proc/sys/net/ipv4/ip_local_port_range"


def state(host: Host) -> tuple[str, ...]:
    return tuple(" ".join(host.file(path).content_string.split()) for path in (REDIRECTS, PORTS, FILE))


def test_settings_are_in_force(host: Host) -> None:
    assert state(host)[:2] == ("0", "20000 60000")


def test_the_file_is_what_is_read_last_at_boot(host: Host) -> None:
    read = host.check_output("/lib/systemd/systemd-sysctl --cat-config").splitlines()
    assert [line for line in read if line.startswith("# /")][-1] == f"# {FILE}"
    assert read[-3:] == [
        "net.ipv4.conf.all.accept_redirects = 0",
        "net.ipv4.ip_local_port_range = 20000 60000",
        "-net.example.unknown = 1",
    ]


def test_what_changed_by_hand_is_changed_back(host: Host, converge: Converge) -> None:
    host.check_output(f"echo 1 >{REDIRECTS}")
    done = converge("--diff", check=True)
    assert (done.rc, done.changed) == (0, 1), done.output
    assert state(host)[0] == "1"
    done = converge()
    assert (done.rc, done.changed) == (0, 1), done.output
    assert done.results[-1]["changes"] == ["net.ipv4.conf.all.accept_redirects"]
    assert state(host)[0] == "0"
    assert converge().changed == 0


@pytest.mark.spread
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            {"name": "net.ipv4.ip_local_port_rangs", "value": "1"},
            "has no 'ip_local_port_rangs' in net.ipv4: did you mean 'ip_local_port_range'?",
        ),
        ({"name": "net.ipv4.ip_local_port_range", "value": "wide"}, "the kernel does not take wide: Invalid argument"),
        ({"name": "kernel.panic", "value": "12345"}, "can't be set here, as in a container"),
    ],
)
def test_what_the_kernel_refuses_changes_nothing(
    host: Host, converge: Converge, setting: dict[str, Any], said: str
) -> None:
    before = state(host)
    done = converge(sysctl_settings=[{"name": "net.ipv4.conf.all.accept_redirects", "value": "1"}, setting])
    assert done.rc == 2
    assert said in done.said
    assert state(host) == before
