"""How Ansible would reach a host: its own connection plugin says so, with the options that the variables give it."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible import constants
from ansible._internal._templating._engine import TemplateEngine
from ansible.errors import AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

from strata.catalog.core.unknown import RefusedError, UnknownError
from strata.errors import StrataError
from strata.repository.inventory import sentence

if TYPE_CHECKING:
    from strata.catalog.core.site import Site

#: Where Python is if Ansible would look for it first.
PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class Way:
    """The way to a host.

    Attributes:
        command: runs a command line there, which is its last argument.
        python: the path of the host's Python.
        user: who logs in, "" if only ssh knows.

    """

    command: tuple[str, ...]
    python: str
    user: str


def way(site: Site, host: str) -> Way:
    """Return the way to a host.

    Raises:
        StrataError: a variable cannot be evaluated, or only Ansible can go that way.

    """
    with site.engine.active():
        try:
            return _way(site, host)
        except AnsibleError as error:
            raise StrataError(sentence(error)) from None
        except (RefusedError, UnknownError) as error:
            raise StrataError(f"how to reach it is not known: {error}") from None


def _way(site: Site, host: str) -> Way:
    variables = site.variables.get_vars(host=site.inventory.get_host(host))
    engine: Any = TemplateEngine(loader=site.loader, variables=variables)

    def value(name: str, otherwise: str) -> str:
        return f"{engine.template(variables[name]) or otherwise}" if name in variables else otherwise

    python = value("ansible_python_interpreter", str(constants.config.get_config_value("INTERPRETER_PYTHON")))
    python = python if python.startswith("/") else PYTHON
    kind = value("ansible_connection", str(constants.DEFAULT_TRANSPORT))
    if kind == "local":
        return Way(("/bin/sh", "-c"), python, getpass.getuser())
    if kind not in {"ssh", "smart"}:
        raise StrataError(f"only Ansible can reach it, by the connection {kind}")
    connection = connection_loader.get("ssh", PlayContext())
    connection.set_options(var_options=connection._resolve_option_variables(variables, engine))  # noqa: SLF001 - it has no public name
    if connection.get_option("password"):
        raise StrataError("only Ansible can reach it, with a password: let it have a key")
    connection.host = str(connection.get_option("host"))
    words = connection._build_command(connection.get_option("ssh_executable"), "ssh", "-o", "BatchMode=yes")  # noqa: SLF001
    user: Any = connection.get_option("remote_user")
    return Way((*(word.decode() for word in words), connection.host), python, f"{user or ''}")
