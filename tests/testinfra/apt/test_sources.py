"""Sources, keys, pins, versions, holds and settings on a real host, with real repositories."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from repository import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Run
    from repository import Repositories
    from testinfra.host import Host

    Converge = Callable[..., Run]

WANTED = ["rsync", "less", "awk"]
CANARY = "canary-7f3a"

pytestmark = pytest.mark.usefixtures("afterwards")


def policy(host: Host, package: str) -> list[str]:
    return host.check_output("apt-cache policy %s", package).split()


def test_source_is_predicted_made_used_and_taken_away(
    host: Host, converge: Converge, repositories: Repositories, fingerprint: Callable[[], dict[str, str]]
) -> None:
    declared = {
        "apt_sources": [repositories.source(signed_by="trial")],
        "apt_keys": [{"name": "trial", "key": repositories.keys["good"]}],
        "apt_pins": [{"name": "trial", "packages": ["strata-*"], "pin": "release a=good"}],
        "apt_packages": [*WANTED, "strata-hello=1.0"],
        "apt_held_packages": ["strata-hello"],
    }
    before = fingerprint()
    predicted = converge("--diff", check=True, **declared)
    assert (predicted.rc, predicted.changed) == (0, 1), predicted.output
    assert fingerprint() == before
    done = converge("--diff", **declared)
    assert (done.rc, done.changed) == (0, 1), done.output
    assert predicted.results[-1]["files"] == done.results[-1]["files"]
    assert set(done.results[-1]["installed"]) == {"strata-hello"}
    assert host.package("strata-hello").version == "1.0"
    assert "1.0 501" in " ".join(policy(host, "strata-hello"))
    assert host.check_output("apt-mark showhold") == "strata-hello"
    assert converge(**declared).changed == 0

    newer = converge(**declared | {"apt_packages": [*WANTED, "strata-hello=1.1"]})
    assert (newer.rc, newer.changed) == (0, 1), newer.output
    assert host.package("strata-hello").version == "1.1"
    assert host.check_output("apt-mark showhold") == "strata-hello"

    predicted = converge(check=True)
    assert (predicted.rc, predicted.changed) == (0, 1), predicted.output
    done = converge()
    assert (done.rc, done.changed) == (0, 1), done.output
    assert sorted(done.results[-1]["files"]) == [
        "/etc/apt/keyrings/trial.asc",
        "/etc/apt/preferences.d/trial.pref",
        "/etc/apt/sources.list.d/trial.sources",
    ]
    assert host.check_output("apt-mark showhold") == ""
    assert policy(host, "strata-hello").count("1.1") == 2  # installed, and in no source
    assert converge().changed == 0


def test_binary_key_and_older_version(host: Host, converge: Converge, repositories: Repositories) -> None:
    binary = host.check_output("cat /srv/keys/good.base64")
    declared = {
        "apt_sources": [repositories.source(signed_by="trial")],
        "apt_keys": [{"name": "trial", "key": binary}],
    }
    done = converge(**declared, apt_packages=[*WANTED, "strata-hello"])
    assert (done.rc, host.package("strata-hello").version) == (0, "1.1"), done.output
    done = converge(**declared, apt_packages=[*WANTED, "strata-hello=1.0*"])
    assert (done.rc, host.package("strata-hello").version) == (0, "1.0"), done.output
    done = converge(**declared, apt_packages=[*WANTED, "strata-hello=2.0"])
    assert done.rc != 0
    assert "strata-hello=2.0 (apt_packages) cannot be installed: Version '2.0' for 'strata-hello' was not found" in (
        words(done.output)
    )


@pytest.mark.parametrize(
    ("place", "key", "said"),
    [
        ("good", "other", "ignature"),
        ("late", "late", "ignature"),
        ("forged", "good", "ignature"),
        ("tampered", "good", "Packages"),
        ("nothing-here", "good", "404"),
        (":1/dead", "good", "Could not connect"),
    ],
)
def test_source_that_apt_refuses_changes_nothing(
    host: Host,
    converge: Converge,
    repositories: Repositories,
    in_force: Callable[[], str],
    place: str,
    key: str,
    said: str,
) -> None:
    good = {"apt_sources": [repositories.source()]}
    assert converge(**good).rc == 0
    before = in_force()
    bad = repositories.source(place, signed_by=repositories.keys[key])
    if place.startswith(":"):
        bad["uris"] = [f"http://127.0.0.1{place}"]
    done = converge(apt_sources=[bad], apt_packages=[*WANTED, "strata-hello"])
    assert done.rc != 0
    assert "apt refuses the source trial (apt_sources): " in words(done.output)
    assert said in done.output
    assert "the old sources stay in force" in words(done.output)
    assert in_force() == before
    assert not host.package("strata-hello").is_installed
    assert converge(**good).changed == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"suites": ["trixie"]}, "the source trial (apt_sources) needs components"),
        ({"fields": {"Date-Max-Future": "1\nURIs: x"}}, "the source trial (apt_sources) has"),
        ({"signed_by": "nobody"}, "has no key of that name"),
    ],
)
def test_source_that_is_none_is_refused(
    converge: Converge, repositories: Repositories, in_force: Callable[[], str], wrong: dict[str, Any], said: str
) -> None:
    before = in_force()
    done = converge(apt_sources=[repositories.source(**wrong)])
    assert done.rc != 0
    assert said in words(done.output)
    assert in_force() == before


def test_corrupt_source_of_somebody_else_is_named(
    host: Host, converge: Converge, repositories: Repositories, in_force: Callable[[], str]
) -> None:
    before = in_force()
    host.check_output(
        "printf 'Types: deb\\nURIs: http://example.org\\nSuites: x\\n' >/etc/apt/sources.list.d/bad.sources"
    )
    try:
        done = converge(apt_sources=[repositories.source()])
    finally:
        host.check_output("rm /etc/apt/sources.list.d/bad.sources")
    assert done.rc != 0
    assert "Malformed entry 1 in sources file /etc/apt/sources.list.d/bad.sources" in words(done.output)
    assert in_force() == before


@pytest.fixture
def own_source(host: Host) -> Iterator[dict[str, Any]]:
    """The host's own source of Debian, as a role would declare it; the old file is put back after the test."""
    (uri, suite), *_ = [
        line.split()[1:3] for line in host.check_output("cat /etc/apt/sources.list").splitlines() if "deb" in line
    ]
    host.check_output("cp -a /etc/apt/sources.list /run/sources.list")
    yield {"name": "debian", "uris": [uri], "suites": [suite], "components": ["main"]}
    host.check_output("mv /run/sources.list /etc/apt/sources.list")


def test_foreign_sources_are_named_and_purged_when_asked(
    host: Host, converge: Converge, own_source: dict[str, Any], fingerprint: Callable[[], dict[str, str]]
) -> None:
    refused = converge(apt_purge=True)
    assert refused.rc != 0
    assert "would leave no source" in words(refused.output)
    declared = {"apt_sources": [own_source | {"enabled": False}, own_source | {"name": "own"}]}
    kept = converge(**declared)
    assert kept.results[-1]["foreign_sources"] == ["/etc/apt/sources.list"], kept.output
    before = fingerprint()
    preview = converge(check=True, **declared, apt_purge=True)
    assert preview.results[-1]["files"] == ["/etc/apt/sources.list"]
    assert fingerprint() == before
    assert converge(**declared, apt_purge=True).changed == 1
    assert not host.file("/etc/apt/sources.list").exists
    assert host.run("apt-get -q install --simulate tree").rc == 0
    assert converge(**declared, apt_purge=True).changed == 0


def test_settings_are_those_of_apt(host: Host, converge: Converge, repositories: Repositories) -> None:
    done = converge(
        apt_proxy_http="http://192.0.2.1:3128",
        apt_proxy_exceptions=["127.0.0.1"],
        apt_sources=[repositories.source("flaky/good")],  # it refuses everything twice, and no proxy is there
        apt_conf=[{"name": "70trial", "settings": {"Trial::List": ["a", "b"], "Trial::Switch": True}}],
    )
    assert done.rc == 0, done.output
    assert {'Trial::List:: "b";', 'Trial::Switch "true";', 'Acquire::Retries "3";'} <= set(
        host.check_output("apt-config dump").splitlines()
    )
    assert 'Acquire::http::Proxy::127.0.0.1 "DIRECT";' in host.check_output("apt-config dump")


def test_answer_is_given_before_the_installation_and_shown_nowhere(
    host: Host, converge: Converge, repositories: Repositories
) -> None:
    answer = {"package": "strata-asking", "question": "strata-asking/word", "type": "password", "secret_value": CANARY}
    declared = {"apt_sources": [repositories.source()], "apt_debconf": [answer]}
    assert converge(**declared).rc == 0
    # By a file, as Ansible prints the variables of its command line.
    wanted = {"apt_packages": [*WANTED, "strata-asking"]}
    checked = converge("-vvv", "--diff", check=True, **declared, **wanted)
    done = converge("-vvv", "--diff", **declared, **wanted)
    assert (checked.changed, done.rc, done.changed) == (1, 0, 1), done.output
    assert CANARY not in checked.output + done.output
    said = host.check_output("cat /etc/strata-asking")
    assert said == host.check_output("printf %s | sha256sum", CANARY)
    assert CANARY not in host.check_output("cat /var/log/apt/*.log /var/log/dpkg.log")
    assert converge(**declared, **wanted).changed == 0


def test_host_upgrades_itself_from_declared_origins(host: Host, converge: Converge) -> None:
    origins = ["origin=Debian,codename=${distro_codename},label=Debian"]
    declared = {
        "apt_unattended_upgrades": True,
        "apt_unattended_origins": origins,
        "apt_unattended_mail": "root@example.org",
    }
    try:
        done = converge(**declared)
        assert (done.rc, done.changed) == (0, 1), done.output
        dump = host.check_output("apt-config dump")
        assert dump.count("Unattended-Upgrade::Origins-Pattern::") == len(origins), json.dumps(dump)
        assert 'APT::Periodic::Unattended-Upgrade "1";' in dump
        said = host.check_output("unattended-upgrade --dry-run --debug 2>&1")
        codename = host.check_output(". /etc/os-release && echo $VERSION_CODENAME")
        assert f"Allowed origins are: origin=Debian,codename={codename},label=Debian\n" in said
        assert converge(**declared).changed == 0
    finally:
        host.check_output("apt-get -q -y purge unattended-upgrades")
