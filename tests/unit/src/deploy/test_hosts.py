"""Running Ansible on one host: what its record and exit code say, and its time limit."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest

from strata.deploy import hosts
from strata.deploy.hosts import Applied, applied

#: Programs that stand for ansible-playbook.
RECORDS = 'echo it says this; echo "$*" >>"$MARK"; printf %s "$RECORD" >"$STRATA_RUN_RECORD"; exit "$CODE"'
SLEEPS = 'sleep 61 & echo $! >"$MARK"; wait'

WELL = {"ok": 3, "changed": ["httpd : Configure Apache"], "failed": [], "unreachable": False, "calls": 3}


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(hosts, "BIN", tmp_path)
    monkeypatch.setenv("MARK", str(tmp_path / "mark"))
    return tmp_path / "mark"


def lives(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def playbook(mark: Path, text: str, seconds: int = 60) -> hosts.AnsibleHosts:
    program = mark.with_name("ansible-playbook")
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return hosts.hosts(mark.parent, mark.parent / "inventory", "0" * 40, 1, seconds)


def test_a_host_gets_site_yml_alone_and_what_ansible_says_is_kept(mark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECORD", json.dumps({"plays": [{"play": "static", "hosts": {"static1": WELL}}]}))
    monkeypatch.setenv("CODE", "0")
    log = mark.parent / "logs/1/static1.log"
    assert playbook(mark, RECORDS).apply("static1", log) == Applied(("httpd : Configure Apache",))
    assert mark.read_text() == f"-i {mark.parent}/inventory --diff --limit static1 site.yml\n"
    assert log.read_text() == "it says this\n"
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_a_run_that_takes_too_long_is_ended_with_what_it_started(mark: Path) -> None:
    start = time.monotonic()
    found = playbook(mark, SLEEPS, seconds=1).apply("static1", mark.with_name("log"))
    assert found.wrong.startswith("Ansible did not end within 1 s, and was ended")
    assert time.monotonic() - start < 50
    process, end = mark.read_text().strip(), time.monotonic() + 60
    while lives(process):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("code", "found", "wrong"),
    [
        (0, WELL, ""),
        (2, WELL | {"failed": ["apt : Install"]}, "apt : Install failed: log"),
        (4, WELL | {"unreachable": True}, "it could not be reached any more: log"),
        (1, WELL, "Ansible ended with exit code 1, and not by a task: log"),
        (0, None, "Ansible ended with exit code 0, and not by a task: log"),
    ],
)
def test_what_went_wrong_is_a_sentence(code: int, found: dict[str, object] | None, wrong: str) -> None:
    plays = [{"play": "static", "hosts": {"static1": found} if found else {}}]
    assert applied("static1", code, plays, Path("log")).wrong == wrong
