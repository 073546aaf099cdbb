"""The WAR, plugins and libraries of a Gerrit: which are there, known by their hash, and where new ones come from."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import os
import re
import shutil
import stat
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

from ansible.module_utils.strata import files, folders, paths
from ansible.module_utils.strata.errors import DeclarationError, StrataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WAR = "bin/gerrit.war"
VERSION = "com/google/gerrit/common/Version"
PIECE = 1 << 20
#: Seconds without an answer after which a download is given up.
PATIENCE = 60
#: The oldest Java that runs a Gerrit, from this version on (its release notes).
JAVA = {(3, 11): 21, (3, 10): 17, (0, 0): 11}
#: Instead of a hash, of a link, a folder or a pipe where a file belongs.
NO_FILE = "no file"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


class JarError(StrataError):
    """A file cannot be had, or cannot be used; the text is one sentence for the user."""


def cache() -> str:
    """Return the folder of what was downloaded or sent, by its hash, until it is in its place and replaced there."""
    return f"{paths.CACHE}/gerrit"


@dataclass(frozen=True)
class Jar:
    """A file that is declared: its place below the site, its hash, and where it comes from.

    Without `url`, the control side sends it; with `member`, it is a part of the WAR, and has no hash before that is
    there.
    """

    place: str
    sha256: str
    url: str = ""
    member: str = ""

    @property
    def cached(self) -> str:
        """Where it is before it gets in its place."""
        return os.path.join(cache(), self.sha256)


@dataclass(frozen=True)
class JarChange:
    """A change of one of these files: the hash before and after, None for no file; `jar` is what gets there."""

    place: str
    before: str | None
    jar: Jar | None

    def __str__(self) -> str:
        """Return the change as a diff shows it."""
        after = self.jar.sha256 if self.jar else None
        return f"{self.place}: sha256 {self.before or 'none'} -> {after or 'none'}"


def declared(given: Mapping[str, Any]) -> list[Jar]:
    """Return the files that the module's parameters `war`, `plugins` and `libs` declare.

    Raises:
        DeclarationError: a declaration is not valid.

    """
    found = [_jar("the WAR", WAR, given["war"])]
    for kind, each in [("plugins", each) for each in given["plugins"]] + [("lib", each) for each in given["libs"]]:
        what = f"the {'plugin' if kind == 'plugins' else 'library'} {each['name']}"
        if not NAME.fullmatch(each["name"]) or each["name"].endswith(".jar"):
            raise DeclarationError(f"{what}: its name must be of letters, digits and . _ + -, without .jar")
        jar = _jar(what, f"{kind}/{each['name']}.jar", each)
        if any(jar.place == other.place for other in found):
            raise DeclarationError(f"{what} is declared twice")
        found.append(jar)
    return found


def _jar(what: str, place: str, each: Mapping[str, Any]) -> Jar:
    if each.get("core"):
        return Jar(place, "", member=f"WEB-INF/{place}")
    digest = (each["sha256"] or "").lower()
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise DeclarationError(f"{what}: sha256 must be the hash of the file, 64 hexadecimal digits")
    return Jar(place, digest, each["url"] or "")


def installed(site: str, jars: list[Jar]) -> dict[str, str]:
    """Return the hashes of those of the declared files that a site has, and of its further plugins and libraries.

    Raises:
        LinkError: Gerrit's user has made a link of a folder.

    """
    declared = {jar.place for jar in jars}
    found = {}
    for kind in ("bin", "plugins", "lib"):
        with contextlib.suppress(FileNotFoundError), folders.opened(f"{site}/{kind}", links=True) as folder:
            for name in os.listdir(folder):
                further = kind != "bin" and name.endswith(".jar") and not name.startswith(".")
                if further or f"{kind}/{name}" in declared:
                    found[f"{kind}/{name}"] = _digest_in(name, folder)
    return found


def _digest_in(name: str, folder: int) -> str:
    """Return the sha256 of a file in an open folder, and a word that is none for anything else that stands there."""
    if not stat.S_ISREG(folders.mode(name, folder)):
        return NO_FILE
    with open(os.open(name, folders.READ, dir_fd=folder), "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def absent(there: Mapping[str, str], jars: list[Jar]) -> list[Jar]:
    """Return those files that are neither in their places nor in the cache; a part of the WAR is where that is."""
    away = [jar for jar in jars if jar.sha256 and there.get(jar.place) != jar.sha256]
    return [jar for jar in away if digest(jar.cached) != jar.sha256]


def changes(there: Mapping[str, str], jars: list[Jar]) -> list[JarChange]:
    """Return what differs between the files that are installed and the declared ones; further ones go."""
    wanted = {jar.place: jar for jar in jars}
    found = [JarChange(place, there.get(place), wanted.get(place)) for place in sorted({*there, *wanted})]
    return [each for each in found if each.before != (each.jar.sha256 if each.jar else None)]


def digest(path: str) -> str | None:
    """Return the sha256 of a file, None if there is none."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def fetch(jar: Jar, war: str) -> None:
    """Have a file in the cache, unless it is there; what is not what it should be never stays.

    Args:
        jar: the file, which the control side has sent if it has no URL and is not a part of the WAR.
        war: where the WAR is.

    Raises:
        JarError: it cannot be had, or is something else.

    """
    if digest(jar.cached) == jar.sha256:
        return
    source = f"{jar.member} of {war}" if jar.member else jar.url
    unfinished = f"{jar.cached}.new"
    try:
        os.makedirs(cache(), mode=0o700, exist_ok=True)
        with open(unfinished, "wb") as stream, _opened(jar, war) as content:
            found = copy(content, stream)
        if found != jar.sha256:
            raise JarError(f"{source} has the sha256 {found}, not {jar.sha256} as declared for {jar.place}")
        os.rename(unfinished, jar.cached)
    except (urllib.error.URLError, TimeoutError, ValueError, http.client.HTTPException) as error:
        raise JarError(f"{source} cannot be downloaded: {getattr(error, 'reason', error)}") from error
    except OSError as error:
        raise JarError(f"{source} cannot be kept in {cache()}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unfinished)


@contextlib.contextmanager
def _opened(jar: Jar, war: str) -> Iterator[IO[bytes]]:
    if jar.member:
        with folders.open_file(war) as file, zipfile.ZipFile(file) as archive, archive.open(jar.member) as stream:
            yield stream
        return
    if not re.match("https?://", jar.url):
        raise JarError(f"{jar.url} cannot be downloaded: it is not a URL of http or https")
    request = urllib.request.Request(jar.url, headers={"User-Agent": "strata"})  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=PATIENCE) as stream:  # noqa: S310
        yield stream


def copy(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy a stream in pieces, to the disk, and return its sha256."""
    found = hashlib.sha256()
    while data := source.read(PIECE):
        found.update(data)
        target.write(data)
    target.flush()
    os.fsync(target.fileno())
    return found.hexdigest()


def of_the_war(war: str, jar: Jar) -> Jar:
    """Return a plugin of the WAR with its hash.

    Raises:
        JarError: the WAR does not have it.

    """
    with folders.open_file(war) as file, zipfile.ZipFile(file) as archive:
        try:
            return replace(jar, sha256=hashlib.sha256(archive.read(jar.member)).hexdigest())
        except KeyError:
            have = [os.path.basename(name)[:-4] for name in archive.namelist() if name.startswith("WEB-INF/plugins/")]
            name = os.path.basename(jar.place)[:-4]
            raise JarError(f"the WAR has no plugin {name}: it has {', '.join(sorted(have)) or 'none'}") from None


def place(jar: Jar, path: str, uid: int, gid: int) -> None:
    """Put a file of the cache in its place, which it takes by a rename."""
    with open(jar.cached, "rb") as source, folders.holding(path, create=True) as (folder, name):
        if stat.S_ISDIR(folders.mode(name, folder)):
            folders.clear(name, folder)
        with files.replacing(name, folder, 0o644, uid, gid) as target:
            copy(source, target)


def remove(path: str) -> None:
    """Remove what stands in the place of a file."""
    with folders.holding(path) as (folder, name):
        folders.clear(name, folder)
        os.fsync(folder)


def forget(jars: list[Jar]) -> None:
    """Remove from the cache what is not declared."""
    wanted = {jar.sha256 for jar in jars}
    with contextlib.suppress(FileNotFoundError), folders.opened(cache(), links=True) as folder:
        for name in os.listdir(folder):
            if name not in wanted:
                folders.clear(name, folder)


def version(war: str) -> str:
    """Return the version that a WAR says it is.

    Raises:
        JarError: it is not one of Gerrit.

    """
    try:
        with folders.open_file(war) as file, zipfile.ZipFile(file) as archive:
            libraries = [name for name in archive.namelist() if name.startswith("WEB-INF/lib/")]
            # The library that has nothing but the version is a small one.
            for name in sorted(libraries, key=lambda each: archive.getinfo(each).file_size):
                with zipfile.ZipFile(io.BytesIO(archive.read(name))) as jar, contextlib.suppress(KeyError):
                    return jar.read(VERSION).decode().strip()
    except (zipfile.BadZipFile, OSError, UnicodeDecodeError) as error:
        raise JarError(f"{war} is not a WAR: {error}") from error
    raise JarError(f"{war} is not a WAR of Gerrit: it does not say its version")


def java_needed(gerrit: str) -> int:
    """Return the oldest Java that runs a version of Gerrit; one that cannot be read counts as the newest."""
    numbers = re.match(r"([0-9]+)\.([0-9]+)", gerrit)
    at = (int(numbers[1]), int(numbers[2])) if numbers else (99, 0)
    return next(java for since, java in JAVA.items() if at >= since)


def java_found(program: str) -> int | None:
    """Return the version of a Java by the file `release` of its folder, None if it is not there.

    Raises:
        JarError: it is there, but does not say which it is.

    """
    real = os.path.realpath(shutil.which(program) or program)
    if not os.path.exists(real):
        return None
    release = os.path.join(os.path.dirname(os.path.dirname(real)), "release")
    with contextlib.suppress(OSError), open(release, encoding="utf-8") as stream:
        if found := re.search(r'^JAVA_VERSION="(?:1\.)?([0-9]+)', stream.read(), re.MULTILINE):
            return int(found[1])
    raise JarError(f"{program} does not say which Java it is: there is no JAVA_VERSION in {release}")
