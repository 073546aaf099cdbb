"""What is declared of apt: its files and the packages of a host, from the module's parameters."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.apt import conf, credentials, debconf, keys, sources
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.files import File

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible.module_utils.strata.apt.credentials import Credentials
    from ansible.module_utils.strata.apt.debconf import Answer
    from ansible.module_utils.strata.apt.host import Package
    from ansible.module_utils.strata.apt.sources import Source
    from ansible.module_utils.strata.files import Change

# Policy 5.6.7, less a final minus: no package has one, and apt-get would take it for an order to remove.
_NAME = re.compile(
    r"([a-z0-9][a-z0-9+.-]*[a-z0-9+.])(?::([a-z0-9][a-z0-9-]*[a-z0-9]))?(?:=([0-9][A-Za-z0-9.+:~-]*\*?))?"
)


@dataclass
class Settings:
    """The declared files by path, with who asked for each, and the sources."""

    files: dict[str, File] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    credentials: list[Credentials] = field(default_factory=list)

    def add(self, path: str, file: File, origin: str) -> None:
        """Declare a file.

        Raises:
            DeclarationError: it is declared already, and not the same.

        """
        if self.files.setdefault(path, file) != file:
            raise DeclarationError(
                f"{path} is declared twice, and not the same: by {self.origins[path]} and by {origin}"
            )
        self.origins.setdefault(path, origin)

    def changed_sources(self, changes: Iterable[Change]) -> list[Source]:
        """Return the sources that apt uses and whose stanza, key or credentials are among the changes."""
        paths = {change.path for change in changes}
        return [source for source in self.sources if source.enabled and paths & self._paths(source)]

    def _paths(self, source: Source) -> set[str]:
        used = {each.path for each in self.credentials if any(map(each.fit, source.uris))}
        return {source.path, source.key} | used


@dataclass(frozen=True)
class Wish:
    """A package that somebody wants installed, absent or held.

    No architecture is the host's own, no version any; a version may end in an asterisk.
    """

    name: str
    architecture: str = ""
    origins: tuple[str, ...] = ()
    version: str = ""

    @property
    def spec(self) -> str:
        """The name, with the architecture."""
        return f"{self.name}:{self.architecture}" if self.architecture else self.name

    @property
    def order(self) -> str:
        """The name with the version, as apt-get understands it."""
        return f"{self.spec}={self.version}" if self.version else self.spec

    def __str__(self) -> str:
        """Return the name with those who asked for it."""
        return f"{self.order} ({', '.join(self.origins)})" if self.origins else self.order

    def fits(self, package: Package) -> bool:
        """Whether a package of that name is of the wanted version."""
        return not self.version or fnmatch.fnmatchcase(package.version, self.version)


@dataclass(frozen=True)
class Wishes:
    """What the packages of a host are to be, and how apt-get is to bring them."""

    wanted: Sequence[Wish]
    absent: Sequence[Wish] = ()
    held: Sequence[Wish] = ()
    answers: Sequence[Answer] = ()
    lists_max_age: int = 86400
    install_recommends: bool = False


def parse_settings(parameters: Mapping[str, Any]) -> Settings:
    """Return the settings that the parameters `sources`, `keys`, `pins`, `conf` and `credentials` declare.

    Raises:
        DeclarationError: apt would not understand them.

    """
    settings = Settings()
    key_paths = {}
    for item in parameters["keys"]:
        path, file = keys.key_file(keys.checked_name(item), item["key"] or "", item["origin"])
        settings.add(path, file, item["origin"])
        key_paths[item["name"]] = path
    for item in parameters["sources"]:
        signed_by = item["signed_by"]
        if keys.is_key(signed_by):
            signed_by, file = keys.key_file(keys.checked_name(item), signed_by, item["origin"])
            settings.add(signed_by, file, item["origin"])
        source = sources.parse_source({**item, "signed_by": signed_by}, key_paths)
        settings.add(source.path, File(source.text.encode()), item["origin"])
        settings.sources.append(source)
    for read, items in ((conf.pin_file, parameters["pins"]), (conf.conf_file, parameters["conf"])):
        for item in items:
            path, text = read(item)
            settings.add(path, File(text.encode()), item["origin"])
    for item in parameters["credentials"]:
        known, file = credentials.credentials_file(item)
        settings.add(known.path, file, item["origin"])
        settings.credentials.append(known)
    return settings


def parse_packages(parameters: Mapping[str, Any]) -> Wishes:
    """Return what the other parameters declare.

    Raises:
        DeclarationError: a name or an answer is not valid, or two contradict each other.

    """
    return Wishes(
        parse_wishes(parameters["packages"], versions=True),
        parse_wishes(parameters["absent"]),
        parse_wishes(parameters["held"]),
        debconf.parse_answers(parameters["debconf"]),
        parameters["lists_max_age"],
        parameters["install_recommends"],
    )


def parse_wishes(items: Iterable[Mapping[str, Any]], *, versions: bool = False) -> list[Wish]:
    """Return one wish for each package of a list of `{value, origin}`, sorted by name; some may have `versions`.

    Raises:
        DeclarationError: a name is none that a package can have, or a package is wanted at two versions.

    """
    found: dict[tuple[str, str], Wish] = {}
    for item in items:
        match = _NAME.fullmatch(item["value"])
        if not match or (match[3] and not versions):
            asker = f" ({item['origin']})" if item["origin"] else ""
            raise DeclarationError(f"{item['value']!r}{asker} is not the name of a Debian package")
        key = (match[1], match[2] or "")
        wish = found.get(key, Wish(*key))
        asked = replace(wish, origins=(item["origin"],) if item["origin"] else (), version=match[3] or "")
        if wish.version and asked.version and wish.version != asked.version:
            raise DeclarationError(f"{wish} is wanted, and {asked} too: only one version can be installed")
        origins = tuple(dict.fromkeys((*wish.origins, *asked.origins)))
        found[key] = replace(wish, origins=origins, version=wish.version or asked.version)
    return [wish for _, wish in sorted(found.items())]
