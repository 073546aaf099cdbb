"""Files that Apache reads besides its configuration: certificates, which are renewed, and lists of users."""

from __future__ import annotations

import contextlib
import os
import pwd
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apache.host import ROOT
from ansible.module_utils.strata.apache.service import PID_FILE
from ansible.module_utils.strata.apache.text import values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible.module_utils.strata.apache.vhosts import Site

_USER = "www-data"
_CERTIFICATES = r"SSL\w+File"
_USERS = "AuthUserFile"


def renewed(sites: Iterable[Site], loaded: str = PID_FILE) -> list[str]:
    """Return the certificates, keys and authorities that are newer than what Apache has read.

    Apache writes `loaded`, its PID file, each time it has read all of them. Times of content are no measure, because
    copying may keep them: what counts is when the file, or the link to it, became what it is.
    """
    try:
        since = os.stat(loaded).st_mtime_ns
    except FileNotFoundError:
        return []
    return [path for path in _named(_CERTIFICATES, sites) if _became(path) > since]


def unreadable(sites: Iterable[Site]) -> list[str]:
    """Return a sentence for each list of users that is not there or that Apache's user can't read."""
    found = []
    for site in sites:
        for path in _named(_USERS, [site]):
            if not os.path.lexists(path):
                found.append(f"{site}: there is no file of users {path}.")
            elif not _readable(path):
                found.append(f"{site}: the user {_USER} cannot read {path}: give it a mode or group that lets it.")
    return found


def _named(directive: str, sites: Iterable[Site]) -> list[str]:
    paths = {path for site in sites for path in values_of(directive, site.text) if "${" not in path}
    return sorted(os.path.join(ROOT, path) for path in paths)


def _became(path: str) -> int:
    try:
        return max(os.lstat(path).st_ctime_ns, os.stat(path).st_ctime_ns)
    except OSError:
        return 0


def _readable(path: str) -> bool:
    with _as_user():
        return os.access(path, os.R_OK, effective_ids=True)


@contextlib.contextmanager
def _as_user() -> Iterator[None]:
    """Be Apache's user for a while, so that folders, groups and access lists count as they do for it."""
    groups, entry = os.getgroups(), pwd.getpwnam(_USER)
    try:
        os.setgroups(os.getgrouplist(_USER, entry.pw_gid))
        os.setegid(entry.pw_gid)
        os.seteuid(entry.pw_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
