"""What there is of a Gerrit: what git reads, what an earlier run noted, and what a comparison shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.gerrit import host
from ansible.module_utils.strata.gerrit.host import Record

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


@pytest.mark.parametrize("folder", ["etc", "static", "plugins"])
def test_a_link_that_leads_out_of_the_site_is_refused(made: Any, tmp_path: Path, folder: str) -> None:
    site = made(files=[PAGE])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "site" / folder).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DeclarationError, match=f"/{folder} is or passes a symbolic link"):
        host.compare(site, site.desired({}))


def test_removed_and_private_files_are_not_shown(made: Any, tmp_path: Path) -> None:
    site, path = made(), tmp_path / "site/etc"
    path.mkdir()
    (path / "changed").write_text("canary")
    (path / "changed").chmod(0o600)
    (path / "gone").write_text("canary")
    (path / "open").write_text("seen")
    desired = {f"{path}/changed": files.File(b"x"), f"{path}/gone": None, f"{path}/open": files.File(b"y")}
    shown = str(files.diff(host.compare(site, desired)))
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
