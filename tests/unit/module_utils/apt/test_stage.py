"""Changed settings are tried in a copy: what apt sees there, and what it says is reported as of the host."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from ansible.module_utils.strata.apt import keys, lists, stage
from ansible.module_utils.strata.apt.host import AptError
from ansible.module_utils.strata.apt.sources import Source
from ansible.module_utils.strata.apt.tools import Tools
from ansible.module_utils.strata.files import Change, File


@pytest.fixture
def etc(tmp_path, monkeypatch):
    folder = tmp_path / "etc/apt"
    for name in ("sources.list", "sources.list.d/old.sources", "apt.conf.d/50x", "keyrings/old.asc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"old {name}")
    monkeypatch.setattr(stage, "ETC", str(folder))
    monkeypatch.setattr(keys, "FOLDER", f"{folder}/keyrings")
    monkeypatch.setattr(lists, "FOLDER", str(tmp_path / "lists"))
    monkeypatch.setattr(lists, "LOCK", str(tmp_path / "lists/lock"))
    (tmp_path / "lists/partial").mkdir(parents=True)
    return folder


class Apt:
    """Plays apt: refuses with a text, or fetches lists."""

    def __init__(self, answer=(0, "", "")):
        self.answer = answer
        self.commands = []

    def __call__(self, command, data=b"", *, APT_CONFIG, **_):  # noqa: ARG002, N803
        self.commands.append(command)
        self.configuration = Path(APT_CONFIG).read_text()
        status, output, errors = self.answer
        return status, output, errors.replace("STAGE", str(Path(APT_CONFIG).parent))


def own(text):
    return File(text.encode(), uid=os.getuid(), gid=os.getgid())


def changes(etc):
    key, source = f"{etc}/keyrings/new.asc", f"{etc}/sources.list.d/new.sources"
    return [
        Change(key, None, own("key")),
        Change(source, None, own(f"Signed-By: {key}\n")),
        Change(f"{etc}/sources.list", own("old"), None),
    ]


def staged(etc, tmp_path, program):
    folder = tmp_path / "stage"
    folder.mkdir()
    return stage.Stage(str(folder), Tools(program, 0), changes(etc)), folder


def test_copy_has_the_changes_and_the_host_has_not(etc, tmp_path):
    _, folder = staged(etc, tmp_path, Apt())
    copy = Path(f"{folder}{etc}")
    assert (copy / "sources.list.d/old.sources").read_text() == "old sources.list.d/old.sources"
    assert (copy / "sources.list.d/new.sources").read_text() == f"Signed-By: {copy}/keyrings/new.asc\n"
    assert not (copy / "sources.list").exists()
    assert (etc / "sources.list").exists()
    assert not (etc / "keyrings/new.asc").exists()


def test_what_apt_does_not_understand_is_reported_with_who_asked(etc, tmp_path):
    program = Apt((100, "", f"E: Malformed entry 1 in sources file STAGE{etc}/sources.list.d/new.sources (URI)\n"))
    trial, folder = staged(etc, tmp_path, program)
    path = f"{etc}/sources.list.d/new.sources"
    said = re.escape(
        f"settings (web__apt_sources): Malformed entry 1 in sources file {path} (URI); nothing was changed"
    )
    with pytest.raises(AptError, match=said):
        trial.check({path: "web__apt_sources"})
    assert f'Dir::Etc "{folder}{etc}/";' in program.configuration


FIELDS = (("URIs", "http://example.org/a/"),)


def test_source_that_is_refused_is_named(etc, tmp_path):
    program = Apt((100, "", "W: GPG error: http://example.org/a x: NO_PUBKEY\nE: The repository is not signed.\n"))
    trial, _ = staged(etc, tmp_path, program)
    sources = [Source("one", "x", FIELDS), Source("two", "y", (("URIs", "http://example.org/b"),))]
    with pytest.raises(AptError) as caught:
        trial.verify(sources)
    assert str(caught.value) == (
        "apt refuses the source one (x): GPG error: http://example.org/a x: NO_PUBKEY; The repository is not signed; "
        "the old sources stay in force"
    )


def test_lists_replace_those_of_the_same_source_and_keep_the_age_of_the_others(etc, tmp_path):
    trial, folder = staged(etc, tmp_path, Apt())
    trial.verify([Source("one", "x", FIELDS)])
    for name in ("a_InRelease", "a_Packages.lz4", "lock"):
        (folder / "lists" / name).write_text("new")
    there = tmp_path / "lists"
    for name in ("a_Packages", "b_Packages", "lock"):
        (there / name).write_text("old")
    # The folder of the user who fetches, and so may make links there.
    (tmp_path / "canary").write_text("root's")
    (there / "partial" / "strata").symlink_to(tmp_path / "canary")
    for path in (there, there / "partial"):
        os.utime(path, (1, 1))
    trial.install_lists()
    assert (tmp_path / "canary").read_text() == "root's"
    assert {path.name: path.read_text() for path in there.iterdir() if path.is_file()} == {
        "a_InRelease": "new",
        "a_Packages.lz4": "new",
        "b_Packages": "old",
        "lock": "old",
    }
    assert [path.stat().st_mtime for path in (there, there / "partial")] == [1, 1]
