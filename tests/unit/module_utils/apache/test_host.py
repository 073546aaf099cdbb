"""What stands in /etc/apache2, read and copied."""

import os
from pathlib import Path

import pytest
from ansible.module_utils.strata.apache import host
from ansible.module_utils.strata.apache.modules import Module
from ansible.module_utils.strata.files import Change, File, Link


@pytest.fixture
def root(tmp_path):
    """Make a small /etc/apache2."""
    for folder in ("sites-available", "sites-enabled", "mods-available", "mods-enabled", "conf-available"):
        (tmp_path / folder).mkdir()
    (tmp_path / "conf-available/strata_module_x.conf").write_text("# Managed by Strata: changes ...\n")
    (tmp_path / "conf-available/strata.conf").write_text("# Managed by Strata: changes ...\n")
    (tmp_path / "mods-enabled/hand.conf").touch()
    (tmp_path / "sites-enabled/folder.conf").mkdir()
    (tmp_path / "sites-available/25-ours.conf").write_text("# Managed by Strata (x): changes ...\n")
    (tmp_path / "sites-available/foreign.conf").write_text("# not managed by Strata\n")
    (tmp_path / "sites-available/empty.conf").touch()
    (tmp_path / "sites-enabled/25-ours.conf").symlink_to("../sites-available/25-ours.conf")
    (tmp_path / "sites-enabled/absolute.conf").symlink_to(tmp_path / "sites-available/foreign.conf")
    (tmp_path / "sites-enabled/elsewhere.conf").symlink_to("/etc/hostname")
    (tmp_path / "sites-enabled/file.conf").touch()
    (tmp_path / "mods-available/ssl.load").write_text("# Depends: mime\n")
    (tmp_path / "mods-available/ssl.conf").touch()
    return str(tmp_path)


def test_host_is_read(root):
    found = host.read(["ssl", "none"], root)
    assert found.owned == {"sites-available/25-ours.conf", "conf-available/strata_module_x.conf"}
    assert found.links["sites-enabled/25-ours.conf"] == "sites-available/25-ours.conf"
    assert found.links["sites-enabled/absolute.conf"] == "sites-available/foreign.conf"
    assert found.links.keys() == {f"sites-enabled/{name}.conf" for name in ("25-ours", "absolute", "elsewhere")}
    assert found.enabled["sites-enabled/absolute.conf"] == Link(f"{root}/sites-available/foreign.conf")
    assert isinstance(found.enabled["sites-enabled/file.conf"], File)
    assert found.enabled_modules() == ["hand"]
    assert found.modules == {"hand": None, "ssl": Module(("mime",), has_conf=True), "mime": None, "none": None}


def test_host_without_apache_is_read(tmp_path):
    assert host.read(root=str(tmp_path / "none")) == host.Host()


def test_module_that_is_not_there_is_named_with_the_nearest_one(root):
    assert host.no_module("sslx", root) == (
        "There is no Apache module sslx on this host: did you mean 'ssl'? If the name is right, declare its package."
    )
    assert host.no_module("wsgi", root) == (
        "There is no Apache module wsgi on this host. If the name is right, declare its package."
    )


def test_staged_copy_has_the_changes_and_the_original_has_not(root, tmp_path):
    staged, own = f"{tmp_path}-staged", (os.getuid(), os.getgid())
    changes = [
        Change(f"{root}/ports.conf", None, File(b"Listen 80\n", 0o644, *own)),
        Change(f"{root}/sites-enabled/25-ours.conf", Link("../sites-available/25-ours.conf"), None),
    ]
    host.stage(changes, staged, root)
    assert sorted(path.name for path in Path(staged, "sites-enabled").iterdir()) == [
        "absolute.conf",
        "elsewhere.conf",
        "file.conf",
        "folder.conf",
    ]
    assert Path(staged, "ports.conf").exists()
    assert Path(root, "sites-enabled/25-ours.conf").is_symlink()
    assert not Path(root, "ports.conf").exists()
