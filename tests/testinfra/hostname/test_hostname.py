"""The host's name, as programs see it, and the names of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from plays import Run
    from testinfra.host import Host

    Converge = Callable[..., Run]


def addresses(host: Host, name: str) -> set[str]:
    """Return the addresses that programs get for a name."""
    return {line.split()[0] for line in host.check_output(f"getent ahosts {name}").splitlines()}


def test_programs_see_the_names(host: Host, target: str) -> None:
    assert host.check_output("hostname") == target
    assert host.check_output("hostname --fqdn") == f"{target}.example.org"
    assert host.check_output("hostname --domain") == "example.org"
    assert host.file("/etc/mailname").content_string == f"{target}\n"
    assert addresses(host, target) == {"127.0.1.1"}
    assert addresses(host, "localhost") <= {"127.0.0.1", "::1"}


def test_names_of_others_need_no_server(host: Host, target: str) -> None:
    """That of the probe is none of its own addresses, which the network's server would give."""
    assert addresses(host, "printer") == {"192.0.2.77"}
    assert addresses(host, "printer.example.org") == {"192.0.2.77", "2001:db8::77"}
    assert addresses(host, "other") == {"192.0.2.78", "2001:db8::78"}
    other = {"deb13": "deb12", "deb12": "deb13"}[target]
    assert f"# {other} has no address in the inventory.\n" in host.file("/etc/hosts").content_string


def test_a_new_name_is_in_force_at_once_and_after_a_boot(
    host: Host, target: str, converge: Converge, reboot: Callable[[], None]
) -> None:
    name = {"hostname_name": "renamed"}
    predicted = converge("--diff", check=True, **name)
    assert host.check_output("hostname") == target
    done = converge(**name)
    assert (done.rc, done.changed) == (0, 1), done.output
    assert done.results[-1]["changes"] == predicted.results[-1]["changes"]
    assert done.results[-1]["changes"] == ["/etc/hostname", "/etc/hosts", "hostname renamed"]
    assert host.check_output("hostname --fqdn") == "renamed.example.org"
    assert converge(**name).changed == 0
    # What a DHCP client may do.
    host.check_output("hostname other-name")
    assert converge(**name).results[-1]["changes"] == ["hostname renamed"]
    assert host.check_output("hostname; cat /etc/hostname") == "renamed\nrenamed"
    assert converge().changed == 1
    reboot()
    assert converge().changed == 0
    assert host.check_output("hostname --fqdn") == f"{target}.example.org"


@pytest.mark.spread
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hostname_name": "no_name!"}, "hostname 'no_name!' ends with status 1"),
        ({"hostname_entries": [{"address": "192.0.2.256", "names": ["a"]}]}, "192.0.2.256 a: '192.0.2.256' does not"),
        ({"hostname_entries": [{"address": "192.0.2.1", "names": []}]}, "192.0.2.1 has no name"),
    ],
)
def test_what_is_no_name_changes_nothing(host: Host, converge: Converge, values: dict[str, Any], said: str) -> None:
    state = "hostname; cat /etc/hostname /etc/hosts"
    before = host.check_output(state)
    done = converge(**values)
    assert done.rc == 2
    assert said in done.said
    assert host.check_output(state) == before
    assert converge().changed == 0
