"""A Gerrit's state as the tests look at it."""

from __future__ import annotations

import json
import subprocess
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from strata.sandbox import gerrit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from testinfra.host import Host

SITE = "/srv/gerrit"
# What Ansible may never show, in molecule.yml.
CANARY = "canary-of-the-ldap-password"

# While it runs it has a note in the folder that Gerrit gives it. The next version is started before it stops.
TRIAL = """
import com.google.gerrit.extensions.annotations.Listen;
import com.google.gerrit.extensions.annotations.PluginData;
import com.google.gerrit.extensions.events.LifecycleListener;
import com.google.inject.Inject;
import com.google.inject.Singleton;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

@Listen
@Singleton
class Trial implements LifecycleListener {
  private final Path note;

  @Inject
  Trial(@PluginData Path folder) {
    note = folder.resolve("note-" + System.nanoTime());
  }

  public void start() {
    try {
      Files.writeString(note, "%s");
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  public void stop() {
    try {
      Files.delete(note);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
"""


@dataclass(frozen=True)
class Server:
    """The Gerrit of a host."""

    host: Host

    def process(self) -> str:
        """Its process, and when that was started."""
        return self.host.check_output("systemctl show --property=MainPID,ExecMainStartTimestampMonotonic gerrit")

    def ask(self, path: str) -> str:
        """What it answers to somebody on its host; the error if there is one."""
        script = (
            "import sys, urllib.request as r; print(r.urlopen('http://127.0.0.1:8081' + sys.argv[1]).read().decode())"
        )
        done = self.host.run("python3 -c %s %s", script, path)
        return (done.stdout or done.stderr.splitlines()[-1]).strip()

    def version(self) -> str:
        """Its version, as it says over HTTP."""
        answer = self.ask("/config/server/version").removeprefix(")]}'")
        return str(json.loads(answer))

    def text(self, path: str) -> str:
        """The content of a file of the site."""
        return self.host.file(f"{SITE}/{path}").content_string


@pytest.fixture
def server(host: Host) -> Server:
    return Server(host)


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Compile a plugin that runs in Gerrit 3.10 and later, in a version of its own."""
    gerrit.require("javac", "default-jdk-headless")

    def build(version: str, code: str = TRIAL) -> Path:
        folder = tmp_path_factory.mktemp("plugin")
        (folder / "Trial.java").write_text(code.replace("%s", version))
        classes = ["-cp", str(gerrit.plugin_api("3.10.2")), "-d", str(folder / "classes")]
        subprocess.run(["javac", "--release", "17", "-proc:none", *classes, str(folder / "Trial.java")], check=True)
        manifest = f"Manifest-Version: 1.0\nGerrit-PluginName: trial\nImplementation-Version: {version}\n"
        with zipfile.ZipFile(folder / "trial.jar", "w") as jar:
            jar.writestr("META-INF/MANIFEST.MF", manifest)
            jar.write(folder / "classes" / "Trial.class", "Trial.class")
        return folder / "trial.jar"

    return build
