"""The sandbox's gerrit.war: assembled once, whole or not at all."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest

from strata.errors import StrataError
from strata.sandbox import gerrit

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The artifacts that were fetched, each of them a jar with the launcher and another class."""
    asked: list[str] = []

    def fetch(artifact: str) -> Path:
        asked.append(artifact)
        path = tmp_path / f"{artifact.split(':')[1]}.jar"
        with zipfile.ZipFile(path, "w") as jar:
            jar.writestr("com/google/gerrit/launcher/GerritLauncher.class", b"launcher")
            jar.writestr("com/google/gerrit/server/Other.class", b"other")
        return path

    monkeypatch.setattr(gerrit, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(gerrit, "_fetch", fetch)
    return asked


def test_it_has_the_launcher_the_libraries_and_its_version(fetched: list[str]) -> None:
    path = gerrit.war("1.2.3")
    assert gerrit.sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    with zipfile.ZipFile(path) as war:
        names = war.namelist()
        assert b"Main-Class: com.google.gerrit.launcher.GerritLauncher" in war.read("META-INF/MANIFEST.MF")
        with war.open("WEB-INF/lib/extras.jar") as stream, zipfile.ZipFile(stream) as extras:
            assert extras.read("com/google/gerrit/common/Version") == b"1.2.3"
    assert "com/google/gerrit/launcher/GerritLauncher.class" in names
    assert "com/google/gerrit/server/Other.class" not in names
    assert sum(name.startswith("WEB-INF/lib/") for name in names) == len(fetched) + 1


def test_it_is_assembled_once(fetched: list[str]) -> None:
    first = gerrit.war("1.2.3").stat()
    count = len(fetched)
    assert gerrit.war("1.2.3").stat() == first
    assert len(fetched) == count


@pytest.mark.usefixtures("fetched")
def test_one_without_its_hash_is_assembled_anew() -> None:
    path = gerrit.war("1.2.3")
    whole = path.read_bytes()
    path.write_bytes(b"half")
    path.with_name(f"{path.name}.sha256").unlink()
    assert gerrit.war("1.2.3").read_bytes() == whole


@pytest.mark.parametrize("version", ["", "3", "3.x", "../3.13", "3.13.5 ", "-3.13"])
def test_what_is_no_version_is_refused(fetched: list[str], version: str) -> None:
    with pytest.raises(StrataError, match="is not a version of Gerrit"):
        gerrit.war(version)
    assert fetched == []
