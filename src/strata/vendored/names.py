"""What may stand in modules.env and modules.lock: names, URLs and refs; all else is refused before git sees it."""

from __future__ import annotations

import re

from strata.project_config import upstream
from strata.project_config.findings import UNPRINTABLE
from strata.project_config.refs import is_ref

SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SCP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9][A-Za-z0-9_.~/+-]*")
WITH_USER = re.compile(r"https?://[^/]*@")


def printable(text: str) -> str:
    """Return the text with what would do something to a terminal written as escapes."""
    return UNPRINTABLE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def name_of(url: str) -> str:
    """Return the name that a role has by its URL: what stands after the last dash of the last part, without .git."""
    last = re.split(r"[/:]", url.rstrip("/"))[-1]
    return last.removesuffix(".git").rpartition("-")[2]


def url_refusal(url: str, *, file_allowed: bool = False) -> str | None:
    """Return why a URL is refused, None for a good one; a password is not repeated."""
    if url.startswith("file:"):
        path = url.removeprefix("file://")
        if not upstream.PATH.fullmatch(path) or ".." in path.split("/"):
            return f"{url} is not the URL of a repository: file:///folder/name"
        return None if file_allowed else f"{url} is a folder of this machine: only --allow-file lets it pass"
    if WITH_USER.match(url):
        return "the URL carries a user or a token, which everybody could read here: use ssh, or ~/.netrc"
    if SCP.fullmatch(url):
        return f"{url} has .. in it" if ".." in url.split("/") else None
    reason = upstream.refusal(url)
    return f"the URL {reason}" if reason and reason.startswith("is ") else reason


def ref_refusal(ref: str) -> str | None:
    """Return why a ref is refused, None for a good one."""
    if not ref:
        return "the ref is empty"
    if ref.startswith("-"):
        return f"the ref {ref} begins with a dash, and git would take it for an option"
    if UNPRINTABLE.search(ref) or not is_ref(ref if ref.startswith("refs/") else f"refs/heads/{ref}"):
        return f"{ref} is not a name that git allows for a ref"
    return None


def full_refs(ref: str) -> tuple[str, ...]:
    """Return what a ref of modules.env can mean in the repository: a commit itself, or full names of refs.

    `origin/master` is how clones call the branch `master`, and what OpenStack's file says.
    """
    if SHA.fullmatch(ref) or ref == "HEAD" or ref.startswith("refs/"):
        return (ref,)
    branch = ref.removeprefix("origin/")
    return tuple(dict.fromkeys((f"refs/tags/{ref}", f"refs/heads/{ref}", f"refs/heads/{branch}")))
