"""gerrit: a real upgrade with a change in it, and one that fails, after which the old Gerrit serves."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest
from conftest import SITE, Server
from contributor import propose, proposed
from plays import PLAYBOOK, Play, connect

from strata.sandbox import gerrit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plays import Run

TARGET = "deb13"
OLD, NEW = "3.12.0", "3.13.5"


@pytest.fixture
def upgrade(tmp_path: Path) -> Callable[..., Run]:
    """Run the scenario's playbook on the host with another WAR."""

    def run(war: Path) -> Run:
        record = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        return Play(PLAYBOOK, TARGET, record, "--tags=gerrit", gerrit_war={"path": str(war)}).end()

    return run


def without(war: Path, library: str, name: str, target: Path) -> Path:
    """Make a copy of a WAR whose library lacks a class."""
    with zipfile.ZipFile(war) as source, zipfile.ZipFile(target, "w") as made:
        for item in source.infolist():
            content = source.read(item)
            if library in item.filename:
                changed = io.BytesIO()
                with zipfile.ZipFile(io.BytesIO(content)) as jar, zipfile.ZipFile(changed, "w") as smaller:
                    for member in jar.infolist():
                        if member.filename != name:
                            smaller.writestr(member, jar.read(member))
                content = changed.getvalue()
            made.writestr(item, content)
    return target


def test_a_change_is_there_after_a_failed_upgrade_a_good_one_and_a_restored_backup(
    upgrade: Callable[..., Run], tmp_path: Path
) -> None:
    host = connect(TARGET)
    server = Server(host)
    host.check_output(f"systemctl stop gerrit && rm -rf {SITE} /var/lib/strata/gerrit")
    assert upgrade(gerrit.war(OLD)).rc == 0
    assert server.version() == OLD
    propose(host)
    assert proposed(host) == "proposed\n"
    schema = host.check_output(f"git --git-dir={SITE}/git/All-Projects.git show refs/meta/version")

    # Its init goes well, and migrates the site; then nothing of it starts.
    framework, daemon = f"gerrit-acceptance-framework-{NEW}", "com/google/gerrit/pgm/Daemon.class"
    refused = upgrade(without(gerrit.war(NEW), framework, daemon, tmp_path / "broken.war"))
    assert refused.rc == 2
    assert refused.message.endswith("what was there before is back and serves"), refused.message
    assert server.version() == OLD
    assert proposed(host) == "proposed\n"
    assert host.check_output(f"git --git-dir={SITE}/git/All-Projects.git show refs/meta/version") == schema

    done = upgrade(gerrit.war(NEW))
    assert done.rc == 0, done.output
    assert server.version() == NEW
    assert proposed(host) == "proposed\n"
    assert upgrade(gerrit.war(NEW)).changed == 0

    host.check_output("systemctl start gerrit-backup")
    host.check_output(f"systemctl stop gerrit && rm -rf {SITE} /var/lib/strata/gerrit")
    host.check_output(f"cp -a /var/backups/gerrit {SITE}")
    assert upgrade(gerrit.war(NEW)).rc == 0
    assert proposed(host) == "proposed\n"
