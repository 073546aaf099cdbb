"""A gerrit.war for the sandbox and for tests, assembled from Gerrit's artifacts in the Maven repository.

Maven has no WAR of Gerrit, but its code: the plugin API holds the launcher and the server, the acceptance framework the
programs (init, daemon, reindex). What comes out is a real Gerrit without the web front end and the core plugins, which
only the released WAR has.
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strata.errors import StrataError
from strata.progress import step

#: For all checkouts of this machine.
CACHE = Path("/var/cache/strata/gerrit")

PLUGIN_API = "com.google.gerrit:gerrit-plugin-api"
LIBRARIES = (
    "com.google.gerrit:gerrit-acceptance-framework:{version}",
    "org.bouncycastle:bcpg-jdk18on:1.79",
    "org.bouncycastle:bcpkix-jdk18on:1.79",
    "org.bouncycastle:bcprov-jdk18on:1.79",
    "org.bouncycastle:bcutil-jdk18on:1.79",
)
LAUNCHER = "com/google/gerrit/launcher/"
MANIFEST = "Manifest-Version: 1.0\r\nMain-Class: com.google.gerrit.launcher.GerritLauncher\r\n\r\n"

#: Without a configuration of log4j, the programs log all that there is.
LOG4J = """log4j.rootCategory=INFO, stderr
log4j.appender.stderr=org.apache.log4j.ConsoleAppender
log4j.appender.stderr.target=System.err
log4j.appender.stderr.layout=org.apache.log4j.PatternLayout
log4j.appender.stderr.layout.ConversionPattern=[%d] %-5p %c %x: %m%n
"""

#: So that the same version makes the same file, with the same hash, everywhere.
MADE = (1980, 1, 1, 0, 0, 0)


def war(version: str) -> Path:
    """Return the path of Gerrit's WAR, after assembling it if it is not there yet; `sha256` has its hash.

    Args:
        version: of Gerrit, such as `3.13.5`.

    Raises:
        StrataError: it is not a version, or Maven cannot fetch it.

    """
    _check(version)
    path = CACHE / f"gerrit-{version}.war"
    with _lock(version):
        if not _digest_file(path).exists():
            with step(f"assembling Gerrit {version}"):
                _assemble(version, path)
    return path


def plugin_api(version: str) -> Path:
    """Return the path of the jar that plugins for this version are compiled against.

    Raises:
        StrataError: it is not a version, or Maven cannot fetch it.

    """
    _check(version)
    with _lock(version):
        return _fetch(f"{PLUGIN_API}:{version}")


def require(program: str, *packages: str) -> None:
    """Install what only those need who want a WAR or a plugin, unless its program is there.

    Raises:
        StrataError: apt-get cannot.

    """
    if shutil.which(program):
        return
    command = ["apt-get", "-q", "-y", "install", "--no-install-recommends", *packages]
    with step(f"installing the system packages {' '.join(packages)}"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        said = " ".join(reasons) or done.stderr[-500:]
        raise StrataError(f"{program} is missing, and apt-get cannot install it: {said}")


def sha256(path: Path) -> str:
    """Return the hash that was written beside a WAR when it was assembled."""
    return _digest_file(path).read_text().strip()


def forget() -> None:
    """Remove all WARs, and what they were made of."""
    shutil.rmtree(CACHE, ignore_errors=True)


def _check(version: str) -> None:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)+", version):
        raise StrataError(f"{version!r} is not a version of Gerrit such as 3.13.5")


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


@contextmanager
def _lock(version: str) -> Iterator[None]:
    """Keep others, from any checkout, from fetching and assembling the same version."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _assemble(version: str, path: Path) -> None:
    """Write the WAR, and last, as the sign that it is whole, its hash."""
    api = _fetch(f"{PLUGIN_API}:{version}")
    libraries = [api, *(_fetch(library.format(version=version)) for library in LIBRARIES)]
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        extras = Path(folder) / "extras.jar"
        with zipfile.ZipFile(extras, "w") as jar:
            _add(jar, "com/google/gerrit/common/Version", version.encode())
            _add(jar, "log4j.properties", LOG4J.encode())
        unfinished = Path(folder) / path.name
        with zipfile.ZipFile(unfinished, "w") as made, zipfile.ZipFile(api) as classes:
            _add(made, "META-INF/MANIFEST.MF", MANIFEST.encode())
            for name in sorted(classes.namelist()):
                if name.startswith(LAUNCHER) and name.endswith(".class"):
                    _add(made, name, classes.read(name))
            for library in [*libraries, extras]:
                _add(made, f"WEB-INF/lib/{library.name}", library.read_bytes())
        with unfinished.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        unfinished.rename(path)
        written = Path(folder) / "sha256"
        written.write_text(f"{digest}\n")
        written.rename(_digest_file(path))


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # Jars are compressed already.
    archive.writestr(zipfile.ZipInfo(name, MADE), content)


def _fetch(artifact: str) -> Path:
    """Return the path of an artifact's jar in Maven's local repository, which is below the cache."""
    group, name, version = artifact.split(":")
    repository = CACHE / "maven"
    path = repository / group.replace(".", "/") / name / version / f"{name}-{version}.jar"
    if not path.exists():
        require("mvn", "maven", "default-jre-headless")
        command = ["mvn", "--batch-mode", "-q", f"-Dmaven.repo.local={repository}", "dependency:get"]
        command += [f"-Dartifact={artifact}", "-Dtransitive=false"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not path.exists():
            said = re.search(r"(Could not|Cannot|Failed to) .*", done.stdout + done.stderr)
            raise StrataError(f"Maven cannot fetch {artifact}: {said[0] if said else f'it left no {path}'}")
    return path
