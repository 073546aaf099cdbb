"""The callback plugin kept_payloads: what is packed once is packed no more, until a file of it changes."""

from __future__ import annotations

import base64
import dataclasses
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from strata.paths import STATE
from strata.suite.pythons import other_pythons

ROOT = Path(__file__).parents[3]
PYTHONS = STATE / "pythons"

spec = importlib.util.spec_from_file_location("kept_payloads", ROOT / "callback_plugins/kept_payloads.py")
kept_payloads = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kept_payloads)

CONFIGURATION = f"""
[defaults]
library = library
module_utils = module_utils
callback_plugins = {ROOT / "callback_plugins"}
callbacks_enabled = kept_payloads
callback_result_format = json

[kept_payloads]
folder = payloads
interpreters = pythons
host_pythons = 3.11, 3.12, 3.13
"""
PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ python | default(ansible_playbook_python) }}"
  tasks:
    - thing:
"""
MODULE = """
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.words import WORD
AnsibleModule({}).exit_json(msg=WORD)
"""


@dataclass
class Site:
    """A folder with a playbook, its module and what the module imports."""

    folder: Path

    @property
    def payloads(self) -> Path:
        return self.folder / "payloads"

    def run(self, *arguments: str) -> str:
        """Run the playbook and return its output, in which Ansible tells when it packs a module."""
        settings = {"ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"), "ANSIBLE_DEBUG": "1"}
        command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-v", self.folder / "play.yml"]
        command += arguments
        done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def packs(self, word: str, *arguments: str) -> bool:
        """Run the playbook, whose module must say a word, and tell whether it was packed for that."""
        said = self.run(*arguments)
        assert f'"msg": "{word}"' in said
        return "ANSIBALLZ: Creating module" in said


def new_site(folder: Path) -> Site:
    """Make a site of which nothing has been kept yet."""
    for name in ("library", "module_utils"):
        (folder / name).mkdir(parents=True)
    (folder / "ansible.cfg").write_text(CONFIGURATION)
    (folder / "play.yml").write_text(PLAYBOOK)
    (folder / "library/thing.py").write_text(MODULE)
    (folder / "module_utils/words.py").write_text("WORD = 'first'\n")
    return Site(folder)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site of which nothing has been kept yet."""
    return new_site(tmp_path / "site")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Path]:
    """A site whose module has been packed, and a copy of its folder."""
    folder = tmp_path_factory.mktemp("sites")
    packed = new_site(folder / "site")
    assert packed.packs("first")
    return packed, Path(shutil.copytree(packed.folder, folder / "copy"))


@pytest.fixture
def packed(first: tuple[Site, Path]) -> Site:
    """A site whose module has been packed; its path, which counts, is the same in all tests."""
    packed, copy = first
    shutil.rmtree(packed.folder)
    shutil.copytree(copy, packed.folder)
    return packed


def test_a_module_is_packed_once(packed):
    assert not packed.packs("first")
    assert packed.payloads.stat().st_mode & 0o777 == 0o700


def test_a_run_of_two_playbooks_is_given_what_is_kept_once(packed):
    said = packed.run(str(packed.folder / "play.yml"))
    assert said.count("PLAY [localhost]") == 2
    assert "ANSIBALLZ: Creating module" not in said
    assert "File exists" not in said


@pytest.mark.parametrize("path", ["module_utils/words.py", "library/thing.py", "roles/one/module_utils/words.py"])
def test_a_changed_file_is_packed_anew(site, path):
    if path.startswith("roles"):
        (site.folder / "play.yml").write_text(PLAYBOOK + "  roles: [one]\n")
        (site.folder / path).parent.mkdir(parents=True)
        (site.folder / path).write_text("WORD = 'first'\n")
    assert site.packs("first")
    changed = site.folder / path
    changed.write_text((MODULE if "thing" in path else "WORD = 'first'\n") + "\n")
    assert site.packs("first")
    assert not site.packs("first")


def test_a_file_with_other_contents_of_the_same_size_and_time_is_packed_anew(packed):
    words = packed.folder / "module_utils/words.py"
    before = words.stat()
    words.write_text("WORD = 'other'\n")
    os.utime(words, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert words.stat().st_size == before.st_size
    assert packed.packs("other")


def test_a_file_that_was_only_touched_is_not_packed_anew(packed):
    (packed.folder / "module_utils/words.py").touch()
    assert not packed.packs("first")


@pytest.mark.parametrize("left", [b"", b"\0" * 1000, None], ids=["empty", "zeros", "half"])
def test_what_a_power_cut_left_is_packed_anew(packed, left):
    [kept] = packed.payloads.glob("*/*.thing*")
    kept.write_bytes(kept.read_bytes()[:1000] if left is None else left)
    assert packed.packs("first")
    assert not packed.packs("first")


def test_what_is_kept_is_on_the_disk_before_its_name_is(packed, tmp_path, monkeypatch):
    [kept] = packed.payloads.glob("*/*.thing*")
    done = []
    fsync, rename = os.fsync, os.rename
    monkeypatch.setattr(os, "fsync", lambda number: (done.append("fsync"), fsync(number)))
    monkeypatch.setattr(os, "rename", lambda *paths: (done.append("rename"), rename(*paths)))
    monkeypatch.setattr(kept_payloads, "repack", lambda *_: None)  # it is so already
    kept_payloads.keep(str(kept.parent), str(tmp_path / "copy"), {})
    assert done == ["fsync", "rename"]
    assert (tmp_path / "copy" / kept.name).read_bytes() == kept.read_bytes()


def test_what_the_changed_file_says_is_what_runs(packed):
    (packed.folder / "module_utils/words.py").write_text("WORD = 'other'\n")
    assert packed.packs("other")


def test_what_is_kept_need_not_be_compiled(site):
    """On a host with the same Python; on one with another, bytecode is left alone."""
    (site.folder / "module_utils/words.py").write_text("WORD = __spec__.origin.rpartition('.')[2]\n")
    assert site.packs("py")
    assert not site.packs("pyc")
    for kept in site.payloads.glob("*/*thing*"):
        payload = kept_payloads._CachedModule.load(str(kept))
        packed = rewritten(base64.b64decode(payload.zip_data), lambda bytecode: b"0000" + bytecode[4:])
        dataclasses.replace(payload, zip_data=base64.b64encode(packed)).dump(str(kept))
    assert not site.packs("py")


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("version", other_pythons()[-1:])
def test_what_is_kept_need_not_be_compiled_by_hosts_of_another_python_that_is_here(site, version, listed):
    python = next(path for known, path in map(str.split, PYTHONS.read_text().splitlines()) if known == version)
    if listed:
        (site.folder / "pythons").write_text(PYTHONS.read_text())
    (site.folder / "module_utils/words.py").write_text("WORD = __spec__.origin.rpartition('.')[2]\n")
    assert site.packs("py")
    assert not site.packs("pyc" if listed else "py", "-e", f"python={python}")


def test_an_interpreter_that_is_gone_is_done_without(site):
    (site.folder / "pythons").write_text("3.11 /nonexistent\n3.12 /bin/false\n3.13 /nonexistent\n")
    assert site.packs("first")
    assert not site.packs("first")


def rewritten(packed, change):
    """Return an archive with other bytecode in it."""
    new = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(new, "w") as archive:
        for name in old.namelist():
            archive.writestr(name, change(old.read(name)) if name.endswith(".pyc") else old.read(name))
    return new.getvalue()


def test_what_is_kept_has_no_documentation_and_the_same_lines(site):
    text = f'DOCUMENTATION = r"""\nmodule: thing\n"""\nRETURN = """\nmsg: word\n"""\n{MODULE}'
    (site.folder / "library/thing.py").write_text(text)
    assert site.packs("first")
    assert not site.packs("first")
    [kept] = site.payloads.glob("*/*.thing*")
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(kept_payloads._CachedModule.load(str(kept)).zip_data))) as archive:
        [source] = [archive.read(name).decode() for name in archive.namelist() if name.endswith("/thing.py")]
    assert "module: thing" not in source
    assert "msg: word" not in source
    assert source.splitlines()[-1] == text.splitlines()[-1]
    assert len(source.splitlines()) == len(text.splitlines())


def test_a_folder_that_others_may_write_to_is_not_used(packed):
    packed.payloads.chmod(0o777)
    said = packed.run()
    assert "ANSIBALLZ: Creating module" in said
    assert f"{packed.payloads} is not used: others than its owner can write to it" in " ".join(said.split())


def test_only_the_sets_used_last_are_kept(tmp_path):
    for number in range(kept_payloads.KEPT_SETS + 3):
        folder = tmp_path / str(number)
        folder.mkdir()
        os.utime(folder, (number, number))
    kept_payloads.forget(str(tmp_path))
    assert sorted(int(entry.name) for entry in tmp_path.iterdir()) == list(range(3, kept_payloads.KEPT_SETS + 3))
