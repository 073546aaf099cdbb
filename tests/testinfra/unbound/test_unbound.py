"""The resolver: it answers, validates, refuses, and is not missed when it is down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plays import Run
    from testinfra.host import Host

    Converge = Callable[..., Run]

ZONE = """\
$ORIGIN example.org.
$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 192.0.2.53
www IN A 192.0.2.80
"""

#: Signs the zone with a key of its own, gives it to nsd, and says by which record the key is known.
SERVE = """
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update && apt-get -qq -y install nsd ldnsutils >/dev/null
mkdir -p /srv/zone && cd /srv/zone && rm -f K*
cat >example.org
key=$(ldns-keygen -a ECDSAP256SHA256 -k example.org)
ldns-signzone example.org "$key"
printf 'zone:\\n  name: example.org\\n  zonefile: /srv/zone/example.org.signed\\n' >/etc/nsd/nsd.conf.d/zone.conf
systemctl restart nsd
cat "$key.ds"
"""


FORWARDED = {
    "unbound_forwarders": ["192.0.2.53"],
    "unbound_settings": {"do-ip6": False},
    "unbound_keep_names": False,
}


@pytest.fixture(scope="session")
def anchor(probe: Host) -> str:
    """A server of a signed zone on the probe: the record that its answers can be checked with."""
    record = " ".join(probe.check_output("echo %s | sh -c %s", ZONE, SERVE).split())
    return f'"{record}"'


def address_of(probe: Host) -> str:
    return probe.check_output("hostname -I").split()[0]


@pytest.fixture
def forwarding(converge: Converge, anchor: str, probe: Host) -> Iterator[Callable[..., Run]]:
    """Converge the host with the probe as its forwarder; put the scenario's own values back after the test."""
    server = address_of(probe)

    def run(*flags: str, check: bool = False, **variables: Any) -> Run:
        settings = {
            "unbound_forwarders": [server],
            "unbound_settings": {"trust-anchor": anchor},
            "unbound_keep_names": False,  # it knows one zone
        }
        return converge(*flags, check=check, **(settings | variables))

    yield run
    assert converge().rc == 0


def resolve(host: Host, name: str) -> list[str]:
    """Return the addresses that programs of the host get for a name."""
    return sorted({line.split()[0] for line in host.run(f"getent ahostsv4 {name}").stdout.splitlines()})


def servers(host: Host) -> list[str]:
    """Return the servers that programs of the host ask."""
    return [
        line.split()[1] for line in host.file("/etc/resolv.conf").content_string.splitlines() if "nameserver" in line
    ]


def test_nobody_but_unbound_is_asked(host: Host) -> None:
    assert servers(host) == ["127.0.0.1"]
    assert resolve(host, "printer.example.org") == ["192.0.2.77"]


def test_only_the_host_itself_is_served(host: Host, address: str) -> None:
    assert {host.socket(f"udp://{each}:53").is_listening for each in ("127.0.0.1", "::1")} == {True}
    assert not host.socket(f"udp://{address}:53").is_listening
    assert not host.socket("udp://0.0.0.0:53").is_listening


def test_settings_of_yaml_are_settings_of_unbound(host: Host, converge: Converge) -> None:
    settings = {"do-ip6": False, "num-threads": 2, "private-address": ["10.0.0.0/8", "192.168.0.0/16"]}
    assert converge(unbound_settings=settings).rc == 0
    found = [host.check_output(f"unbound-checkconf -o {name}").split() for name in settings]
    assert [found[0], found[1], sorted(found[2])] == [["no"], ["2"], settings["private-address"]]
    assert converge().rc == 0


@pytest.mark.spread
@pytest.mark.parametrize(
    ("other", "values", "said"),
    [
        ("forward-zone:\n  name: .\n  forward-addr: 192.0.2.1\n", FORWARDED, "duplicate forward zone . ignored"),
        ("server:\n  do-ip6: yes\n", FORWARDED, "do-ip6: no"),
        ("server:\n  hide-version: no\n", {}, "hide-version: yes; nothing was changed"),
    ],
)
def test_what_another_file_takes_the_force_of_does_not_stay(
    host: Host, converge: Converge, other: str, values: dict[str, Any], said: str
) -> None:
    before = host.file("/etc/unbound/unbound.conf.d/strata.conf").content
    host.check_output("printf %s >/etc/unbound/unbound.conf.d/z.conf", other)
    try:
        done = converge(**values)
    finally:
        host.check_output("rm /etc/unbound/unbound.conf.d/z.conf && systemctl restart unbound")
    assert (done.rc, said in done.said) == (2, True), done.said
    assert host.file("/etc/unbound/unbound.conf.d/strata.conf").content == before


def test_what_the_host_asked_before_is_asked_and_names_that_resolved_go_on_to(host: Host, converge: Converge) -> None:
    assert servers(host) == ["127.0.0.1"]
    assert resolve(host, "probe")
    before = host.check_output("cat /etc/resolv.conf /etc/unbound/unbound.conf.d/*")
    # The root servers cannot be asked here, nor do they know the name.
    done = converge(unbound_recursive=True, unbound_important_names=["probe"])
    assert done.rc == 2, done.output
    for said in ("probe resolves", "unbound_forward_zones", "the old files are back in force"):
        assert said in done.said
    assert host.check_output("cat /etc/resolv.conf /etc/unbound/unbound.conf.d/*") == before
    assert resolve(host, "probe")


@pytest.mark.spread
@pytest.mark.parametrize("kind", ["forward", "stub"])
def test_a_zone_of_its_own_is_asked_of_others(
    host: Host, converge: Converge, anchor: str, probe: Host, kind: str
) -> None:
    assert anchor  # the zone is served
    zone = {"name": "example.org", "addresses": [f"{address_of(probe)}@53"]}
    hidden = {"private-address": ["192.0.2.0/24"]}
    assert converge(**{f"unbound_{kind}_zones": [zone]}, unbound_settings=hidden).rc == 0
    assert resolve(host, "www.example.org") == ["192.0.2.80"]
    assert resolve(host, "printer.example.org") == ["192.0.2.77"]
    assert resolve(host, "probe")
    assert converge().rc == 0
    assert resolve(host, "www.example.org") == []


def test_names_resolve_while_unbound_is_down(host: Host, converge: Converge) -> None:
    host.check_output("systemctl stop unbound")
    assert resolve(host, "probe")
    assert "trust-ad" not in host.file("/etc/resolv.conf").content_string
    host.check_output("systemctl start unbound")
    assert converge().changed == 0
    host.check_output("systemctl stop unbound")
    done = converge()
    assert (done.rc, done.changed) == (0, 1), done.output
    assert servers(host) == ["127.0.0.1"]
    assert resolve(host, "printer.example.org") == ["192.0.2.77"]


def test_what_the_host_asked_before_is_the_fallback(host: Host, converge: Converge) -> None:
    done = converge(unbound_fallback_nameservers=[])
    assert done.rc == 0, done.output
    host.check_output("mkdir -p /run/systemd/system/unbound.service.d")
    host.check_output("printf '[Service]\\nRestart=no\\n' >/run/systemd/system/unbound.service.d/test.conf")
    host.check_output("systemctl daemon-reload")
    try:
        host.check_output("pkill -KILL -x unbound")
        wait_for(lambda: servers(host) != ["127.0.0.1"], lambda: f"{servers(host)}")
        assert resolve(host, "probe")
    finally:
        host.check_output("rm -r /run/systemd/system/unbound.service.d; systemctl daemon-reload")
    assert converge().rc == 0
    assert servers(host) == ["127.0.0.1"]


def test_without_a_fallback_nothing_resolves_while_unbound_is_down(host: Host, converge: Converge) -> None:
    assert converge(unbound_fallback=False).rc == 0
    host.check_output("systemctl stop unbound")
    assert servers(host) == ["127.0.0.1"]
    assert resolve(host, "probe") == []
    assert converge().rc == 0


def test_a_signed_answer_is_trusted(host: Host, forwarding: Converge) -> None:
    assert forwarding().rc == 0
    assert resolve(host, "www.example.org") == ["192.0.2.80"]
    assert forwarding().changed == 0


def test_a_false_answer_of_a_signed_zone_is_none(host: Host, probe: Host, forwarding: Converge, anchor: str) -> None:
    words = anchor.strip('"').split()
    forged = f'"{" ".join([*words[:-1], "0" * len(words[-1])])}"'
    # The fallback would answer, as it validates nothing.
    settings = {"unbound_settings": {"trust-anchor": forged}, "unbound_fallback_nameservers": [address_of(probe)]}
    assert forwarding(**settings).rc == 0
    assert resolve(host, "www.example.org") == []
    host.check_output("systemctl stop unbound")
    assert resolve(host, "www.example.org") == ["192.0.2.80"]
    assert forwarding(**settings, unbound_insecure_domains=["example.org"]).rc == 0
    assert resolve(host, "www.example.org") == []  # an anchor of its own makes a domain secure all the same
    assert "trust-ad" in host.file("/etc/resolv.conf").content_string
    assert forwarding(**settings | {"unbound_dnssec": False}).rc == 0
    assert resolve(host, "www.example.org") == ["192.0.2.80"]
    assert "trust-ad" not in host.file("/etc/resolv.conf").content_string


@pytest.mark.spread
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"no-such-setting": "yes"}, "no-such-setting"),  # refused by unbound-checkconf
        ({"interface": "192.0.2.99"}, "unbound.service: restart failed: "),  # found by a start only
    ],
)
def test_what_unbound_refuses_does_not_stay(
    host: Host, converge: Converge, settings: dict[str, str], said: str
) -> None:
    before = host.check_output("sha256sum /etc/resolv.conf /etc/unbound/unbound.conf.d/*")
    done = converge(unbound_settings=settings)
    assert done.rc == 2
    assert said in done.said
    assert "the old files are back in force" in done.said
    assert host.check_output("sha256sum /etc/resolv.conf /etc/unbound/unbound.conf.d/*") == before
    assert resolve(host, "printer.example.org") == ["192.0.2.77"]
    again = converge()
    assert (again.rc, again.changed) == (0, 0), again.output


@pytest.mark.spread
def test_a_restart_that_a_killed_run_owes_is_done(host: Host, converge: Converge) -> None:
    host.check_output(
        "sed -i s/192.0.2.77/192.0.2.78/ /etc/unbound/unbound.conf.d/strata.conf && systemctl restart unbound"
    )
    host.check_output("sed -i s/192.0.2.78/192.0.2.77/ /etc/unbound/unbound.conf.d/strata.conf")
    assert resolve(host, "printer.example.org") == ["192.0.2.78"]
    done = converge()
    assert (done.rc, done.changed) == (0, 1), done.output
    assert resolve(host, "printer.example.org") == ["192.0.2.77"]
    assert converge().changed == 0
