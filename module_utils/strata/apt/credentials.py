"""Users and passwords of repositories, as files of /etc/apt/auth.conf.d, which only root reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.apt import keys
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.files import File

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "/etc/apt/auth.conf.d"

_MACHINE = re.compile(r"(?:([a-z][a-z0-9+]*)://)?([^\s@/]+(?:/[^\s@]*)?)")
# Without a protocol, apt gives them away over these alone.
_PROTECTED = {"https", "tor+https"}


@dataclass(frozen=True)
class Credentials:
    """The file of the credentials for a machine, and the machine as apt_auth.conf(5) has it."""

    path: str
    machine: str

    def fit(self, uri: str) -> bool:
        """Tell whether apt uses them for a URI."""
        protocol, _, rest = uri.partition("://")
        wanted, _, place = self.machine.rpartition("://")
        return (protocol == wanted if wanted else protocol in _PROTECTED) and rest.startswith(place)


def credentials_file(item: Mapping[str, Any]) -> tuple[Credentials, File]:
    """Return credentials and their file.

    Raises:
        DeclarationError: apt would not understand them; the password is not shown.

    """
    name = keys.checked_name(item)
    who = f"the credentials {name} ({item['origin']})"
    if "." in name:
        raise DeclarationError(f"{who} must have a name without points")
    if not _MACHINE.fullmatch(item["machine"]):
        raise DeclarationError(
            f"{who} need a machine such as packages.example.org, packages.example.org/debian or, for what is not "
            f"https, http://packages.example.org, without user or password"
        )
    for what in ("login", "password"):
        if not re.fullmatch(r"\S+", item[what]):
            raise DeclarationError(f"{who} need a {what} without blanks, which apt's file cannot have")
    text = f"machine {item['machine']}\nlogin {item['login']}\npassword {item['password']}\n"
    path = f"{FOLDER}/{name}.conf"
    return Credentials(path, item["machine"]), File(text.encode(), 0o600, secret=True)
