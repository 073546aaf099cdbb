"""Roles for other repositories: what is written, and that Ansible finds all of it there without this checkout."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from strata import cli
from strata.errors import StrataError, UsageError
from strata.export import collection, folders
from strata.export.needs import needed
from strata.export.references import FOLDERS, Qualifier
from strata.paths import BIN, ROOT
from strata.repository.checkout import Repository
from strata.repository.roles import load_roles

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAY = """\
- hosts: all
  gather_facts: false
  pre_tasks:
    - name: Preflight
      {prefix}preflight:
      tags: always
  roles: [{roles}]
"""
SHARED = [role for role in load_roles(ROOT).values() if role.layer != "project"]
FACTS = json.dumps({"ansible_facts": {"distribution": "Debian", "distribution_release": "trixie"}})


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.cli, ["export", *map(str, arguments)])


def preflight(folder: Path, roles: Iterable[str], prefix: str = "", **values: object) -> tuple[int, str]:
    """Run preflight of a play in a folder, without any setting of Strata's; return exit code and output."""
    (folder / "play.yml").write_text(PLAY.format(roles=", ".join(prefix + role for role in roles), prefix=prefix))
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "STRATA_"))}
    done = subprocess.run(
        [
            BIN / "ansible-playbook",
            "-i",
            "web01,",
            "--tags=preflight",
            "-e",
            FACTS,
            "-e",
            json.dumps(values),
            "play.yml",
        ],
        cwd=folder,
        env={**settings, "ANSIBLE_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def install(file: Path, folder: Path) -> None:
    command = [BIN / "ansible-galaxy", "collection", "install", "--offline", file, "-p", folder / "collections"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"ANSIBLE_HOME": str(folder / "home")})


def test_a_role_has_what_it_and_its_dependencies_need(tmp_path: Path) -> None:
    done = invoke("httpd", tmp_path / "roles")
    assert (done.exit_code, done.output) == (
        0,
        "".join(f"wrote {tmp_path}/roles/{name}\n" for name in ("apt", "iptables", "httpd")),
    )
    inside = {path.relative_to(tmp_path / "roles/httpd") for path in (tmp_path / "roles/httpd").rglob("*.py")}
    assert inside == set(needed(ROOT, [load_roles(ROOT)[name] for name in ("apt", "iptables", "httpd")]))
    assert {
        Path("library/apache_server.py"),
        Path("library/iptables_chain.py"),
        Path("action_plugins/preflight.py"),
    } < inside
    assert not [path for path in inside if path.stem in {"sysctl_settings", "host_key_lines", "file_trees"}]
    assert not list((tmp_path / "roles/apt").rglob("apache*"))
    code, output = preflight(tmp_path, ["httpd"])
    assert code == 0, output


def test_a_collection_has_qualified_names_for_everything(tmp_path: Path) -> None:
    """All service and ci roles are found by their names in the collection, with all that they call."""
    done = invoke("--collection", "acme.strata", tmp_path)
    file = tmp_path / "acme-strata-0.1.0.tar.gz"
    assert (done.exit_code, done.output) == (0, f"wrote {file}\n")
    install(file, tmp_path)
    code, output = preflight(
        tmp_path, [role.name for role in SHARED], "acme.strata.", gerrit_war={"path": "gerrit.war"}
    )
    assert code == 0, output
    assert "[acme.strata.unbound : Validating arguments" in output
    code, output = preflight(tmp_path, ["httpd"], "acme.strata.", httpd_vhost=[])
    assert code == 2
    assert "httpd_vhost is no parameter of the role httpd: did you mean 'httpd_vhosts'?" in output


def test_nothing_in_a_collection_has_a_name_of_before(tmp_path: Path) -> None:
    collection.write(ROOT, "acme.strata", "1.0.0", SHARED, tmp_path)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        text = path.read_text()
        assert "ansible.module_utils.strata" not in text, path
        assert "('contributions'" not in text, path
    tasks = (tmp_path / "roles/httpd/tasks/main.yml").read_text()
    assert "      acme.strata.apache_server:\n" in tasks
    assert "    - acme.strata.httpd\n" in (tmp_path / "roles/httpd/README.md").read_text()
    assert "  - acme.strata.apt\n" in (tmp_path / "roles/httpd/meta/main.yml").read_text()
    assert (
        'action_loader.get("acme.strata.guarded_change"' in (tmp_path / "plugins/action/service_files.py").read_text()
    )
    assert "\n  acme.strata.apache_server:\n" in (tmp_path / "plugins/modules/apache_server.py").read_text()


NAMES = {folder: frozenset({f"our_{kind}"}) for folder, kind in FOLDERS.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ lookup('our_lookup', 'x') }}", "{{ lookup('a.b.our_lookup', 'x') }}"),
        ('{% for x in q("our_lookup", *y) %}', '{% for x in q("a.b.our_lookup", *y) %}'),
        ("{{ query( 'our_lookup' ) ~ lookup('other') }}", "{{ query( 'a.b.our_lookup' ) ~ lookup('other') }}"),
        ("{{ a | our_filter('b') |our_filter }}", "{{ a | a.b.our_filter('b') |a.b.our_filter }}"),
        ("{{ a | map('our_filter') | map('upper') }}", "{{ a | map('a.b.our_filter') | map('upper') }}"),
        ("{{ a is our_test('1') and b is not our_test }}", "{{ a is a.b.our_test('1') and b is not a.b.our_test }}"),
        ("{{ a | select('our_test', 1) }}", "{{ a | select('a.b.our_test', 1) }}"),
        ("{{ a | rejectattr('v', 'our_test') }}", "{{ a | rejectattr('v', 'a.b.our_test') }}"),
        ("{{ our_filter }} our_lookup 'our_test'", "{{ our_filter }} our_lookup 'our_test'"),
        ("{{ lookup('a.b.our_lookup') }}", "{{ lookup('a.b.our_lookup') }}"),
    ],
)
def test_names_in_jinja(text: str, expected: str) -> None:
    assert Qualifier("a.b", NAMES, frozenset()).jinja(text) == expected


def repository(root: Path, meta: str, tasks: str) -> Repository:
    for path, text in {"meta/main.yml": meta, "tasks/main.yml": tasks}.items():
        (root / "roles/one" / path).parent.mkdir(parents=True)
        (root / "roles/one" / path).write_text(text)
    return Repository(root)


def test_names_in_tasks_and_dependencies(tmp_path: Path) -> None:
    meta = "dependencies:\n  - apt\n  - 'apt'\n  - {role: apt, tags: apt}\n  - name: apt\n    tags: [apt]\n  - other\n"
    tasks = """\
- name: our_modules
  our_modules: {our_modules: 1}
- block:
    - {our_action: null, name: our_action}
    - other:
        our_modules: 1
"""
    role = repository(tmp_path, meta, tasks).roles["one"]
    qualifier = Qualifier("a.b", NAMES, frozenset({"apt"}))
    assert qualifier.dependencies(role) == (
        "dependencies:\n  - a.b.apt\n  - 'a.b.apt'\n  - {role: a.b.apt, tags: apt}\n"
        "  - name: a.b.apt\n    tags: [apt]\n  - other\n"
    )
    assert qualifier.tasks(role)["tasks/main.yml"] == tasks.replace("  our_modules: {", "  a.b.our_modules: {").replace(
        "{our_action:", "{a.b.our_action:"
    )


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "iptables").mkdir()
    with pytest.raises(StrataError, match=r"iptables is there already: remove it, or choose another folder"):
        folders.export(ROOT, ["httpd"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["iptables"]
    (tmp_path / "a-b-0.1.0.tar.gz").write_text("mine")
    with pytest.raises(StrataError, match=r"a-b-0\.1\.0\.tar\.gz is there already"):
        collection.build(ROOT, "a.b", ["httpd"], tmp_path)
    assert (tmp_path / "a-b-0.1.0.tar.gz").read_text() == "mine"


@pytest.mark.parametrize("name", ["acme", "Acme.strata", "a.b.c", "a.1b", "../a.b", "a.import", "a-b.c", ""])
def test_a_collection_has_a_name_that_ansible_can_use(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a collection"):
        collection.build(ROOT, name, ["httpd"], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("gone",), ("--collection", "a.b", "gone"), ("../apt",)])
def test_a_role_that_is_not_there_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = invoke(*arguments, tmp_path)
    assert isinstance(done.exception, UsageError)
    assert f"there is no role {arguments[-1]!r}: choose from accounts, " in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_needs_a_role(tmp_path: Path) -> None:
    assert isinstance(invoke(tmp_path).exception, UsageError)


def test_a_role_with_plugins_of_its_own_is_in_no_collection(tmp_path: Path) -> None:
    roles = repository(tmp_path / "checkout", "", "")
    (tmp_path / "checkout/roles/one/filter_plugins").mkdir()
    (tmp_path / "checkout/pyproject.toml").write_text('[project]\nversion = "1.0.0"\n')
    (tmp_path / "checkout/LICENSE").write_text("")
    message = "one cannot be in a collection: roles there have no folder filter_plugins of their own"
    with pytest.raises(StrataError, match=message):
        collection.build(roles.root, "a.b", ["one"], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for export in (
        lambda: folders.export(ROOT, ["apt"], tmp_path / "file/x"),
        lambda: collection.build(ROOT, "a.b", ["apt"], tmp_path / "file/x"),
    ):
        with pytest.raises(StrataError, match=r"cannot be written: .*Not a directory"):
            export()


def test_a_role_of_others_keeps_its_version(tmp_path: Path) -> None:
    (tmp_path / "checkout/vendor/roles/acme/tasks").mkdir(parents=True)
    (tmp_path / "checkout/modules.lock").write_text("acme 0123 refs/tags/1.4 https://example.org/acme\n")
    folders.export(tmp_path / "checkout", ["acme"], tmp_path)
    assert (tmp_path / "acme/meta/.galaxy_install_info").read_text() == "version: '1.4'\n"
    assert not (tmp_path / "acme/LICENSE").exists()


def test_a_built_collection_holds_no_leftovers(tmp_path: Path) -> None:
    with tarfile.open(collection.build(ROOT, "a.b", ["apt"], tmp_path)) as packed:
        names = packed.getnames()
    assert "roles/apt/meta/strata.yml" in names
    assert "plugins/action/preflight.py" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("roles/httpd")]
    assert [path.name for path in tmp_path.iterdir()] == ["a-b-0.1.0.tar.gz"]
