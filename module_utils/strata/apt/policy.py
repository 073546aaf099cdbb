"""Services of packages that are new on a host don't start before their configuration is in place.

Maintainer scripts ask /usr/sbin/policy-rc.d whether they may start a service. Ours forbids it for those packages that
the environment of the transaction names, so it has no effect on anything else, even if a killed run leaves it behind.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files
from ansible.module_utils.strata.apt.host import AptError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PATH = "/usr/sbin/policy-rc.d"
POLICY = files.File(
    b"""#!/bin/sh
# Strata's, for the time of one transaction: the services of packages that are new on this host don't start.
[ -n "$DPKG_MAINTSCRIPT_PACKAGE" ] || exit 0
case " $STRATA_NEW_PACKAGES " in *" $DPKG_MAINTSCRIPT_PACKAGE "*) exit 101 ;; esac
exit 0
""",
    0o755,
)


def left_behind() -> list[files.Change]:
    """Return the change that removes what a killed run left, if there is something."""
    there = os.path.lexists(PATH) and files.read(PATH) == POLICY
    return [files.Change(PATH, POLICY, None)] if there else []


@contextlib.contextmanager
def services_wait(packages: Iterable[str]) -> Iterator[dict[str, str]]:
    """Give the environment in which packages, by their names, don't start services; a policy of the host's stays."""
    names = " ".join(sorted(packages))
    if not names or os.path.lexists(PATH):
        yield {}
        return
    change = files.Change(PATH, None, POLICY)
    files.apply([change])
    try:
        yield {"STRATA_NEW_PACKAGES": names}
    finally:
        if lost := files.undo([change]):
            raise AptError(f"the services of new packages may not start, as this is left: {'; '.join(lost)}")
