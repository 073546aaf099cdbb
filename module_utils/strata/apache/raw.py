"""The text of a site that brings its own: what it needs of Apache's modules, and what of it has no effect."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apache.text import expanded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from ansible.module_utils.strata.apache.vhosts import Site

_SECTION = re.compile(r"<(/?)([A-Za-z]+)\s*(.*?)>?$")
_PROXY = re.compile(r"^(?:proxypass|proxypassmatch|rewriterule|sethandler|balancermember)$")
_SCHEME = re.compile(r"(?:^|[\s\"|:])(https?|fcgi|ajp|scgi|uwsgi|wss?|h2c?|ftp)://")
#: Modules whose names are not those of their schemes.
_SCHEMES = {"https": "http", "ws": "wstunnel", "wss": "wstunnel", "h2": "http2", "h2c": "http2"}
_OLD_RULES, _RULES = {"order", "allow", "deny"}, {"require", "satisfy"}
#: What does not take the place of another one of its name.
_ADDED = {"requestheader", "<directory", "<directorymatch", "<filesmatch", "<ifmodule"}
#: Folders that Debian's apache2.conf opens.
_OPEN = ("/usr/share", "/var/www")


@dataclass(frozen=True)
class Directive:
    """A directive of a text: its line, its words, and the sections that it stands in, outermost first."""

    number: int
    text: str
    name: str
    sections: tuple[tuple[int, str, str], ...]

    def off(self, on: AbstractSet[str]) -> str:
        """Return the condition on a module that keeps Apache from reading it, nothing if it is read."""
        return next((what for _, kind, what in self.sections if kind == "ifmodule" and not _holds(what, on)), "")


def directives(text: str) -> Iterator[Directive]:
    """Give the directives of a text."""
    sections: list[tuple[int, str, str]] = []
    joined, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first or number
        joined += line.strip().removesuffix("\\")
        if line.endswith("\\"):
            continue
        stripped, start, joined, first = joined.strip(), first, "", 0
        section = _SECTION.fullmatch(stripped)
        if section and section[1]:
            del sections[-1:]
        elif section:
            yield Directive(start, stripped, f"<{section[2].lower()}", tuple(sections))
            sections.append((start, section[2].lower(), section[3].strip().strip('"')))
        elif stripped and not stripped.startswith("#"):
            yield Directive(start, stripped, stripped.split()[0].lower(), tuple(sections))


def needs(site: Site, known: Mapping[str, AbstractSet[str]], on: AbstractSet[str]) -> dict[str, Directive]:
    """Return the modules that a site's text needs and that are off, each with the first directive that needs it.

    Args:
        site: the site.
        known: which modules have a directive, by its name in small letters; those of Apache itself have none.
        on: the modules that are on.

    """
    found: dict[str, Directive] = {}
    for each in directives(expanded(site.text)):
        if each.off(on):
            continue
        modules = known.get(each.name, frozenset())
        wanted = [] if not modules or modules & on else [min(modules)]
        if _PROXY.fullmatch(each.name):
            wanted += _backends(each.text)
        for module in wanted:
            if module not in on:
                found.setdefault(module, each)
    return found


def overruled(path: str, text: str, own: str) -> list[str]:
    """Return sentences about what a file of others, which Apache reads after our own settings, sets otherwise."""
    settings = {each.name: each.text for each in directives(own) if each.name not in _ADDED and _is_global(each)}
    return [
        f"{path}:{each.number}: Apache reads {each.text!r} after Strata's own {settings[each.name]!r}: remove it there"
        for each in directives(text)
        if _is_global(each) and settings.get(each.name, each.text).split() != each.text.split()
    ]


def _is_global(directive: Directive) -> bool:
    return all(kind == "ifmodule" for _, kind, _ in directive.sections)


def without_effect(site: Site, on: AbstractSet[str]) -> list[str]:
    """Return sentences about what Apache takes of a site's text, but not for what it is meant for."""
    found: dict[str, str] = {}
    denied: dict[tuple[int, str, str], set[str]] = {}
    for each in directives(expanded(site.text)):
        if condition := each.off(on):
            found.setdefault(condition, f"{site}: <IfModule {condition}> does not hold, so {each.text!r} has no effect")
        for section in each.sections:
            if section[1] == "directory" and not each.off(on):
                denied.setdefault(section, set()).add(each.name)
    return [*found.values(), *_closed(site, denied)]


def _closed(site: Site, rules: Mapping[tuple[int, str, str], set[str]]) -> Iterator[str]:
    for (_, _, path), names in rules.items():
        if names & _OLD_RULES and not names & _RULES and not path.startswith(_OPEN):
            yield (
                f"{site}: <Directory {path}> has access rules of Apache 2.2 alone, and Debian's apache2.conf denies "
                "everybody: write `Require all granted` or another Require instead of Order, Allow and Deny"
            )


def _holds(condition: str, on: Iterable[str]) -> bool:
    name = condition.removeprefix("!").strip()
    plain = name.removesuffix("_module").removesuffix(".c").removeprefix("mod_")
    return ({plain, f"mpm_{plain}"}.isdisjoint(on)) == condition.startswith("!")


def _backends(text: str) -> list[str]:
    schemes = (
        _SCHEME.findall(text) if not text.lower().startswith("rewriterule") or re.search(r"\[.*\bP\b.*\]", text) else []
    )
    found = [f"proxy_{_SCHEMES.get(scheme, scheme)}" for scheme in schemes]
    return [*found, *(["ssl"] if {"https", "wss"} & set(schemes) else [])]
