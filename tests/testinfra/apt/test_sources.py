"""Sources, keys, pins, versions, holds and settings on a real host, with real repositories."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from repository import PORT, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plays import Run
    from repository import Repositories
    from testinfra.host import Host

    Converge = Callable[..., Run]

WANTED = ["rsync", "less", "awk"]
CANARY = "canary-7f3a"

pytestmark = pytest.mark.usefixtures("afterwards", "fresh")


def policy(host: Host, package: str) -> list[str]:
    return host.check_output("apt-cache policy %s", package).split()


def test_source_is_predicted_made_used_and_taken_away(
    host: Host, converge: Converge, repositories: Repositories, fingerprint: Callable[[], dict[str, str]]
) -> None:
    declared = {
        "apt_sources": [repositories.source(signed_by="trial")],
        "apt_keys": [{"name": "trial", "key": repositories.keys["good"]}],
        "apt_pins": [{"name": "new", "packages": ["strata-*"], "pin": "release a=good"}],
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
    assert predicted.results[-1]["changes"] == done.results[-1]["changes"]
    assert {"/etc/apt/keyrings/trial.asc", "+ strata-hello=1.0"} <= set(done.results[-1]["changes"])
    assert set(done.results[-1]["installed"]) == {"strata-hello"}
    assert host.package("strata-hello").version == "1.0"
    assert "1.0 501" in " ".join(policy(host, "strata-hello"))
    assert host.check_output("apt-mark showhold") == "strata-hello"
    assert converge(**declared).changed == 0

    predicted = converge(check=True)
    done = converge()
    assert (predicted.changed, done.rc, done.changed) == (1, 0, 1), done.output
    mine = ["/etc/apt/keyrings/trial.asc", "/etc/apt/preferences.d/new.pref", "/etc/apt/sources.list.d/trial.sources"]
    assert sorted(set(done.results[-1]["files"]) & set(mine)) == mine
    assert predicted.results[-1]["files"] == done.results[-1]["files"]
    assert host.check_output("apt-mark showhold") == "gzip"
    assert f":{PORT}/" not in " ".join(policy(host, "strata-hello"))


@pytest.mark.spread
def test_binary_key_and_versions_up_and_down(host: Host, converge: Converge, repositories: Repositories) -> None:
    declared = {
        "apt_sources": [repositories.source(signed_by="trial")],
        "apt_keys": [{"name": "trial", "key": host.check_output("cat /srv/keys/good.base64")}],
        "apt_held_packages": ["strata-hello"],
    }
    for wish, expected in {"strata-hello": "1.1", "strata-hello=1.0*": "1.0"}.items():
        done = converge(**declared, apt_packages=[*WANTED, wish])
        assert (done.rc, host.package("strata-hello").version) == (0, expected), done.output
        assert host.check_output("apt-mark showhold") == "strata-hello"
    done = converge(**declared, apt_packages=[*WANTED, "strata-hello=2.0"])
    assert done.rc != 0
    said = "strata-hello=2.0 (apt_packages) cannot be installed: Version '2.0' for 'strata-hello' was not found"
    assert said in done.said


#: What is wrong with a repository, by its place: the name of the key, and what apt says about it. Those that apt would
#: stop at come together.
WRONG = [
    {
        "good": ("other", "signature"),
        "late": ("late", "signature"),
        "forged": ("good", "signature"),
        "nothing-here": ("good", "does not have a Release file"),
    },
    {"tampered": ("good", "Packages")},
    {"dead": ("good", "connect to 127.0.0.1:1")},
]


@pytest.mark.spread
def test_sources_that_apt_refuses_change_nothing(
    host: Host, converge: Converge, repositories: Repositories, in_force: Callable[[], str]
) -> None:
    good = {"apt_sources": [repositories.source("flaky/good")]}
    assert converge(**good).rc == 0
    before = in_force()
    for together in WRONG:
        bad = [
            repositories.source(place, name=f"trial-{place}", signed_by=repositories.keys[key])
            for place, (key, _) in together.items()
        ]
        if "dead" in together:
            bad[0]["uris"] = ["http://127.0.0.1:1/dead"]
        done = converge(apt_sources=bad, apt_packages=[*WANTED, "strata-hello"])
        assert done.rc != 0
        named, reasons = words(done.results[-1]["msg"]).removeprefix("apt refuses the source ").split(": ", 1)
        assert named.split(", ") == [f"{source['name']} (apt_sources)" for source in bad]
        for place, (_, said) in together.items():
            about = [reason for reason in reasons.split("; ") if f"/{place}" in reason]
            assert any(said in reason for reason in about), (place, reasons)
        assert reasons.endswith("the old sources stay in force")
        assert in_force() == before
    assert not host.package("strata-hello").is_installed
    assert converge(**good).changed == 0


def test_source_that_is_none_is_refused(
    converge: Converge, repositories: Repositories, in_force: Callable[[], str]
) -> None:
    before = in_force()
    done = converge(apt_sources=[repositories.source(fields={"Targets": "1\nURIs: x"})])
    assert done.rc != 0
    assert "the source trial (apt_sources) has" in words(done.output)
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
    """The host's own source of Debian, as a role would declare it; the old file is restored after the test."""
    (uri, suite), *_ = [
        line.split()[1:3] for line in host.check_output("cat /etc/apt/sources.list").splitlines() if "deb" in line
    ]
    host.check_output("cp -a /etc/apt/sources.list /run/sources.list")
    yield {"name": "debian", "uris": [uri], "suites": [suite], "components": ["main"]}
    host.check_output("mv /run/sources.list /etc/apt/sources.list")


@pytest.mark.spread
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


@pytest.mark.spread
def test_repository_that_asks_for_a_password_gets_it_and_nobody_else(
    host: Host, converge: Converge, repositories: Repositories
) -> None:
    declared = {"apt_sources": [repositories.source("private")], "apt_packages": [*WANTED, "strata-hello"]}
    declared["apt_sources"][0]["uris"] = [f"http://127.0.0.1:{PORT}/private/good"]
    credentials = {"name": "trial", "machine": f"http://127.0.0.1:{PORT}/private", "login": "host"}
    refused = converge(**declared)
    assert (refused.rc, "401" in refused.said) == (2, True), refused.output
    wrong = converge(**declared, apt_credentials=[credentials | {"password": "wrong-canary"}])
    assert (wrong.rc, "401" in wrong.said) == (2, True), wrong.output
    declared["apt_credentials"] = [credentials | {"password": "canary"}]
    predicted = converge("--diff", "-vvv", check=True, **declared)
    done = converge("--diff", "-vvv", **declared)
    assert (done.rc, host.package("strata-hello").is_installed) == (0, True), done.output
    file = host.file("/etc/apt/auth.conf.d/trial.conf")
    assert (file.user, file.group, file.mode) == ("root", "root", 0o600)
    left = converge("--diff")
    assert not file.exists
    for run in (wrong, predicted, done, left):
        assert "password canary" not in run.output
        assert "wrong-canary" not in run.output
    assert host.run("journalctl --since=-10min | grep -F 'password canary'").rc == 1


@pytest.mark.spread
def test_answer_is_given_before_the_installation_and_shown_nowhere(
    host: Host, converge: Converge, repositories: Repositories, tmp_path: Path
) -> None:
    answer = {"package": "strata-asking", "question": "strata-asking/word", "type": "password", "secret_value": CANARY}
    # In a file, as Ansible prints its command line.
    declared = tmp_path / "declared.json"
    wanted = {"apt_packages": [*WANTED, "strata-asking"], "apt_sources": [repositories.source()]}
    declared.write_text(json.dumps({**wanted, "apt_debconf": [answer]}))
    flags = ("-vvv", "--diff", f"--extra-vars=@{declared}")
    checked = converge(*flags, check=True)
    done = converge(*flags)
    assert (checked.changed, done.rc, done.changed) == (1, 0, 1), done.output
    assert CANARY not in checked.output + done.output
    said = host.check_output("cat /etc/strata-asking")
    assert said == host.check_output("printf %s | sha256sum", CANARY)
    assert CANARY not in host.check_output("cat /var/log/apt/*.log /var/log/dpkg.log")
    assert converge(*flags).changed == 0


def test_host_upgrades_itself_from_declared_origins(host: Host, converge: Converge) -> None:
    origins = ["origin=Debian,codename=${distro_codename},label=Debian"]
    declared = {
        "apt_unattended_upgrades": True,
        "apt_unattended_origins": origins,
        "apt_unattended_mail": "root@example.org",
        "apt_unattended_reboot": True,
        "apt_unattended_reboot_time": "04:30",
        "apt_unattended_reboot_with_users": False,
    }
    in_force = {
        "Mail": "root@example.org",
        "MailReport": "only-on-error",
        "Automatic-Reboot": "true",
        "Automatic-Reboot-Time": "04:30",
        "Automatic-Reboot-WithUsers": "false",
        "Remove-Unused-Dependencies": "false",
    }
    try:
        done = converge(**declared)
        assert (done.rc, done.changed) == (0, 1), done.output
        dump = host.check_output("apt-config dump")
        assert dump.count("Unattended-Upgrade::Origins-Pattern::") == len(origins), json.dumps(dump)
        assert 'APT::Periodic::Unattended-Upgrade "1";' in dump
        assert {f'Unattended-Upgrade::{name} "{value}";' for name, value in in_force.items()} <= set(dump.splitlines())
        said = host.check_output("unattended-upgrade --dry-run --debug 2>&1")
        codename = host.check_output(". /etc/os-release && echo $VERSION_CODENAME")
        assert f"Allowed origins are: origin=Debian,codename={codename},label=Debian\n" in said
        assert converge(**declared).changed == 0
    finally:
        host.check_output("apt-get -q -y purge unattended-upgrades")
