"""Contents of files on their way to a host: an archive that neither side ever has in memory as a whole."""

from __future__ import annotations

import base64
import contextlib
import glob
import hashlib
import io
import os
import secrets
import tarfile
import tempfile
import time
import zlib
from typing import IO, TYPE_CHECKING

from ansible.module_utils.strata import folders, paths
from ansible.module_utils.strata.trees.declared import TreeError

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 1 << 20
#: Seconds after which an upload that nobody writes to or has fetched is one of a killed run.
STALE = 900
DAMAGED = "the archive of the contents was damaged on its way"


def state_folder() -> str:
    """Return the folder for what must outlive a call."""
    return os.path.join(paths.STATE, "file_trees")


def upload() -> str:
    """Return a path, of this run alone, at which the control side puts an archive that is too big for a call."""
    return f"{state_folder()}-upload-{secrets.token_hex(8)}"


@contextlib.contextmanager
def received(archive: str | None, uploaded: str | None) -> Iterator[IO[bytes] | None]:
    """Give the archive that came in the call or was uploaded before, if any.

    An upload is removed at once, so that no failure leaves it.
    """
    if uploaded is None:
        yield io.BytesIO(base64.b64decode(archive)) if archive else None
        return
    with open(uploaded, "rb") as stream:
        os.unlink(uploaded)
        yield stream


@contextlib.contextmanager
def dropped(uploaded: str | None) -> Iterator[None]:
    """Remove an upload in the end, if nobody received it."""
    try:
        yield
    finally:
        if uploaded:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(uploaded)


def forget_uploads() -> None:
    """Remove what killed runs uploaded, and nothing that a run may still be about to fetch."""
    for path in glob.glob(f"{glob.escape(state_folder())}-upload-*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - os.stat(path).st_mtime > STALE:
                with folders.holding(path) as (folder, name):
                    folders.clear(name, folder)


def unpack(archive: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the contents of an archive (a tar.gz) one by one, each with its sha256, which is its name too.

    Raises:
        TreeError: the archive is not what was packed.

    """
    try:
        with tarfile.open(fileobj=archive, mode="r|gz") as tar:
            for member in tar:
                if content := tar.extractfile(member):
                    # /tmp may be in memory.
                    with tempfile.SpooledTemporaryFile(max_size=PIECE, dir="/var/tmp") as checked:
                        if copy(content, checked) != member.name:
                            raise TreeError(DAMAGED)
                        yield member.name, checked
                tar.members = []  # type: ignore[attr-defined]  # else it keeps them all
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise TreeError(f"{DAMAGED}: {error}") from error


def copy(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy the rest of a stream in pieces, and return its sha256."""
    digest = hashlib.sha256()
    while data := source.read(PIECE):
        digest.update(data)
        target.write(data)
    return digest.hexdigest()
