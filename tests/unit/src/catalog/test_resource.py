"""What is written of a catalog: always the same bytes, and no secret."""

from __future__ import annotations

import base64
import json
import os
import stat
import zlib
from typing import TYPE_CHECKING

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret, VaultSecretsContext

from strata.catalog import store
from strata.catalog.resource import Resource, Seal, from_json
from strata.errors import StrataError

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Small

KEY = b"key"
SECRET = "quite-secret"


def test_the_same_bytes_each_time(small: Small) -> None:
    small.play("- {command: date, environment: {B: 1, A: 2}, tags: [z, a]}")
    first, again = small.catalog().to_json(KEY), small.catalog().to_json(KEY)
    assert first == again
    assert str(small.folder) not in first
    assert from_json(first).to_json(KEY) == first


def test_a_catalog_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="no catalog of version 1, but of version 2"):
        from_json('{"version": 2}')


def test_seals() -> None:
    seal, same, other = Seal([SECRET], KEY), Seal([SECRET], KEY), Seal([SECRET], b"other")
    hidden = seal.of({"a": [{"b": 1, "c": SECRET}], "d": f"x{SECRET}y"}, [["a", "b"]])
    assert SECRET not in json.dumps(hidden)
    assert hidden["a"][0]["b"].startswith("(secret ")
    assert hidden["d"] == f"x{hidden['a'][0]['c']}y"
    assert same.text(SECRET) == seal.text(SECRET) != other.text(SECRET)
    assert Seal([SECRET]).of(SECRET) == "(secret)"
    assert Seal(["ab"]).of(["ab", "cabs", True, None, 1]) == ["(secret)", "cabs", True, None, 1]


def test_no_log_hides_all_arguments(small: Small) -> None:
    small.play(f"- {{command: echo {SECRET}, no_log: true}}\n- {{command: echo {SECRET}s, loop: [{SECRET}]}}")
    catalog = small.catalog()
    assert catalog.resources[0].args == {"_raw_params": f"echo {SECRET}"}
    written = json.loads(catalog.to_json(KEY))["resources"]
    assert written[0]["args"].startswith("(secret ")
    assert SECRET in written[1]["args"]["_raw_params"]


def test_what_a_module_declares_as_secret_is_hidden(small: Small) -> None:
    small.play(f"- user: {{name: alice, password: {SECRET}}}")
    (user,) = small.resources()
    assert user.args["password"] == SECRET
    assert SECRET not in small.catalog().to_json(KEY)


def test_a_tree_of_files_is_written_by_path() -> None:
    def tree(digest: str) -> Resource:
        wants = [("", "dir", 0o755, "", 0), ("a", "file", 0o644, digest, 1), ("b", "link", 0, "a", 0)]
        packed = json.dumps([{"dest": "/srv", "wants": wants}]).encode()
        args = {"manifest": base64.b64encode(zlib.compress(packed)).decode()}
        return Resource("ansible.legacy.file_trees", args, "file_trees", "", "site.yml", 1, "", hidden=("manifest",))

    old, new = (tree(digest).sealed(Seal((), KEY))["args"]["manifest"][0]["wants"] for digest in ("old", "new"))
    assert old == {".": "dir 0755", "a": f"file 0644 {Seal((), KEY).text('old')}", "b": "link 0000 a"}
    assert [path for path in old if old[path] != new[path]] == ["a"]


def test_what_a_role_declares_as_secret_is_hidden(small: Small) -> None:
    small.write("site.yml", "- {hosts: web, roles: [one]}")
    option = {"type": "list", "elements": "dict", "options": {"word": {"type": "str", "no_log": True}}}
    specs = {"argument_specs": {"main": {"options": {"one_entries": option}}}}
    small.write("roles/one/meta/argument_specs.yml", specs)
    small.write("roles/one/tasks/main.yml", "- command: echo x{{ one_entries[0].word }}y")
    small.write("host_vars/web01.yml", {"one_entries": [{"word": SECRET}]})
    assert small.said() == [f"x{SECRET}y"]
    assert SECRET not in small.catalog().to_json(KEY)


@pytest.mark.parametrize("known", [True, False])
def test_what_is_encrypted(small: Small, known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the key, its hash stands for it; with it, it is a secret."""
    key = VaultSecret(b"password")
    text = VaultLib([("default", key)]).encrypt(SECRET).decode()
    small.write("host_vars/web01.yml", "word: !vault |\n" + "".join(f"  {line}\n" for line in text.splitlines()))
    small.play("- command: echo {{ word }}")
    if VaultSecretsContext.current(optional=True) is None:
        VaultSecretsContext.initialize(VaultSecretsContext([]))
    given = [("default", key)] if known else []
    monkeypatch.setattr("strata.catalog.core.site.CLI.setup_vault_secrets", lambda *_, **__: given)
    (said,) = small.said()
    assert (said == SECRET) is known
    assert known or said.startswith("(vault ")
    assert SECRET not in small.catalog().to_json(KEY)
    assert small.catalog().to_json(KEY) == small.catalog().to_json(KEY)


def test_a_password_that_is_there_is_a_secret(small: Small, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    small.play(f"- command: echo {{{{ lookup('password', '{tmp_path}/password') }}}}")
    assert small.said() == [SECRET]
    assert SECRET not in small.catalog().to_json(KEY)


def test_files(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRATA_CATALOG_KEY", raising=False)
    monkeypatch.setattr(store, "FOLDER", tmp_path / "state")
    small.play("- {command: echo a, no_log: true}")
    for _ in range(2):
        store.write([("web01", small.catalog().to_json(store.key()))], tmp_path / "out")
    assert stat.S_IMODE(os.stat(tmp_path / "state/key").st_mode) == 0o600  # noqa: PTH116
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["web01.json"]
    assert store.read(store.files(tmp_path / "out")["web01"]).resources[0].module == "ansible.builtin.command"
    (tmp_path / "state/key").chmod(0o644)
    with pytest.raises(StrataError, match="others can read the key"):
        store.key()
    (tmp_path / "out/web01.json").write_text("[]")
    with pytest.raises(StrataError, match="it is no catalog"):
        store.read(tmp_path / "out/web01.json")


def test_a_key_that_is_named_but_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_CATALOG_KEY", "/nowhere/key")
    with pytest.raises(StrataError, match="/nowhere/key: the key"):
        store.key()
