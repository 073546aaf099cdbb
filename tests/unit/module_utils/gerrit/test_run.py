"""What a run does in which order, and what is there when it fails. The real Gerrit has tests/testinfra."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata import paths
from ansible.module_utils.strata.folders import LinkError
from ansible.module_utils.strata.gerrit import declared, host, jars, run, service, undo
from ansible.module_utils.strata.gerrit.run import GerritError

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = {"url": None}
NO_KEYS = {"ansible_facts": {"ssh_services": []}}


class Module:
    """What a run needs of QuietModule: parameters, and commands that are noted and answered.

    Its Gerrit is a state and a list of logged lines; `refuse` is the part of a command that fails.
    """

    def __init__(self, params: dict[str, Any], *, check_mode: bool = False, active: bool = True) -> None:
        self.params, self.check_mode, self.active = params, check_mode, active
        self.refuse = ""
        self.commands: list[str] = []
        self.refs = ""

    def run(self, command: Sequence[str], data: bytes = b"", **_: Any) -> tuple[int, str, str]:
        line = " ".join(command)
        if "for-each-ref" in command:
            return 0, self.refs, ""
        if command[0] == "git":
            done = subprocess.run(command, input=data.decode(), capture_output=True, text=True, check=False)
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

    def verbs(self) -> list[str]:
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
        path = Path(jars.cache(), digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return digest

    def module(self, *, check_mode: bool = False, **given: Any) -> Module:
        params = {"site": str(self.site), "user": str(os.getuid()), "group": str(os.getgid()), "java": self.java}
        params |= {"plugins": [], "libs": [], "config": {}, "secure_config": {}, "plugin_configs": {}, "files": []}
        params |= {"unit": "[Service]\n", "patience": 1}
        return Module(params | given, check_mode=check_mode, active=self.active)

    def run(self, module: Module) -> dict[str, Any]:
        try:
            return run.converge(module)  # type: ignore[arg-type]
        finally:
            self.active = module.active


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(paths, "CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(paths, "STATE", str(tmp_path / "state"))
    monkeypatch.setattr(declared, "UNIT_FILE", str(tmp_path / "gerrit.service"))
    monkeypatch.setattr(service.Daemon, "wrong", lambda *_: "")
    return Bench(tmp_path)


@pytest.fixture
def serving(bench: Bench) -> Bench:
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
    assert first.verbs() == ["init", "start"]
    config = (bench.site / "etc" / "gerrit.config").read_text()
    assert "serverId = made" in config
    assert "lucene" not in config  # what only init says
    second = bench.module(war=war)
    assert bench.run(second) == {"changed": False, "changes": [], "diff": [], **NO_KEYS}
    assert second.commands == []


def test_nothing_but_keys_is_said_to_whom_they_are_for(serving: Bench) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF0POROmzVaZ7Ev1kuZm8zVPNHA+HoDJ7KBny601EHzx"
    etc = serving.site / "etc"
    module: Any = serving.module(war=serving.war("3.12.0"), config={"sshd": {"listenAddress": "*:2022"}})
    site = declared.unpack(module.params, 0, 0)
    assert host.ssh_services(site) == []
    (etc / "ssh_host_ed25519_key.pub").write_text(f"{key} gerrit@review01\n")
    (etc / "ssh_host_rsa_key.pub").write_text(f"* {key}\n@cert-authority * {key}\n")
    (etc / "ssh_host_ecdsa_key.pub").mkdir()
    assert host.ssh_services(site) == [{"port": 2022, "keys": [key]}]
    assert serving.run(module)["ansible_facts"] == {"ssh_services": [{"port": 2022, "keys": [key]}]}


def test_a_config_restarts_and_a_static_file_does_not(serving: Bench) -> None:
    war = serving.war("3.12.0")
    module = serving.module(war=war, config={"sshd": {"threads": 4}})
    serving.run(module)
    assert module.verbs() == ["restart"]
    page = {"path": "static/x", "content": "x", "secret_content": None, "mode": "0644", "origin": None}
    module = serving.module(war=war, config={"sshd": {"threads": 4}}, files=[page])
    assert serving.run(module)["changes"] == [f"{serving.site}/static/x"]
    assert module.verbs() == []
    module = serving.module(war=war, config={"sshd": {"threads": 4}})
    serving.run(module)
    assert not (serving.site / "static" / "x").exists()


def test_an_upgrade_stops_initialises_and_starts(serving: Bench) -> None:
    module = serving.module(war=serving.war("3.13.5"))
    serving.run(module)
    assert module.verbs() == ["stop", "init", "start"]
    assert jars.version(str(serving.site / "bin" / "gerrit.war")) == "3.13.5"


@pytest.mark.parametrize("refuse", [" init ", "systemctl start"])
def test_after_a_failed_upgrade_all_is_as_before(serving: Bench, refuse: str, monkeypatch: pytest.MonkeyPatch) -> None:
    version = serving.site / "git" / "All-Projects.git" / "version"
    version.write_text("old")
    before = (serving.site / "etc" / "gerrit.config").read_bytes()
    module = serving.module(war=serving.war("3.13.5"), config={"sshd": {"threads": 4}})
    module.refuse = refuse
    original = Module.run

    def once(self: Module, command: Sequence[str], **more: Any) -> tuple[int, str, str]:
        found = original(self, command, **more)
        if self.refuse and self.refuse in " ".join(command):
            self.refuse = ""  # the old one starts
        return found

    monkeypatch.setattr(Module, "run", once)
    with pytest.raises(GerritError, match=r"says no.*; what was there before is back and serves"):
        serving.run(module)
    assert serving.active
    assert jars.version(str(serving.site / "bin" / "gerrit.war")) == "3.12.0"
    assert (serving.site / "etc" / "gerrit.config").read_bytes() == before
    assert version.read_text() == "old"
    assert not Path(undo.place()).exists()


def test_what_is_back_is_asked_at_its_own_addresses(serving: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.Daemon, "wrong", lambda _, asked: "not listening" * any(a.port == 8099 for a in asked))
    module = serving.module(war=serving.war("3.12.0"), config={"httpd": {"listenUrl": "http://*:8099/"}})
    with pytest.raises(GerritError, match=r"not listening within 1 s of the restart: .* is back and serves"):
        serving.run(module)


@pytest.mark.parametrize("moment", ["put", "init", "start"])
def test_a_killed_run_is_made_up_for(serving: Bench, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    war = serving.war("3.13.5")

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, moment, die)
        with pytest.raises(KeyboardInterrupt):
            serving.run(serving.module(war=war))
    assert Path(undo.place(), "index.json").exists()
    module = serving.module(war=war)
    assert serving.run(module)["changed"]
    assert module.verbs()[-2:] == ["init", "start"]
    assert serving.active
    assert not serving.run(serving.module(war=war))["changed"]


def test_a_killed_run_then_a_failure_brings_back_what_served(serving: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(run, "init", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            serving.run(serving.module(war=serving.war("3.13.5")))
    assert not serving.active
    module = serving.module(war=serving.war("3.13.5"))
    module.refuse = " init "
    with pytest.raises(GerritError, match="what was there before is back and serves"):
        serving.run(module)
    assert jars.version(str(serving.site / "bin" / "gerrit.war")) == "3.12.0"
    assert serving.active


def test_a_java_that_is_too_old_or_missing_is_refused_before_anything(serving: Bench) -> None:
    (serving.folder / "jvm" / "release").write_text('JAVA_VERSION="17.0.1"\n')
    module = serving.module(war=serving.war("3.13.5"))
    with pytest.raises(jars.JarError, match=r"Gerrit 3\.13\.5 needs Java 21, and .* is Java 17; nothing"):
        serving.run(module)
    assert module.commands == []
    Path(serving.java).unlink()
    with pytest.raises(jars.JarError, match="there is no Java at"):
        serving.run(serving.module(war=serving.war("3.13.5")))
    assert serving.run(serving.module(war=serving.war("3.13.5"), check_mode=True))["changed"]


def test_what_only_the_control_side_has_is_asked_for(serving: Bench) -> None:
    plugin = {**SOURCE, "name": "x", "core": False, "sha256": "1" * 64}
    module = serving.module(war=serving.war("3.12.0"), plugins=[plugin])
    assert serving.run(module) == {
        "changed": False,
        "changes": [],
        "diff": [],
        "missing": ["1" * 64],
        "folder": jars.cache(),
        **NO_KEYS,
    }
    assert module.commands == []


def log(bench: Bench, *lines: str) -> None:
    (bench.site / "logs").mkdir(exist_ok=True)
    with (bench.site / "logs" / "error_log").open("a") as stream:
        stream.writelines(f"[2026-01-01] [PluginScanner] {line}\n" for line in lines)


def test_a_plugin_is_loaded_without_a_restart(serving: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = {**SOURCE, "name": "x", "core": False, "sha256": serving.sent(b"x")}
    monkeypatch.setattr(service.time, "sleep", lambda _: log(serving, "INFO p : Loaded plugin x, version 1"))
    module = serving.module(war=serving.war("3.12.0"), plugins=[plugin])
    serving.run(module)
    assert module.verbs() == []


def test_a_plugin_that_cannot_be_loaded_does_not_stay(serving: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = {**SOURCE, "name": "x", "core": False, "sha256": serving.sent(b"x")}
    monkeypatch.setattr(service.time, "sleep", lambda _: log(serving, "WARN p : Cannot load plugin x"))
    module = serving.module(war=serving.war("3.12.0"), plugins=[plugin])
    with pytest.raises(GerritError, match=r"Gerrit cannot load the plugin x: .*; what was there before is back"):
        serving.run(module)
    assert not (serving.site / "plugins" / "x.jar").exists()
    assert module.verbs() == []


def test_the_last_plugin_goes_with_a_restart(serving: Bench) -> None:
    (serving.site / "plugins" / "x.jar").write_bytes(b"x")
    module = serving.module(war=serving.war("3.12.0"))
    serving.run(module)
    assert module.verbs() == ["restart"]
    assert not (serving.site / "plugins" / "x.jar").exists()


def test_what_gerrits_user_wrote_is_never_taken_for_what_a_run_has_kept(serving: Bench) -> None:
    canary, forged = serving.folder / "canary", serving.site / ".strata-undo"
    canary.write_text("root's")
    forged.mkdir()
    (forged / "index.json").write_text(f'{{"{canary}": "0"}}')
    (forged / "0").write_text("forged")
    module = serving.module(war=serving.war("3.12.0"), config={"sshd": {"threads": 4}})
    module.refuse = "systemctl restart"
    with pytest.raises(GerritError):
        serving.run(module)
    assert canary.read_text() == "root's"
    assert Path(undo.place()).is_relative_to(paths.STATE)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to users, which only root can")
def test_a_folder_of_somebody_else_is_refused(serving: Bench) -> None:
    os.chown(serving.site / "hooks", 54321, 54321)
    with pytest.raises(GerritError, match=f"{serving.site}/hooks belongs to uid 54321, not to {os.getuid()}: chown it"):
        serving.run(serving.module(war=serving.war("3.12.0")))
    assert (serving.site / "hooks").stat().st_uid == 54321


@pytest.mark.skipif(os.geteuid() != 0, reason="gives links to users, which only root can")
def test_no_owner_or_mode_is_changed_behind_a_link(bench: Bench) -> None:
    canary = bench.folder / "canary"
    canary.mkdir(mode=0o700)
    bench.site.mkdir()
    (bench.site / "hooks").symlink_to(canary)
    os.chown(bench.site / "hooks", 54321, 54321, follow_symlinks=False)
    with pytest.raises(LinkError, match="/hooks is a link of user 54321"):
        bench.run(bench.module(war=bench.war("3.12.0")))
    assert canary.stat().st_mode & 0o777 == 0o700


def killed_after_an_upgrade(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Gerrit serve with a new version, but the run that did it die before it says so."""
    with monkeypatch.context() as patch:
        patch.setattr(undo.Undo, "forget", lambda _: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            bench.run(bench.module(war=bench.war("3.13.5")))
    assert bench.active
    assert jars.version(str(bench.site / "bin" / "gerrit.war")) == "3.13.5"


def test_what_has_served_since_is_what_a_later_failure_brings_back(
    serving: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_after_an_upgrade(serving, monkeypatch)
    version = serving.site / "git" / "All-Projects.git" / "version"
    version.write_text("a new project")
    module = serving.module(war=serving.war("3.13.6"))
    module.refs = "moved"
    module.refuse = " init "
    with pytest.raises(GerritError, match="what was there before is back and serves"):
        serving.run(module)
    assert version.read_text() == "a new project"
    assert jars.version(str(serving.site / "bin" / "gerrit.war")) == "3.13.5"


def test_repositories_that_moved_while_it_was_tried_out_stay(serving: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    module = serving.module(war=serving.war("3.13.5"))

    def serve(*_: Any) -> None:
        module.refs = "moved"
        (serving.site / "git" / "All-Projects.git" / "version").write_text("a new project")
        raise service.NotServingError("it serves no more")

    monkeypatch.setattr(run, "start", serve)
    with pytest.raises(GerritError, match=r"not all could be restored: .*All-Projects.git: has changed since"):
        serving.run(module)
    assert (serving.site / "git" / "All-Projects.git" / "version").read_text() == "a new project"
