"""Contents of files on their way to a host: an archive that neither side ever has in memory as a whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import tarfile
import tempfile
import zlib
from typing import IO, TYPE_CHECKING

from ansible.module_utils.strata.trees import TreeError

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 1 << 20
DAMAGED = "the archive of the contents was damaged on its way"


def state_folder() -> str:
    """Return the folder for what must outlive a call: root's, or one in the home of the user that we run as."""
    if os.geteuid() == 0:
        return "/var/lib/strata/file_trees"
    return os.path.join(pwd.getpwuid(os.geteuid()).pw_dir, ".local/state/strata/file_trees")


def upload() -> str:
    """Return the path at which the control side puts an archive that is too big for a call."""
    return os.path.join(state_folder(), "upload")


@contextlib.contextmanager
def uploaded() -> Iterator[IO[bytes]]:
    """Open what was uploaded; it is removed at once, so that no failure leaves it."""
    with open(upload(), "rb") as stream:
        forget_upload()
        yield stream


def forget_upload() -> None:
    """Remove what this run or a killed one uploaded."""
    forget(upload())


def forget(path: str) -> None:
    """Remove a file of the state folder, if it is there, and the folder if nothing else is in it."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        with contextlib.suppress(OSError):
            os.rmdir(state_folder())


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
                tar.members = []  # else it keeps them all
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise TreeError(f"{DAMAGED}: {error}") from error


def copy(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy the rest of a stream in pieces, and return its sha256."""
    digest = hashlib.sha256()
    while data := source.read(PIECE):
        digest.update(data)
        target.write(data)
    return digest.hexdigest()
