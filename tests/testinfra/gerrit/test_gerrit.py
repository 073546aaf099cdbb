"""gerrit: a real one that answers, restarts when it must and never else, and loads plugins."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import CANARY, SITE, TRIAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Server
    from plays import Run
    from testinfra.host import Host

    Rerun = Callable[..., Run]

UNDO = "/var/lib/strata/gerrit/undo"
VERSIONS = {"deb13": "3.13.5", "deb12": "3.10.2"}


def until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def test_it_answers_over_http_and_ssh(server: Server, target: str, address: str) -> None:
    assert server.version() == VERSIONS[target]
    with socket.create_connection((address, 29418), timeout=10) as client:
        assert client.recv(256).startswith(f"SSH-2.0-GerritCodeReview_{VERSIONS[target]} ".encode())
    assert "Disallow: /changes/" in server.ask("/robots.txt")


def test_the_role_known_hosts_is_told_its_keys(host: Host, target: str) -> None:
    keys = host.check_output(f"cut -d' ' -f1,2 {SITE}/etc/ssh_host_*_key.pub").splitlines()
    facts = next(Path(os.environ["ANSIBLE_CACHE_PLUGIN_CONNECTION"]).glob(f"*{target}")).read_text()
    assert keys
    assert [key for key in keys if key not in facts] == []
    assert re.search(r"ssh_services.{1,9}port\W+29418", facts), facts


def test_its_files_are_its_own_and_secrets_are_nobody_elses(host: Host, server: Server) -> None:
    assert host.check_output(f"stat -c %U:%a {SITE}/etc/secure.config") == "gerrit:600"
    assert f"password = {CANARY}" in server.text("etc/secure.config")
    assert CANARY not in server.text("etc/gerrit.config")
    assert host.check_output("ps -o user= -p $(systemctl show --value -p MainPID gerrit)") == "gerrit"
    exposed = host.check_output("systemd-analyze security --no-pager gerrit | tail -n 1")
    assert float(exposed.split(":")[1].split()[0]) < 4, exposed


def test_git_reads_what_was_declared(host: Host) -> None:
    lines = host.check_output(f"git config --list --file {SITE}/etc/gerrit.config").splitlines()
    assert "commentlink.bug.match=bug #?([0-9]+)" in lines
    assert "commentlink.bug.link=https://bugs.example.org/$1" in lines
    assert [line for line in lines if line.startswith("download.scheme=")] == [
        "download.scheme=ssh",
        "download.scheme=http",
    ]
    assert "cache.web_sessions.maxage=1 month" in lines
    assert sum(line.startswith("gerrit.serverid=") for line in lines) == 1


def test_one_client_has_a_limit_of_connections(address: str) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(socket.create_connection((address, 29418), timeout=10))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, 29418), timeout=10)


@pytest.mark.spread
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"gerrit_war": {"url": "http://127.0.0.1:8081/config/server/version", "sha256": "0" * 64}},
            f"not {'0' * 64} as declared for bin/gerrit.war",
        ),
        ({"gerrit_java": "/usr/lib/none/bin/java"}, "there is no Java at /usr/lib/none/bin/java: install its package"),
        (
            {"gerrit_config": {"auth": {"b@d": 1}}},
            "gerrit.config (gerrit_config): 'auth.b@d': 'b@d' is not a valid name of a key",
        ),
        (
            {"gerrit_config": {"user": {"name": "two\nlines"}}},
            "user.name has a line break or another control character",
        ),
        (
            {"gerrit_config": {"ldap": {"password": CANARY}}},
            "ldap.password is a secret, which belongs in secure.config",
        ),
        ({"gerrit_auth_type": "NONE"}, "gerrit_auth_type"),
        ({"gerrit_files": [{"path": "../x", "content": ""}]}, "the file ../x (gerrit_files) must be below one of"),
    ],
    ids=["checksum", "java", "key", "value", "secret", "type", "path"],
)
def test_what_cannot_be_is_refused_and_nothing_is_touched(
    host: Host, server: Server, converge: Rerun, values: dict[str, Any], said: str
) -> None:
    before = server.process(), host.check_output(f"ls -lR --time-style=full-iso {SITE}/bin {SITE}/etc")
    refused = converge("--skip-tags=apt", **values)
    assert refused.rc != 0
    assert said in refused.said
    assert (server.process(), host.check_output(f"ls -lR --time-style=full-iso {SITE}/bin {SITE}/etc")) == before


def test_a_java_that_is_too_old_is_refused(server: Server, converge: Rerun, target: str) -> None:
    if target == "deb13":
        return
    before = server.process()
    refused = converge("--skip-tags=apt", gerrit_war={"path": "/var/cache/strata/gerrit/gerrit-3.13.5.war"})
    assert "Gerrit 3.13.5 needs Java 21, and /usr/bin/java is Java 17; nothing was changed" in refused.message
    assert server.process() == before


@pytest.mark.spread
def test_a_full_disk_stops_the_run_before_anything_is_touched(host: Host, server: Server, converge: Rerun) -> None:
    before = server.process()
    host.check_output("mount -t tmpfs -o size=1m none /var/cache/strata/gerrit")
    try:
        refused = converge("--skip-tags=apt", gerrit_war={"path": "/var/cache/strata/gerrit/gerrit-3.12.0.war"})
        assert refused.rc == 2
        assert "No space left on device" in refused.said
        assert host.check_output("ls -A /var/cache/strata/gerrit") == ""
    finally:
        host.check_output("umount /var/cache/strata/gerrit")
    assert server.process() == before


@pytest.mark.spread
def test_what_it_reads_anew_needs_no_restart(server: Server, rerun: Rerun) -> None:
    before = server.process()
    hook = {"name": "patchset-created", "content": "#!/bin/sh\n"}
    done = rerun(gerrit_robots="User-agent: *\nDisallow: /\n", gerrit_hooks=[hook], gerrit_header="<p>Hello</p>")
    assert done.changed == 1, done.output
    assert server.ask("/static/robots.txt").endswith("Disallow: /")
    assert server.host.check_output(f"stat -c %a {SITE}/hooks/patchset-created") == "755"
    assert server.process() == before
    assert rerun().changed == 1
    assert not server.host.file(f"{SITE}/hooks/patchset-created").exists
    assert server.process() == before


def test_a_change_that_gerrit_takes_over_needs_no_restart(server: Server, rerun: Rerun) -> None:
    before = server.process()
    links = [{"name": "ticket", "match": "T([0-9]+)", "link": "https://tickets.example.org/$1"}]
    predicted = rerun("--check", gerrit_commentlinks=links)
    done = rerun(gerrit_commentlinks=links)
    assert done.results[-2]["changes"] == predicted.results[-2]["changes"]
    assert done.results[-2]["changes"] == [f"{SITE}/etc/gerrit.config", "gerrit.service: reload-config"]
    said = json.loads(server.ask("/projects/All-Projects/config").removeprefix(")]}'"))
    assert list(said["commentlinks"]) == ["ticket"]
    assert server.process() == before


def test_a_change_of_the_configuration_restarts_and_shows_no_secret(host: Host, server: Server, rerun: Rerun) -> None:
    before, began = server.process(), host.check_output("date +%s")
    mirror = {"url": "git@mirror.example.org:${name}.git", "push": ["+refs/heads/*", "+refs/tags/*"]}
    given = {
        "gerrit_smtp_user": "strata",
        "gerrit_replication": {"remote": {"mirror": mirror}},
        "gerrit_replication_known_hosts": ["mirror.example.org ssh-ed25519 AAAA"],
        "gerrit_files": [{"path": ".ssh/replication", "secret_content": f"{CANARY} too", "mode": "0600"}],
    }
    predicted = rerun("--check", "--diff", **given)
    assert server.process() == before
    done = rerun("--diff", "-vvv", **given)
    assert done.results[-2]["changes"] == predicted.results[-2]["changes"]
    assert "gerrit.service: restart" in done.results[-2]["changes"]
    assert "smtpUser = strata" in done.output
    for run in (predicted, done):
        assert CANARY not in run.output.partition("PLAY [")[2]  # before it, Ansible shows what it was called with
    host.check_output("journalctl --sync")
    assert host.run(f"journalctl --since=@{began} --output=cat | grep -F {CANARY}").rc == 1
    assert server.process() != before
    urls = host.check_output(f"git config --file {SITE}/etc/replication.config --get-all remote.mirror.push")
    assert urls.splitlines() == ["+refs/heads/*", "+refs/tags/*"]
    assert host.check_output(f"stat -c %U:%a {SITE}/.ssh/replication {SITE}/.ssh") == "gerrit:600\ngerrit:700"
    again = server.process()
    assert rerun(**given).changed == 0
    assert server.process() == again


@pytest.mark.spread
def test_a_taken_port_brings_the_old_configuration_back(host: Host, server: Server, converge: Rerun) -> None:
    host.check_output("systemd-run --quiet --collect --unit=taken python3 -m http.server 8099")
    until(lambda: host.socket("tcp://0.0.0.0:8099").is_listening, "nobody takes the port")
    before = server.text("etc/gerrit.config")
    refused = converge("--skip-tags=apt", gerrit_listen_url="http://*:8099/")
    host.check_output("systemctl stop taken")
    assert "Address already in use" in refused.message
    assert refused.message.endswith("what was there before is back and serves")
    assert server.text("etc/gerrit.config") == before
    assert server.version()
    assert not host.file(UNDO).exists


@pytest.mark.spread
def test_a_plugin_is_loaded_replaced_and_removed_while_gerrit_serves(
    host: Host, server: Server, rerun: Rerun, plugin: Callable[..., Path]
) -> None:
    def running() -> str:
        return str(host.run(f"cat {SITE}/data/trial/note-*").stdout)

    before = server.process()
    for version in ("1", "2"):
        done = rerun(gerrit_plugins=[{"name": "trial", "path": str(plugin(version))}])
        assert done.changed == 1, done.output
        until(lambda expected=version: running() == expected, f"version {version} does not run, or not alone")
    good = host.check_output(f"sha256sum {SITE}/plugins/trial.jar")
    broken = plugin("3", TRIAL.replace("try {", 'if (true) throw new IllegalStateException("no");\n    try {', 1))
    refused = rerun(gerrit_plugins=[{"name": "trial", "path": str(broken)}])
    assert "Gerrit cannot load the plugin trial: " in refused.message
    assert host.check_output(f"sha256sum {SITE}/plugins/trial.jar") == good
    assert running() == "2"
    assert server.process() == before
    assert rerun().changed == 1
    assert running() == ""
    assert server.version()


@pytest.mark.spread
def test_a_killed_module_is_made_up_for(
    host: Host, server: Server, begin: Any, converge: Rerun, idle: Callable[[], None], kill_module: Any
) -> None:
    before = server.process()
    values = {"gerrit_smtp_user": "killed"}
    kill_module(lambda: begin("--skip-tags=apt", **values), f"{UNDO}/index.json", 0.3)
    idle()
    left = server.text("etc/gerrit.config"), host.check_output(f"ls -R {UNDO}")
    predicted = converge("--skip-tags=apt", "--check")
    assert (server.text("etc/gerrit.config"), host.check_output(f"ls -R {UNDO}")) == left
    done = converge("--skip-tags=apt")
    assert (done.rc, done.changed) == (0, predicted.changed), done.output
    assert "smtpUser" not in server.text("etc/gerrit.config")
    assert server.process() != before
    assert server.version()
    assert not host.file(UNDO).exists
    assert converge("--skip-tags=apt").changed == 0


@pytest.mark.spread
def test_a_link_of_gerrits_user_is_not_followed(host: Host, server: Server, converge: Rerun) -> None:
    before = server.process()
    host.check_output(f"runuser -u gerrit -- sh -c 'rmdir {SITE}/lib && ln -s /etc {SITE}/lib'")
    refused = converge("--skip-tags=apt")
    host.check_output(f"rm {SITE}/lib")
    assert f"{SITE}/lib is a link of user 2418, and only root's are followed" in refused.message
    assert (host.file("/etc").user, host.file("/etc").mode) == ("root", 0o755)
    assert converge("--skip-tags=apt").changed == 1
    assert server.process() == before


def test_garbage_is_collected(host: Host) -> None:
    host.check_output("systemctl start gerrit-gc")
    assert host.check_output(f"find {SITE}/git -name '*.pack' | wc -l") != "0"
    assert host.check_output("systemctl is-enabled gerrit-gc.timer") == "enabled"
