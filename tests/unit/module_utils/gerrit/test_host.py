"""What there is of a Gerrit: what git reads, what an earlier run noted, and what a comparison shows of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.folders import LinkError
from ansible.module_utils.strata.gerrit import declared, host
from ansible.module_utils.strata.gerrit.host import Record
from ansible.module_utils.strata.units import Status

if TYPE_CHECKING:
    from pathlib import Path


def test_what_init_made_is_kept_unless_it_is_declared(made: Any, present: Any, tmp_path: Path) -> None:
    etc = tmp_path / "site" / "etc"
    etc.mkdir(parents=True)
    (etc / "gerrit.config").write_text("[gerrit]\n\tserverId = made\n\tbasePath = other\n")
    (etc / "secure.config").write_text("[auth]\n\tregisterEmailPrivateKey = a/b==\n[old]\n\tkey = x\n")

    def text(name: str) -> str:
        state = site.desired(present(site))[f"{site.path}/{name}"]
        assert isinstance(state, files.File)
        return state.content.decode()

    site = made(config={"gerrit": {"basePath": "git"}})
    assert text("etc/gerrit.config").count("serverId = made") == 1
    assert "other" not in text("etc/gerrit.config")
    assert "registerEmailPrivateKey = a/b==" in text("etc/secure.config")
    assert "old" not in text("etc/secure.config")
    site = made(config={"gerrit": {"serverid": "mine"}}, secure_config={"auth": {"registerEmailPrivateKey": "my"}})
    assert "made" not in text("etc/gerrit.config")
    assert "a/b" not in text("etc/secure.config")


PAGE = {"path": "static/x", "content": "", "secret_content": None, "mode": "0644", "origin": None}


@pytest.mark.skipif(os.geteuid() != 0, reason="gives links to users, which only root can")
@pytest.mark.parametrize("folder", [*filter(None, declared.FOLDERS), "git"])
def test_a_folder_that_gerrits_user_made_a_link_is_refused(made: Any, tmp_path: Path, folder: str) -> None:
    site = made(files=[PAGE])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "site" / folder).symlink_to(tmp_path / "elsewhere")
    os.chown(tmp_path / "site" / folder, 1, 2, follow_symlinks=False)
    with pytest.raises(LinkError, match=f"/{folder} is a link of user 1, and only root's are followed"):
        host.read(site, Unasked(), pending=False)  # type: ignore[arg-type]


class Unasked:
    """A daemon that is not there."""

    def __init__(self) -> None:
        self.run = lambda *_, **__: (1, "", "")

    def status(self) -> Status:
        return Status()


def test_removed_and_private_files_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "etc"
    path.mkdir()
    (path / "changed").write_text("canary")
    (path / "changed").chmod(0o600)
    (path / "gone").write_text("canary")
    (path / "open").write_text("seen")
    desired = {f"{path}/changed": files.File(b"x"), f"{path}/gone": None, f"{path}/open": files.File(b"y")}
    shown = str(files.diff(host.compare(desired)))
    assert "canary" not in shown
    assert "seen" in shown


def test_what_a_run_noted_is_read_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATE", str(tmp_path))
    assert Record.read() == Record()
    (tmp_path / "gerrit").mkdir()
    (tmp_path / "gerrit/state.json").write_text("{half")
    assert Record.read() == Record()
    Record("hash", ["hooks/one"]).write()
    assert Record.read() == Record("hash", ["hooks/one"])
