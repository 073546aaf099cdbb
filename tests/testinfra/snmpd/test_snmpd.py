"""SNMP: who gets answers, who gets none, and what stays secret."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plays import Run
    from testinfra.host import Host

    Converge = Callable[..., Run]

V2 = ("-v2c", "-c", "canary-community")


def v3(auth: str = 'canary "auth\\', priv: str = "canary priv", name: str = "watcher") -> tuple[str, ...]:
    return ("-v3", "-l", "authPriv", "-u", name, "-a", "SHA-256", "-A", auth, "-x", "AES", "-X", priv)


@pytest.fixture(scope="session", autouse=True)
def client(probe: Host) -> None:
    probe.check_output("apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install snmp >/dev/null")


@pytest.fixture
def stranger(probe: Host) -> Iterator[tuple[str, str]]:
    """Other addresses of the probe, IPv4 and IPv6: as if another host asked."""
    mine = probe.check_output("hostname -I").split()
    others = tuple(address.rsplit(mark, 1)[0] + f"{mark}253" for address, mark in zip(mine, ".:", strict=True))
    for address, length in zip(others, ("24", "64"), strict=True):
        probe.check_output(f"ip address add {address}/{length} dev eth0 nodad")
    yield others
    for address, length in zip(others, ("24", "64"), strict=True):
        probe.check_output(f"ip address del {address}/{length} dev eth0")


def get(probe: Host, agent: str, who: tuple[str, ...], oid: str = ".1.3.6.1.2.1.1.6.0", source: str = "") -> str:
    """Return what an agent says, value or error; OIDs by number, as the probe has no MIBs."""
    agent = f"udp6:[{agent}]" if ":" in agent else agent
    client = [f"--clientaddr={f'[{source}]' if ':' in source else source}"] if source else []
    done = probe.run(shlex.join(["snmpget", "-On", "-Oqv", "-t", "2", "-r", "0", *client, *who, agent, oid]))
    return (done.stdout or done.stderr).strip().strip('"')


@pytest.mark.parametrize("who", [V2, v3()], ids=["v2c", "v3"])
def test_a_listed_host_gets_answers(probe: Host, address: str, address6: str, who: tuple[str, ...]) -> None:
    for agent in (address, address6):
        assert get(probe, agent, who) == "Rack 7, row B"
        assert get(probe, agent, who, ".1.3.6.1.2.1.1.4.0") == "Operators <operators@example.org>"


@pytest.mark.parametrize("who", [V2, v3()], ids=["v2c", "v3"])
def test_another_host_gets_none(
    probe: Host, address: str, address6: str, stranger: tuple[str, str], who: tuple[str, ...]
) -> None:
    for agent, source in zip((address, address6), stranger, strict=True):
        assert get(probe, agent, who, source=source).startswith(("Timeout", "snmpget: "))
    assert get(probe, address, who) == "Rack 7, row B"


def test_snmpd_itself_refuses_another_host(
    host: Host, probe: Host, address: str, address6: str, stranger: tuple[str, str], converge: Converge
) -> None:
    host.check_output(
        "iptables -I INPUT -p udp --dport 161 -j ACCEPT && ip6tables -I INPUT -p udp --dport 161 -j ACCEPT"
    )
    for agent, source in zip((address, address6), stranger, strict=True):
        assert get(probe, agent, V2, source=source).startswith("Timeout")
        assert get(probe, agent, v3(), source=source) == "Rack 7, row B"  # what the firewall is for
    assert converge().rc == 0


@pytest.mark.parametrize(
    "who",
    [
        ("-v2c", "-c", "public"),
        ("-v2c", "-c", "wrong"),
        v3(auth="wrong password"),
        v3(priv="wrong password"),
        v3(name="nobody"),
        ("-v3", "-l", "authNoPriv", "-u", "watcher", "-a", "SHA-256", "-A", 'canary "auth\\'),
    ],
)
def test_without_the_secret_there_is_no_answer(probe: Host, address: str, who: tuple[str, ...]) -> None:
    assert "Rack" not in get(probe, address, who)


@pytest.mark.parametrize("who", [V2, v3()], ids=["v2c", "v3"])
def test_nobody_can_write(probe: Host, address: str, who: tuple[str, ...]) -> None:
    done = probe.run(shlex.join(["snmpset", "-t", "2", "-r", "0", *who, address, ".1.3.6.1.2.1.1.6.0", "s", "moved"]))
    assert done.rc != 0
    assert get(probe, address, who) == "Rack 7, row B"


def test_new_secrets_replace_the_old(probe: Host, address: str, converge: Converge) -> None:
    settings: dict[str, Any] = {
        "snmpd_community": "canary-other",
        "snmpd_users": [{"name": "watcher", "auth_password": "canary auth 2", "priv_password": "canary priv 2"}],
    }
    done = converge("-vvv", "--diff", **settings)
    assert (done.rc, done.changed) == (0, 1), done.output
    assert "canary" not in done.output.partition("PLAY [")[2]  # before it, Ansible shows what it was called with
    assert get(probe, address, ("-v2c", "-c", "canary-other")) == "Rack 7, row B"
    assert get(probe, address, v3("canary auth 2", "canary priv 2")) == "Rack 7, row B"
    assert "Rack" not in get(probe, address, V2)
    assert "Rack" not in get(probe, address, v3())
    assert converge(snmpd_users=[]).rc == 0
    assert "Rack" not in get(probe, address, v3())
    assert "Rack" not in get(probe, address, v3("canary auth 2", "canary priv 2"))
    assert converge().rc == 0
    assert get(probe, address, v3()) == "Rack 7, row B"


def test_the_secrets_are_roots_alone(host: Host) -> None:
    assert (host.file("/etc/snmp/snmpd.conf").mode, host.file("/etc/snmp/snmpd.conf").user) == (0o600, "root")
    assert host.run("journalctl -q --output=cat | grep -F canary").rc == 1


@pytest.mark.spread
def test_what_snmpd_does_not_start_with_does_not_stay(
    host: Host, probe: Host, address: str, converge: Converge
) -> None:
    before = host.file("/etc/snmp/snmpd.conf").content
    done = converge("-vvv", "--diff", snmpd_agent_addresses=["udp:192.0.2.99:161"])
    assert done.rc == 2
    assert "snmpd.service: restart failed: " in done.said
    assert "the old files are back in force" in done.said
    assert "canary" not in done.output.partition("PLAY [")[2]  # before it, Ansible shows what it was called with
    assert host.file("/etc/snmp/snmpd.conf").content == before
    assert get(probe, address, V2) == "Rack 7, row B"
    assert converge().changed == 0


@pytest.mark.spread
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"snmpd_users": [{"name": "watcher", "auth_password": "canary12", "priv_password": "canary1"}]},
            "snmpd_users: priv_password of watcher has fewer than 8 letters",
        ),
        ({"snmpd_location": "Rack 7\nrwcommunity public"}, "snmpd_location must be one line"),
    ],
)
def test_what_snmpd_would_take_for_something_else_is_refused(
    converge: Converge, settings: dict[str, Any], said: str
) -> None:
    done = converge("-vvv", **settings)
    assert done.rc == 2
    assert said in done.said
    assert "canary" not in done.output.partition("PLAY [")[2]
