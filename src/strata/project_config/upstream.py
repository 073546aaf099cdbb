"""The URLs that a project may be imported from: git runs programs for some, and reads the server's files for others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMES = ("https", "http", "git", "ssh")
URL = re.compile(
    r"(?P<scheme>[a-z]+)://(?:(?P<user>[^/@:]*)(?P<secret>:[^/@]*)?@)?(?P<host>[^/@:]*|\[[0-9A-Fa-f:.]+\])(?::\d+)?(?P<path>/.*)"
)
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
PATH = re.compile(r"/[A-Za-z0-9][A-Za-z0-9_.~%+/@:,=-]*|/~[A-Za-z0-9_.~%+/-]*")


def refusal(url: str) -> str | None:
    """Return why a URL is refused, and None for a good one; a password is not repeated."""
    return next(_reasons(url), None)


def _reasons(url: str) -> Iterator[str]:
    match = URL.fullmatch(url)
    if not url or re.search(r"[\x00-\x20\x7f]", url):
        yield "is empty, or has white space or control characters in it"
    elif url.startswith("-"):
        yield f"{url} begins with a dash, and git would take it for an option"
    elif "::" in url.partition("/")[0]:
        yield f"{url} names a transport helper, by which git runs programs: write a URL of {_listing()}"
    elif not match or match["scheme"] not in SCHEMES:
        yield f"{url} is not a URL of {_listing()}"
    elif match["secret"] is not None:
        yield f"{match['scheme']}://{match['host']} carries a password, which everybody could read here"
    elif not HOST.fullmatch(match["host"]) or (match["user"] is not None and not USER.fullmatch(match["user"])):
        yield f"{url} has a host or a user that is not a name"
    elif not PATH.fullmatch(match["path"]) or ".." in match["path"].split("/"):
        yield f"{url} has a path that is not that of a repository"


def _listing() -> str:
    return ", ".join(SCHEMES[:-1]) + f" or {SCHEMES[-1]}"
