"""WAR, plugins and libraries: what is declared, what is there; what comes from elsewhere is what it should be."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata import paths
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.gerrit import jars
from ansible.module_utils.strata.gerrit.jars import Jar, JarChange, JarError

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = b"a plugin"
SHA = hashlib.sha256(CONTENT).hexdigest()
ITEM = {"url": None, "path": None, "sha256": SHA, "core": False}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "CACHE", str(tmp_path))
    return tmp_path / "gerrit"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Where a plugin can be downloaded from."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "plugin.jar").write_bytes(CONTENT)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path / "served")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/plugin.jar"
        server.shutdown()


def war(path: Path, version: str = "3.13.5", **plugins: bytes) -> str:
    library = path.with_suffix(".jar")
    with zipfile.ZipFile(library, "w") as jar:
        jar.writestr("com/google/gerrit/common/Version", f"{version}\n")
    with zipfile.ZipFile(path, "w") as made:
        made.write(library, "WEB-INF/lib/version.jar")
        for name, content in plugins.items():
            made.writestr(f"WEB-INF/plugins/{name}.jar", content)
    return str(path)


def given(**more: Any) -> dict[str, Any]:
    return {"war": ITEM, "plugins": [], "libs": []} | more


def test_declared_files_have_their_places() -> None:
    found = jars.declared(given(plugins=[{**ITEM, "name": "hooks"}], libs=[{**ITEM, "name": "mysql-1.0"}]))
    assert [jar.place for jar in found] == ["bin/gerrit.war", "plugins/hooks.jar", "lib/mysql-1.0.jar"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"war": {**ITEM, "sha256": None}}, "the WAR: sha256 must be"),
        ({"war": {**ITEM, "sha256": "12"}}, "the WAR: sha256 must be"),
        ({"plugins": [{**ITEM, "name": "../bin/sh"}]}, "the plugin ../bin/sh: its name"),
        ({"plugins": [{**ITEM, "name": ".hidden"}]}, "the plugin .hidden: its name"),
        ({"libs": [{**ITEM, "name": "x.jar"}]}, "the library x.jar: its name must be .* without .jar"),
        ({"libs": [{**ITEM, "name": "x"}, {**ITEM, "name": "x"}]}, "the library x is declared twice"),
    ],
)
def test_a_bad_declaration_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        jars.declared(given(**more))


def test_what_differs_changes_and_what_is_not_declared_goes(tmp_path: Path) -> None:
    for name in ("plugins/same.jar", "plugins/old.jar", "plugins/foreign.jar", "lib/foreign.jar", "plugins/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(CONTENT)
    same, old, new = Jar("plugins/same.jar", SHA), Jar("plugins/old.jar", "1" * 64), Jar("lib/new.jar", SHA)
    changes = jars.changes(jars.installed(str(tmp_path), [same, old, new]), [same, old, new])
    assert changes == [
        JarChange("lib/foreign.jar", SHA, None),
        JarChange("lib/new.jar", None, new),
        JarChange("plugins/foreign.jar", SHA, None),
        JarChange("plugins/old.jar", SHA, old),
    ]
    assert str(changes[0]) == f"lib/foreign.jar: sha256 {SHA} -> none"


def test_a_download_is_kept_and_not_repeated(url: str, cache: Path, tmp_path: Path) -> None:
    jars.fetch(Jar("plugins/x.jar", SHA, url), "")
    assert (cache / SHA).read_bytes() == CONTENT
    (tmp_path / "served" / "plugin.jar").unlink()
    jars.fetch(Jar("plugins/x.jar", SHA, url), "")


def test_another_file_than_declared_is_refused(url: str, cache: Path) -> None:
    with pytest.raises(JarError, match=f"has the sha256 {SHA}, not {'2' * 64} as declared for plugins/x.jar"):
        jars.fetch(Jar("plugins/x.jar", "2" * 64, url), "")
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("bad", ["http://127.0.0.1:1/x", "file:///etc/passwd", "ftp://192.0.2.1/x", "nonsense"])
def test_what_cannot_be_downloaded_is_named(bad: str, cache: Path) -> None:
    with pytest.raises(JarError, match=f"{bad} cannot be downloaded"):
        jars.fetch(Jar("plugins/x.jar", SHA, bad), "")
    assert list(cache.iterdir()) == []


def test_a_damaged_copy_in_the_cache_is_fetched_again(url: str, cache: Path) -> None:
    cache.mkdir()
    (cache / SHA).write_bytes(b"half")
    jars.fetch(Jar("plugins/x.jar", SHA, url), "")
    assert (cache / SHA).read_bytes() == CONTENT


def test_a_core_plugin_comes_out_of_the_war(tmp_path: Path, cache: Path) -> None:
    path = war(tmp_path / "gerrit.war", hooks=CONTENT)
    declared = jars.declared(given(plugins=[{**ITEM, "name": "hooks", "core": True}]))[1]
    jar = jars.of_the_war(path, declared)
    assert jar.sha256 == SHA
    jars.fetch(jar, path)
    assert (cache / SHA).read_bytes() == CONTENT


def test_a_core_plugin_that_the_war_lacks_is_refused(tmp_path: Path) -> None:
    path = war(tmp_path / "gerrit.war", hooks=CONTENT, replication=CONTENT)
    with pytest.raises(JarError, match="the WAR has no plugin other: it has hooks, replication"):
        jars.of_the_war(path, Jar("plugins/other.jar", "", member="WEB-INF/plugins/other.jar"))


@pytest.mark.parametrize("trap", ["link", "pipe", "folder"])
def test_what_stands_where_a_plugin_belongs_is_neither_read_nor_waited_for(tmp_path: Path, trap: str) -> None:
    place, path, canary = "plugins/x.jar", tmp_path / "plugins" / "x.jar", tmp_path / "canary"
    path.parent.mkdir()
    canary.write_bytes(CONTENT)
    if trap == "link":
        path.symlink_to(canary)
    elif trap == "pipe":
        os.mkfifo(path)
    else:
        (path / "deep").mkdir(parents=True)
    there = jars.installed(str(tmp_path), [])
    assert jars.changes(there, []) == [JarChange(place, jars.NO_FILE, None)]
    wanted = Jar(place, SHA)
    assert jars.changes(there, [wanted]) == [JarChange(place, jars.NO_FILE, wanted)]
    Path(wanted.cached).parent.mkdir()
    Path(wanted.cached).write_bytes(CONTENT)
    jars.place(wanted, str(path), os.getuid(), os.getgid())
    assert (path.is_symlink(), path.read_bytes(), path.stat().st_mode & 0o777) == (False, CONTENT, 0o644)
    jars.remove(str(path))
    assert (list(path.parent.iterdir()), canary.read_bytes()) == ([], CONTENT)


@pytest.mark.parametrize("trap", ["link", "pipe"])
def test_a_foreseeable_name_leads_nowhere(tmp_path: Path, trap: str) -> None:
    (tmp_path / "plugins").mkdir()
    canary, planted = tmp_path / "canary", tmp_path / "plugins" / ".strata-x.jar.new"
    canary.write_text("root's")
    os.mkfifo(planted) if trap == "pipe" else planted.symlink_to(canary)
    jar = Jar("plugins/x.jar", SHA)
    Path(jar.cached).parent.mkdir()
    Path(jar.cached).write_bytes(CONTENT)
    jars.place(jar, f"{tmp_path}/plugins/x.jar", os.getuid(), os.getgid())
    assert {path.name: path.read_bytes() for path in (tmp_path / "plugins").iterdir()} == {"x.jar": CONTENT}
    assert canary.read_text() == "root's"


def test_a_pipe_in_place_of_the_war_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gerrit.war")
    with pytest.raises(JarError, match=r"is not a WAR: .*not a regular file"):
        jars.version(f"{tmp_path}/gerrit.war")


def test_the_cache_forgets_what_is_not_declared(cache: Path) -> None:
    (cache / "folder" / "deep").mkdir(parents=True)
    for name in (SHA, "3" * 64, f"{SHA}.new"):
        (cache / name).touch()
    jars.forget([Jar("bin/gerrit.war", SHA)])
    assert [path.name for path in cache.iterdir()] == [SHA]


def test_the_version_is_that_of_the_war(tmp_path: Path) -> None:
    assert jars.version(war(tmp_path / "gerrit.war", "3.10.2")) == "3.10.2"


def test_what_is_not_a_war_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.war").write_bytes(b"not found")
    with pytest.raises(JarError, match="is not a WAR"):
        jars.version(str(tmp_path / "x.war"))
    with zipfile.ZipFile(tmp_path / "empty.war", "w") as made:
        made.writestr("index.html", "")
    with pytest.raises(JarError, match="is not a WAR of Gerrit"):
        jars.version(str(tmp_path / "empty.war"))


@pytest.mark.parametrize(
    ("gerrit", "java"), [("3.13.5", 21), ("3.11.0-rc1", 21), ("3.10.2", 17), ("3.9.1", 11), ("4.0", 21), ("(dev)", 21)]
)
def test_java_that_a_version_needs(gerrit: str, java: int) -> None:
    assert jars.java_needed(gerrit) == java


@pytest.mark.parametrize(("release", "java"), [("17.0.15", 17), ("21", 21), ("1.8.0_402", 8)])
def test_java_that_is_there(tmp_path: Path, release: str, java: int) -> None:
    (tmp_path / "jvm" / "bin").mkdir(parents=True)
    (tmp_path / "jvm" / "bin" / "java").touch()
    (tmp_path / "jvm" / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{release}"\n')
    (tmp_path / "java").symlink_to(tmp_path / "jvm" / "bin" / "java")
    assert jars.java_found(str(tmp_path / "java")) == java
    assert jars.java_found(str(tmp_path / "none")) is None


def test_a_java_that_does_not_say_which_it_is(tmp_path: Path) -> None:
    (tmp_path / "java").touch()
    with pytest.raises(JarError, match="does not say which Java it is"):
        jars.java_found(str(tmp_path / "java"))
