"""Catalogs as files: one a host, and the key that hashes the secrets in them."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from strata.catalog.resource import Catalog, from_json
from strata.errors import StrataError
from strata.paths import STATE, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDER = STATE / "catalogs"

#: Names the file of the key, for machines that shall write the same hashes.
VARIABLE = "STRATA_CATALOG_KEY"

KEY_BYTES = 32

#: So many sets of catalogs of former commits are kept.
MOST_KEPT = 8

#: In a folder of kept catalogs, says that they are those of all hosts.
ALL = "all"

#: Ends the name of a file for a host that the inventory of a commit does not have.
ABSENT = ".absent"

DIGEST = 32


def key() -> bytes:
    """Return the key for hashes of secrets, which is made if it is missing.

    Raises:
        StrataError: it cannot be read, or others could.

    """
    path = Path(os.environ.get(VARIABLE) or FOLDER / "key")
    try:
        if not path.exists() and VARIABLE not in os.environ:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(secrets.token_bytes(KEY_BYTES))
        if path.stat().st_mode & 0o077:
            raise StrataError(f"{path}: others can read the key that hides secrets in catalogs: chmod 600 it")
        return path.read_bytes()
    except OSError as error:
        raise StrataError(f"{path}: the key that hides secrets in catalogs: {error.strerror}") from None


@contextmanager
def kept(inputs: str, read: Iterable[Path]) -> Iterator[Path]:
    """Give the folder in which catalogs are kept: a digest of what they are made of is its name.

    Args:
        inputs: what they are made of.
        read: files and folders that are read besides; who edits one gets another folder.

    """
    digest = hashlib.sha256(inputs.encode())
    for place in read:
        for path in (place, *sorted(place.rglob("*"))):
            if path.is_file():
                found = path.stat()
                digest.update(f"{path} {found.st_mtime_ns} {found.st_size}".encode())
    place = FOLDER / "kept" / digest.hexdigest()[:DIGEST]
    place.mkdir(parents=True, exist_ok=True)
    os.utime(place)
    for former in sorted(place.parent.iterdir(), key=lambda each: -each.stat().st_mtime)[MOST_KEPT:]:
        shutil.rmtree(former, ignore_errors=True)
    yield place


def write(catalogs: Iterable[tuple[str, str]], folder: Path) -> set[str]:
    """Write catalogs to a folder, each whole or not at all, and return their hosts.

    Args:
        catalogs: hosts, and the texts of their files.
        folder: where.

    Raises:
        StrataError: the folder cannot be written to.

    """
    written = set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for host, text in catalogs:
            unfinished = folder / f".{host}.json.new"
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(folder / f"{host}.json")
            written.add(host)
    except OSError as error:
        raise StrataError(f"{shown(folder)}: the catalogs cannot be written: {error.strerror}") from None
    return written


def files(folder: Path) -> dict[str, Path]:
    """Return the files of the catalogs in a folder, by host."""
    return {path.stem: path for path in sorted(folder.glob("[!.]*.json"))}


def read(path: Path) -> Catalog:
    """Return the catalog in a file.

    Raises:
        StrataError: it is no catalog of this version.

    """
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StrataError(f"{shown(path)}: {error}") from None
