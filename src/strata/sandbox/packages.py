"""Debian packages that hosts have downloaded, kept for the hosts that come after them.

A host sees the kept packages in apt's archive folder through an overlay: what it downloads lies in a folder of its own,
so that hosts that install at the same time don't share apt's lock, and is moved to the others when the host is removed.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path("/var/cache/strata/packages")


@dataclass(frozen=True)
class Archive:
    """The archive folder of one host, below `folder`, over the kept packages of its image."""

    folder: Path
    image: str

    @property
    def kept(self) -> Path:
        """Where the packages are that hosts of the same image have left."""
        return CACHE / self.image

    def volume(self) -> str:
        """Make the folders and return the volume that podman shall mount."""
        for path in (self.kept, self.folder / "upper", self.folder / "work"):
            path.mkdir(parents=True, exist_ok=True)
        layers = f"upperdir={self.folder}/upper,workdir={self.folder}/work"
        return f"{self.kept}:/var/cache/apt/archives:O,{layers}"

    def keep(self) -> None:
        """Move what the host has downloaded to the kept packages; the host is gone by now."""
        for package in self.folder.glob("upper/*.deb"):
            with tempfile.NamedTemporaryFile(dir=self.kept, delete=False) as unfinished:
                shutil.copyfile(package, unfinished.name)
            Path(unfinished.name).chmod(0o644)
            Path(unfinished.name).rename(self.kept / package.name)
        shutil.rmtree(self.folder, ignore_errors=True)


def forget() -> None:
    """Remove all kept packages."""
    shutil.rmtree(CACHE, ignore_errors=True)
