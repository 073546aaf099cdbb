"""Ansible module: bring all packages of a host to the wanted state in one apt transaction."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.strata import apt, packages
from ansible.module_utils.strata.packages import PackagesError, Plan, Wish

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENTATION = """
module: apt_transaction
short_description: Install and remove all packages of a host in one apt transaction
description:
  - Takes all packages that a host must have and all that it must not have, compares them with dpkg's database and, if
    something is to do, runs C(apt-get install) once.
  - On a host that is as wanted it runs one process, C(dpkg-query), and takes no lock.
  - The transaction is simulated first. It is refused if it would remove a package that is not listed in O(absent), or
    install one that is.
  - Names are taken as they are, never as patterns (C(apt-get) alone reads an unknown C(python3.1) as a regular
    expression).
  - If something is to do and an earlier run of dpkg was interrupted, that one is completed first.
options:
  packages:
    description:
      - Packages that must be installed.
      - A name that an installed package provides (a virtual package) counts as installed.
    type: list
    elements: dict
    default: []
    suboptions: &suboptions
      value:
        description: The name of the package, with an architecture if it is not the host's own, such as V(libc6:i386).
        type: str
        required: true
      origin:
        description: Who asked for it, for messages.
        type: str
        default: ""
  absent:
    description: Packages that must not be installed. They are removed; their configuration files stay.
    type: list
    elements: dict
    default: []
    suboptions: *suboptions
  lists_max_age:
    description:
      - The package lists are updated before an installation when they are older than this many seconds.
      - They are also updated when there are none, when a package is not known, or when a file is gone from the archive.
    type: int
    default: 86400
  lock_timeout:
    description: How many seconds to wait for another process that holds one of the locks of apt or dpkg.
    type: int
    default: 300
  install_recommends:
    description: Whether recommended packages are installed too.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: Strata contributors
"""

EXAMPLES = """
- name: Install the packages of a web server
  apt_transaction:
    packages:
      - value: apache2
        origin: httpd__apt_packages
      - value: rsync
    absent:
      - value: popularity-contest
        origin: apt_absent_packages
"""

RETURN = """
installed:
  description:
    - Packages that were installed, upgraded or configured, dependencies included, each with its version.
    - In check mode, what apt's simulation says, or the wanted names without versions if the package lists would be
      updated first.
  type: dict
  returned: success
  sample: {rsync: 3.4.1+ds1-5, libpopt0: 1.19+dfsg-2}
removed:
  description: Packages that were removed, each with the version it had.
  type: dict
  returned: success
  sample: {popularity-contest: "1.77"}
"""

LISTS = "/var/lib/apt/lists"
UPDATE_STAMP = "/var/lib/apt/periodic/update-success-stamp"
JOURNAL = "/var/lib/dpkg/updates"
KEEP_CONFIGURATION = ("--force-confdef", "--force-confold")
READ_ONLY = ("Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache=", "Dir::Log::Planner=/dev/null")


class Transaction:
    """The wanted state of a host's packages and the way there."""

    def __init__(
        self, tools: apt.Tools, wanted: list[Wish], absent: list[Wish], *, lists_max_age: int, install_recommends: bool
    ) -> None:
        """Read the host and plan; `predict` and `execute` go on from there.

        Raises:
            PackagesError: the wishes contradict each other or the host, or dpkg-query fails.

        """
        self.tools = tools
        self.wanted = wanted
        self.absent = absent
        self.lists_max_age = lists_max_age
        self.install_recommends = install_recommends
        self.updated = False
        self._read()

    def predict(self) -> tuple[dict[str, str], dict[str, str], str]:
        """Return what `execute` would install and remove, and perhaps a warning; leave no trace on the host.

        Raises:
            PackagesError: the transaction would be refused.

        """
        installed = {key: package.version for key, package in self.plan.configure}
        named = installed | {wish.spec: "" for wish in self.plan.install}
        removed = {key: package.version for key, package in self.plan.remove}
        if self._incomplete() or self._lists_are_old():
            return named, removed, ""
        simulation = self._simulate(self.plan, READ_ONLY)
        if unknown := simulation.unknown(self.plan.install):
            return named, removed, f"{unknown}; a real run would update the package lists and try again"
        simulation.check(self.plan, self.absent)
        return installed | simulation.installs(), simulation.removes(), ""

    def execute(self) -> tuple[dict[str, str], dict[str, str]]:
        """Bring the host to the wanted state and return what was installed and removed.

        Raises:
            PackagesError: the transaction is refused or fails, or did not do what it should.

        """
        if self.tools.wait():
            self._read()  # what the other process did may be what is wanted
        before = self.host.versions()
        if self.plan and self._incomplete():
            # A failure here is no verdict yet: a package may only lack dependencies, which apt-get brings.
            self.tools.write(["dpkg", "--configure", "--pending", *KEEP_CONFIGURATION])
            self._read()
            if self.host.unfinished:
                self._commit(Plan())
                self._read()
        if self.plan:
            self._commit(self.plan)
            self._read()
        if self.plan:
            raise PackagesError(f"apt-get reports success, but this is still to do: {', '.join(self.plan.lines())}")
        after = self.host.versions()
        return (
            {name: version for name, version in after.items() if before.get(name) != version},
            {name: version for name, version in before.items() if name not in after},
        )

    def _read(self) -> None:
        result = self.tools.read(packages.QUERY)
        if result.status:
            raise PackagesError(f"dpkg-query failed: {result.reason()}")
        self.host = packages.parse_query(result.output)
        self.plan: Plan = packages.make_plan(self.host, self.wanted, self.absent)

    def _commit(self, plan: Plan) -> None:
        if self._lists_are_old():
            self._update()
        simulation = self._simulate(plan)
        if simulation.unknown(plan.install) and not self.updated:
            self._update()
            simulation = self._simulate(plan)
        simulation.check(plan, self.absent)
        result = self.tools.write(self._command(plan, () if plan.remove else ("APT::Get::Remove=false",)))
        if result.status and "Failed to fetch" in result.errors and not self.updated:
            self._update()
            self._commit(plan)
        elif result.status:
            raise PackagesError(f"{apt.describe(plan, self.absent)} failed: {result.reason()}")

    def _simulate(self, plan: Plan, options: Sequence[str] = ()) -> apt.Simulation:
        return self.tools.simulate(self._command(plan, ("APT::Get::Simulate=true", *options)))

    def _command(self, plan: Plan, options: Sequence[str]) -> list[str]:
        settings = (
            "APT::Cmd::Pattern-Only=true",
            "APT::Get::AutomaticRemove=false",
            f"APT::Get::Fix-Broken={'false' if plan else 'true'}",  # apt-get repairs only when no package is named
            f"APT::Install-Recommends={'true' if self.install_recommends else 'false'}",
            "Dpkg::Use-Pty=false",
            *(f"Dpkg::Options::={option}" for option in KEEP_CONFIGURATION),
            *options,
        )
        return [
            "apt-get",
            "-q",
            "-y",
            *(f"--option={setting}" for setting in settings),
            "install",
            "--",
            *plan.arguments(),
        ]

    def _update(self) -> None:
        result = self.tools.write(["apt-get", "-q", "update"], apt.UPDATE_LOCKS)
        if result.status:
            raise PackagesError(f"apt-get update failed: {result.reason()}")
        self.updated = True

    def _lists_are_old(self) -> bool:
        wanted = self.plan.install or self.plan.configure
        return bool(wanted) and not self.updated and apt.lists_age(LISTS, UPDATE_STAMP) > self.lists_max_age

    def _incomplete(self) -> bool:
        journal = os.listdir(JOURNAL) if os.path.isdir(JOURNAL) else []
        return self.host.unfinished or any(name.isdigit() for name in journal)


def main() -> None:
    """Run the module."""
    names: dict[str, Any] = {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"value": {"type": "str", "required": True}, "origin": {"type": "str", "default": ""}},
    }
    module = AnsibleModule(
        argument_spec={
            "packages": names,
            "absent": names,
            "lists_max_age": {"type": "int", "default": 86400},
            "lock_timeout": {"type": "int", "default": 300},
            "install_recommends": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    result: dict[str, Any] = {"changed": False, "installed": {}, "removed": {}}
    try:
        transaction = Transaction(
            apt.Tools(module.run_command, module.params["lock_timeout"]),
            packages.parse_wishes(module.params["packages"]),
            packages.parse_wishes(module.params["absent"]),
            lists_max_age=module.params["lists_max_age"],
            install_recommends=module.params["install_recommends"],
        )
        if plan := transaction.plan:
            result["diff"] = {"prepared": "".join(f"{line}\n" for line in plan.lines())}
            if module.check_mode:
                result["changed"] = True
                result["installed"], result["removed"], warning = transaction.predict()
                if warning:
                    module.warn(warning)
            else:
                result["installed"], result["removed"] = transaction.execute()
                result["changed"] = bool(result["installed"] or result["removed"])
    except PackagesError as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
