"""gerrit_run: what a run does in which order, and what is there when it fails. The real Gerrit has tests/testinfra."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.strata import paths
from ansible.module_utils.strata.gerrit import declared as plan
from ansible.module_utils.strata.gerrit import jars, service
from ansible.module_utils.strata.gerrit import run as gerrit_run
from ansible.module_utils.strata.gerrit.run import GerritError, Run

SOURCE = {"url": None, "path": None}


class Module:
    """What a run needs of AnsibleModule: parameters, and commands that are noted and answered.

    Its Gerrit is a state and a list of logged lines; `refuse` is the part of a command that fails.
    """

    def __init__(self, params: dict[str, Any], *, check_mode: bool = False, active: bool = True) -> None:
        self.params, self.check_mode, self.active = params, check_mode, active
        self.refuse = ""
        self.commands: list[str] = []

    def run_command(self, command: list[str], **_: Any) -> tuple[int, str, str]:
        line = " ".join(command)
        if command[0] == "git":
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr
        if command[:2] == ["systemctl", "show"]:
            if "--value" in command:
                return 0, "", ""
            state = "active" if self.active else "inactive"
            return 0, f"LoadState=loaded\nActiveState={state}\nUnitFileState=enabled\nType=notify\n", ""
        self.commands.append(line)
        if self.refuse and self.refuse in line:
            return 1, "", f"fatal: {line} says no"
        if command[0] == "systemctl" and command[1] in {"start", "stop", "restart"}:
            self.active = command[1] != "stop"
        if " init " in line:
            site = Path(self.params["site"])
            (site / "git" / "All-Projects.git").mkdir(parents=True, exist_ok=True)
            (site / "git" / "All-Projects.git" / "version").write_text("migrated")
            config = site / "etc" / "gerrit.config"
            config.write_text(config.read_text() + "[index]\n\ttype = lucene\n[gerrit]\n\tserverId = made\n")
        return 0, "", ""

    def told(self) -> list[str]:
        """The verbs of systemctl and the programs of the WAR that were run, in their order."""
        words = [line.split() for line in self.commands]
        programs = [each[each.index("-jar") + 2] if "-jar" in each else each[1] for each in words]
        return [each for each in programs if each in {"init", "reindex", "start", "stop", "restart"}]


class Bench:
    """A site below a folder, and runs over it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.site = folder, folder / "site"
        java = folder / "jvm" / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.touch()
        (folder / "jvm" / "release").write_text('JAVA_VERSION="21"\n')
        self.java = str(java)
        self.active = False

    def war(self, version: str) -> dict[str, Any]:
        """Have a WAR in the cache, and return its declaration."""
        library, path = self.folder / "version.jar", self.folder / "made.war"
        with zipfile.ZipFile(library, "w") as jar:
            jar.writestr(zipfile.ZipInfo("com/google/gerrit/common/Version"), version)
        with zipfile.ZipFile(path, "w") as made:
            made.writestr(zipfile.ZipInfo("WEB-INF/lib/version.jar"), library.read_bytes())
        return {**SOURCE, "sha256": self.sent(path.read_bytes())}

    def sent(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        path = Path(jars.CACHE, digest)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return digest

    def module(self, *, check_mode: bool = False, **given: Any) -> Module:
        params = {"site": str(self.site), "user": str(os.getuid()), "group": str(os.getgid()), "java": self.java}
        params |= {"plugins": [], "libs": [], "config": {}, "secure_config": {}, "plugin_configs": {}, "files": []}
        params |= {"unit": "[Service]\n", "patience": 1}
        return Module(params | given, check_mode=check_mode, active=self.active)

    def run(self, module: Module) -> dict[str, Any]:
        try:
            return Run(module).converge()  # type: ignore[arg-type]
        finally:
            self.active = module.active


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(jars, "CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(plan, "STATE", str(tmp_path / "state.json"))
    monkeypatch.setattr(plan, "UNIT_FILE", str(tmp_path / "gerrit.service"))
    monkeypatch.setattr(paths, "LOCKS", str(tmp_path / "locks"))
    monkeypatch.setattr(service.Service, "wrong", lambda *_: "")
    return Bench(tmp_path)


@pytest.fixture
def settled(bench: Bench) -> Bench:
    """A site with Gerrit 3.12.0 that serves."""
    bench.run(bench.module(war=bench.war("3.12.0")))
    return bench


def test_a_new_site_is_initialised_and_started_and_then_left_alone(bench: Bench) -> None:
    war = bench.war("3.12.0")
    predicted = bench.run(bench.module(war=war, check_mode=True))
    assert not bench.site.exists()
    first = bench.module(war=war)
    done = bench.run(first)
    assert predicted["changes"] == done["changes"]
    assert first.told() == ["init", "start"]
    config = (bench.site / "etc" / "gerrit.config").read_text()
    assert "serverId = made" in config
    assert "lucene" not in config  # what only init says
    second = bench.module(war=war)
    assert bench.run(second) == {"changed": False, "changes": [], "diff": []}
    assert second.commands == []


def test_who_is_to_know_its_keys_is_told_nothing_but_keys(settled: Bench) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF0POROmzVaZ7Ev1kuZm8zVPNHA+HoDJ7KBny601EHzx"
    etc = settled.site / "etc"
    module: Any = settled.module(war=settled.war("3.12.0"), config={"sshd": {"listenAddress": "*:2022"}})
    assert Run(module).ssh_services() == []
    (etc / "ssh_host_ed25519_key.pub").write_text(f"{key} gerrit@review01\n")
    (etc / "ssh_host_rsa_key.pub").write_text(f"* {key}\n@cert-authority * {key}\n")
    (etc / "ssh_host_ecdsa_key.pub").mkdir()
    assert Run(module).ssh_services() == [{"port": 2022, "keys": [key]}]


def test_a_config_restarts_and_a_static_file_does_not(settled: Bench) -> None:
    war = settled.war("3.12.0")
    module = settled.module(war=war, config={"sshd": {"threads": 4}})
    settled.run(module)
    assert module.told() == ["restart"]
    page = {"path": "static/x", "content": "x", "secret_content": None, "mode": "0644", "origin": None}
    module = settled.module(war=war, config={"sshd": {"threads": 4}}, files=[page])
    assert settled.run(module)["changes"] == [f"{settled.site}/static/x"]
    assert module.told() == []
    module = settled.module(war=war, config={"sshd": {"threads": 4}})
    settled.run(module)
    assert not (settled.site / "static" / "x").exists()


def test_an_upgrade_stops_initialises_and_starts(settled: Bench) -> None:
    module = settled.module(war=settled.war("3.13.5"))
    settled.run(module)
    assert module.told() == ["stop", "init", "start"]
    assert jars.version(str(settled.site / "bin" / "gerrit.war")) == "3.13.5"


@pytest.mark.parametrize("refuse", [" init ", "systemctl start"])
def test_after_a_failed_upgrade_all_is_as_before(settled: Bench, refuse: str, monkeypatch: pytest.MonkeyPatch) -> None:
    version = settled.site / "git" / "All-Projects.git" / "version"
    version.write_text("old")
    before = (settled.site / "etc" / "gerrit.config").read_bytes()
    module = settled.module(war=settled.war("3.13.5"), config={"sshd": {"threads": 4}})
    module.refuse = refuse
    original = Module.run_command

    def once(self: Module, command: list[str], **more: Any) -> tuple[int, str, str]:
        found = original(self, command, **more)
        if self.refuse and self.refuse in " ".join(command):
            self.refuse = ""  # the old one starts
        return found

    monkeypatch.setattr(Module, "run_command", once)
    with pytest.raises(GerritError, match=r"says no.*; what was there before is back and serves"):
        settled.run(module)
    assert settled.active
    assert jars.version(str(settled.site / "bin" / "gerrit.war")) == "3.12.0"
    assert (settled.site / "etc" / "gerrit.config").read_bytes() == before
    assert version.read_text() == "old"
    assert not (settled.site / gerrit_run.UNDO).exists()


def test_what_is_back_is_asked_at_its_own_addresses(settled: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.Service, "wrong", lambda _, asked: "deaf" * any(a.port == 8099 for a in asked))
    module = settled.module(war=settled.war("3.12.0"), config={"httpd": {"listenUrl": "http://*:8099/"}})
    with pytest.raises(GerritError, match=r"deaf within 1 s of the restart: .* is back and serves"):
        settled.run(module)


@pytest.mark.parametrize("moment", ["put", "init", "start"])
def test_a_killed_run_is_made_up_for(settled: Bench, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    war = settled.war("3.13.5")

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, moment, die)
        with pytest.raises(KeyboardInterrupt):
            settled.run(settled.module(war=war))
    assert (settled.site / gerrit_run.UNDO / "index.json").exists()
    module = settled.module(war=war)
    assert settled.run(module)["changed"]
    assert module.told()[-2:] == ["init", "start"]
    assert settled.active
    assert not settled.run(settled.module(war=war))["changed"]


def test_a_killed_run_then_a_failure_brings_back_what_served(settled: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Run, "init", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            settled.run(settled.module(war=settled.war("3.13.5")))
    assert not settled.active
    module = settled.module(war=settled.war("3.13.5"))
    module.refuse = " init "
    with pytest.raises(GerritError, match="what was there before is back and serves"):
        settled.run(module)
    assert jars.version(str(settled.site / "bin" / "gerrit.war")) == "3.12.0"
    assert settled.active


def test_a_java_that_is_too_old_or_missing_is_refused_before_anything(settled: Bench) -> None:
    (settled.folder / "jvm" / "release").write_text('JAVA_VERSION="17.0.1"\n')
    module = settled.module(war=settled.war("3.13.5"))
    with pytest.raises(jars.JarError, match=r"Gerrit 3\.13\.5 needs Java 21, and .* is Java 17; nothing"):
        settled.run(module)
    assert module.commands == []
    Path(settled.java).unlink()
    with pytest.raises(jars.JarError, match="there is no Java at"):
        settled.run(settled.module(war=settled.war("3.13.5")))
    assert settled.run(settled.module(war=settled.war("3.13.5"), check_mode=True))["changed"]


def test_what_only_the_control_side_has_is_asked_for(settled: Bench) -> None:
    plugin = {**SOURCE, "name": "x", "core": False, "sha256": "1" * 64}
    module = settled.module(war=settled.war("3.12.0"), plugins=[plugin])
    assert settled.run(module) == {"changed": False, "missing": ["1" * 64], "folder": jars.CACHE}
    assert module.commands == []


@pytest.mark.parametrize(
    ("frequency", "seconds"),
    [(None, 60), ("0", 0), ("2 s", 2), ("5 min", 300), ("1 hours", 3600), ("500 ms", 0.5), ("x", 0)],
)
def test_how_often_gerrit_looks_for_plugins(bench: Bench, frequency: str | None, seconds: float) -> None:
    config = {"plugins": {"checkFrequency": frequency}} if frequency else {}
    assert Run(bench.module(war=bench.war("3.12.0"), config=config)).scan_interval() == seconds  # type: ignore[arg-type]


def log(bench: Bench, *lines: str) -> None:
    (bench.site / "logs").mkdir(exist_ok=True)
    with (bench.site / "logs" / "error_log").open("a") as stream:
        stream.writelines(f"[2026-01-01] [PluginScanner] {line}\n" for line in lines)


def test_a_plugin_is_loaded_without_a_restart(settled: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = {**SOURCE, "name": "x", "core": False, "sha256": settled.sent(b"x")}
    monkeypatch.setattr(service.time, "sleep", lambda _: log(settled, "INFO p : Loaded plugin x, version 1"))
    module = settled.module(war=settled.war("3.12.0"), plugins=[plugin])
    settled.run(module)
    assert module.told() == []


def test_a_plugin_that_cannot_be_loaded_does_not_stay(settled: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = {**SOURCE, "name": "x", "core": False, "sha256": settled.sent(b"x")}
    monkeypatch.setattr(service.time, "sleep", lambda _: log(settled, "WARN p : Cannot load plugin x"))
    module = settled.module(war=settled.war("3.12.0"), plugins=[plugin])
    with pytest.raises(GerritError, match=r"Gerrit cannot load the plugin x: .*; what was there before is back"):
        settled.run(module)
    assert not (settled.site / "plugins" / "x.jar").exists()
    assert module.told() == []


def test_the_last_plugin_goes_with_a_restart(settled: Bench) -> None:
    (settled.site / "plugins" / "x.jar").write_bytes(b"x")
    module = settled.module(war=settled.war("3.12.0"))
    settled.run(module)
    assert module.told() == ["restart"]
    assert not (settled.site / "plugins" / "x.jar").exists()
