"""The sandbox's Gerrit as people meet it: accounts to try reviews with, and a copy of this repository to change."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.errors import StrataError
from strata.paths import ROOT
from strata.repository import inventory
from strata.sandbox import gerrit
from strata.sandbox.declared import SOURCE
from strata.sandbox.hosts import Sandbox, make_key

PROJECT = "infra/system-config"
BRANCH = "main"
SSH_PORT = 29418

#: Where the roles have Gerrit by default.
SITE, PORT = "/srv/gerrit", 8081

#: The file in which inventories/sandbox looks for the private key of Gerrit's SSH server.
HOST_KEY = "host_key"

#: The account that Gerrit's `init` makes where anybody may be anybody, which the sandbox's type of authentication says.
ADMIN = "admin:secret"

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # pragma: allowlist secret
CREATED, CONFLICT = 201, 409


@dataclass(frozen=True)
class Server:
    """A host of inventories/sandbox with a Gerrit; `accounts` have a `name`, a `full_name` and `groups`."""

    host: str
    version: str
    accounts: tuple[dict[str, Any], ...]

    def assemble(self) -> None:
        """Make the WAR that the host's inventory names, if it is not there yet. Raises StrataError."""
        gerrit.war(self.version)


def servers() -> list[Server]:
    """Return the hosts of inventories/sandbox that have a Gerrit. Raises StrataError."""
    found = []
    for host in inventory.hosts(SOURCE):
        given = host.variables.get("sandbox_gerrit")
        if given is None:
            continue
        try:
            found.append(Server(host.name, given["version"], tuple(given.get("accounts", ()))))
        except (KeyError, TypeError):
            raise StrataError(f"inventories/sandbox: sandbox_gerrit of {host.name} needs a version") from None
    return found


class Review:
    """A Gerrit of the sandbox."""

    def __init__(self, sandbox: Sandbox, server: Server) -> None:
        """Take the sandbox and its host."""
        self.sandbox, self.server = sandbox, server
        self.folder = sandbox.folder / "review"

    @property
    def ssh_config(self) -> Path:
        """The configuration with which `ssh -F` reaches Gerrit, by the name of each account."""
        return self.folder / "ssh_config"

    def prepare(self) -> None:
        """Make the SSH key of the server itself, which the inventory names, if it is not there yet."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_key(self.folder / HOST_KEY, f"Gerrit on {self.server.host} of the sandbox")

    def populate(self) -> None:
        """When it is converged, make the accounts that are not there, and give them a copy of this repository.

        Raises:
            StrataError: Gerrit does not take one of them.

        """
        for account in self.server.accounts:
            self._make(account)
        self._write_ssh_config()
        self._copy_repository()

    def _make(self, account: dict[str, Any]) -> None:
        key = self.folder / account["name"]
        make_key(key, f"{account['name']} of the sandbox")
        public = key.with_suffix(".pub").read_text()
        data = {
            "name": account["full_name"],
            "email": f"{account['name']}@example.org",
            "groups": account.get("groups", []),
            "ssh_key": public,
        }
        code, text = self._rest("PUT", f"/accounts/{account['name']}", json.dumps(data), "application/json")
        if code == CONFLICT:
            # The account was made before; its key may be of a sandbox folder that is gone.
            code, text = self._rest("POST", f"/accounts/{account['name']}/sshkeys", public, "text/plain")
        if code != CREATED:
            raise StrataError(f"Gerrit of {self.server.host} does not take the account {account['name']}: {text}")

    def _rest(self, method: str, path: str, data: str, kind: str) -> tuple[int, str]:
        """Ask as the administrator; return the status and the answer's text."""
        words = ["curl", "-sS", "--user", ADMIN, "--request", method, "--header", f"'Content-Type: {kind}'"]
        words += ["--data-binary", "@-", "--write-out", "'\\n%{http_code}'", f"http://127.0.0.1:{PORT}/a{path}"]
        text, _, code = _run(self.sandbox.ssh_command(self.server.host, *words), data).rpartition("\n")
        return int(code), text.strip()

    def _write_ssh_config(self) -> None:
        known = self.sandbox.known()[self.server.host]
        known_hosts = self.folder / "known_hosts"
        known_hosts.write_text(f"{self.server.host} {(self.folder / f'{HOST_KEY}.pub').read_text()}")
        lines = []
        for account in self.server.accounts:
            lines += [
                f"Host {account['name']}",
                f"  HostName {known['address']}",
                f"  Port {SSH_PORT}",
                f"  User {account['name']}",
                f'  IdentityFile "{self.folder / account["name"]}"',
                "  IdentitiesOnly yes",
                f"  HostKeyAlias {self.server.host}",
                f'  UserKnownHostsFile "{known_hosts}"',
                "  StrictHostKeyChecking yes",
            ]
        self.ssh_config.write_text("".join(f"{line}\n" for line in lines))

    def _copy_repository(self) -> None:
        """Push what is checked out to the project, unless something else was merged there meanwhile."""
        ssh = f"ssh -F '{self.sandbox.ssh_config}'"
        git = ["git", "-C", str(ROOT), "-c", f"core.sshCommand={ssh}"]
        as_gerrit = "runuser -u gerrit -- git"
        url = f"{self.server.host}:{SITE}/git/{PROJECT}.git"
        fetch = [*git, "fetch", "--quiet", "--no-tags", f"--upload-pack={as_gerrit}-upload-pack"]
        _run([*fetch, "--no-write-fetch-head", url, f"+refs/heads/{BRANCH}:refs/strata/sandbox"])
        there = _run([*git, "rev-parse", "refs/strata/sandbox^{tree}"]).strip()
        newer = subprocess.run(
            [*git, "merge-base", "--is-ancestor", "refs/strata/sandbox", "HEAD"], capture_output=True, check=False
        )
        _run([*git, "update-ref", "-d", "refs/strata/sandbox"])
        if there == EMPTY_TREE or newer.returncode == 0:
            push = [*git, "push", "--quiet", "--no-verify", f"--receive-pack={as_gerrit}-receive-pack", url]
            _run([*push, f"+HEAD:refs/heads/{BRANCH}"])


def _run(command: list[str], text: str = "") -> str:
    """Run a command and return its output. Raises StrataError."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise StrataError(f"{command[0]} failed at the sandbox's Gerrit: {said}")
    return done.stdout
