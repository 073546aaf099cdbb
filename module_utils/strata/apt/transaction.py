"""The packages of a host: read what is there, plan, and carry it out in one apt transaction."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files
from ansible.module_utils.strata.apt import keys, lists, policy
from ansible.module_utils.strata.apt.host import QUERY, AptError, parse_query
from ansible.module_utils.strata.apt.plan import Holds, Plan, make_plan, plan_holds
from ansible.module_utils.strata.apt.tools import INSTALL_LOCKS
from ansible.module_utils.strata.owed import Owed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ansible.module_utils.strata.apt.declared import Wishes
    from ansible.module_utils.strata.apt.host import Package
    from ansible.module_utils.strata.apt.output import Result, Simulation
    from ansible.module_utils.strata.apt.tools import Tools

JOURNAL = "/var/lib/dpkg/updates"
KEEP_CONFIGURATION = ("--force-confdef", "--force-confold")
READ_ONLY = ("Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache=", "Dir::Log::Planner=/dev/null")


class Transaction:
    """The declared state of a host's packages and the way there."""

    def __init__(
        self,
        tools: Tools,
        wishes: Wishes,
        *,
        begin: Callable[[set[str]], None],
        owned: Sequence[str] = (),
        begun: Sequence[str] | None = None,
    ) -> None:
        """Read the host and plan; `predict` and `execute` go on from there.

        Args:
            tools: what runs apt and dpkg.
            wishes: the declared state.
            begin: called before dpkg changes anything, with the names of the new packages that it is to bring.
            owned: the holds that earlier runs made.
            begun: the new packages of a transaction that has not ended, None if all have ended.

        Raises:
            StrataError: the wishes contradict each other or the host, or dpkg-query fails.

        """
        self.tools = tools
        self.wishes = wishes
        self.absent = wishes.absent
        self.begin = begin
        self.owned = owned
        self.killed = begun is not None
        self.news = set(begun or ())
        #: Holds of the host's own that apt-get may have released before a run that was killed could restore them.
        self.lost = Owed("apt-holds")
        self.updated = False
        #: What apt warned of, though it went well.
        self.warnings: list[str] = []
        self._read()
        #: What this transaction does, for a person, a line a package.
        self.changes = self._lines()

    def __bool__(self) -> bool:
        """Whether there is something to do."""
        return bool(self.plan or self.holds)

    def predict(self, *, known: bool) -> tuple[dict[str, str], dict[str, str], str]:
        """Return what `execute` would install and remove, and perhaps a warning; leave no trace on the host.

        Args:
            known: whether the sources stay as they are, so that apt knows already what they have.

        What apt does not know yet, or an interrupted run makes it stumble over, is a warning; that it would remove what
        nobody wants absent is an error in any case, as it is when `execute` simulates with newer lists.

        Raises:
            AptError: the transaction would be refused.

        """
        installed = {key: package.version for key, package in self.plan.configure}
        named = installed | {wish.spec: wish.version for wish in self.plan.install}
        removed = {key: package.version for key, package in self.plan.remove}
        if not self.plan:
            return named, removed, ""
        exact = known and not (self.holds.release or self._incomplete() or self._lists_are_old())
        simulation = self._simulate(self.plan, READ_ONLY)
        if unknown := simulation.unknown(self.plan.install):
            said = f"{unknown}; a real run would update the package lists and try again"
            return named, removed, said if exact else ""
        try:
            simulation.check(self.plan, self.absent)
        except AptError as error:
            if exact or simulation.unwanted(self.plan):
                raise
            return named, removed, f"{error}; a real run would look again, with what it knows by then"
        return (installed | simulation.installs(), simulation.removes(), "") if exact else (named, removed, "")

    def execute(self) -> tuple[dict[str, str], dict[str, str]]:
        """Bring the host to the wanted state and return what was installed and removed.

        Raises:
            AptError: the transaction is refused or fails, or did not do what it should.

        """
        left = policy.left_behind()
        if (self or self.killed or left) and self.tools.wait():
            self._read()  # what the other process did may be what is wanted
            self.changes = self._lines()
        files.apply(left)  # not before: the dpkg of a killed run needs it as long as it lives on
        before, there = self.host.versions(), self.host.present()
        self._set_holds(Holds(release=self.holds.release))
        if (self.plan or self.killed) and self._incomplete():
            # A failure here is no verdict yet: a package may only lack dependencies, which apt-get brings.
            self._write(["dpkg", "--configure", "--pending", *KEEP_CONFIGURATION], self._never_configured())
            self._read()
            if self._unfinished():
                self._commit(Plan())
                self._read()
        if self.plan:
            # apt-get releases what it changes, and who asked for a version did not ask for that.
            if own := (self.host.on_hold() | set(self._lost())) - set(self.owned):
                self.lost.note("".join(f"{key}\n" for key in sorted(own)).encode())
            self._commit(self.plan)
            self._read()
        self._set_holds(self.holds)
        self.lost.forget()
        if self:
            raise AptError(f"apt-get reports success, but this is still to do: {', '.join(self._lines())}")
        after, kept = self.host.versions(), self.host.present()
        return (
            {name: version for name, version in after.items() if before.get(name) != version},
            {name: version for name, version in there.items() if name not in kept},
        )

    def held(self) -> list[str]:
        """Return the declared holds that are in force when this is done."""
        names = {wish.name for wish in self.wishes.held}
        there = {self.host.key(each) for each in self.host.packages if each.present and each.name in names}
        return sorted(there | {wish.spec for wish in self.plan.install if wish.name in names})

    def staying(self) -> tuple[str, list[Package]]:
        """Return the host's own architecture, and the packages that are there and stay."""
        going = {package for _, package in self.plan.remove}
        return self.host.native, [each for each in self.host.packages if each.present and each not in going]

    def newcomers(self) -> list[str]:
        """Return the installed packages that this transaction or a killed one brought, each with its architecture."""
        found = (each for each in self.host.packages if each.installed and each.name in self.news)
        return [f"{each.name}:{each.architecture}" for each in found]

    def _read(self) -> None:
        result = self.tools.read(QUERY)
        if result.status:
            raise AptError(f"dpkg-query failed: {result.reason()}")
        self.host = parse_query(result.output)
        holds = plan_holds(self.host, self.wishes.held, self.owned)
        missing = self.host.present().keys() - self.host.on_hold() - set(holds.hold)
        self.holds = replace(holds, hold=(*holds.hold, *(each for each in self._lost() if each in missing)))
        released = self.host.released(self.holds.release)
        self.plan: Plan = make_plan(released, self.wishes.wanted, self.absent)

    def _lost(self) -> list[str]:
        return (self.lost.read() or b"").decode().split()

    def _lines(self) -> list[str]:
        coming = {wish.name for wish in self.plan.install}
        later = [wish.name for wish in self.wishes.held if wish.name in coming]
        return [*self.plan.lines(), *self.holds.lines(), *(f"= {name} (held)" for name in later)]

    def _commit(self, plan: Plan) -> None:
        if self._lists_are_old():
            self._update()
        simulation = self._simulate(plan)
        if simulation.unknown(plan.install) and not self.updated:
            self._update()
            simulation = self._simulate(plan)
        simulation.check(plan, self.absent)
        news = simulation.news() | self._never_configured()
        self._answer(news)
        result = self._write(self._command(plan, () if plan.remove else ("APT::Get::Remove=false",)), news)
        if result.status and "Failed to fetch" in result.errors and not self.updated:
            self._update()
            self._commit(plan)
        elif result.status:
            raise AptError(f"{plan.describe(self.absent)} failed: {result.reason()}")

    def _never_configured(self) -> set[str]:
        return {package.name for package in self.host.packages if package.unfinished and not package.configured}

    def _write(self, command: Sequence[str], news: set[str]) -> Result:
        self.news |= news
        self.begin(self.news)
        with policy.services_wait(news) as environment:
            result = self.tools.write(command, INSTALL_LOCKS, b"", **environment)
        self.warnings += map(keys.without_passwords, result.warnings())
        return result

    def _answer(self, news: set[str]) -> None:
        answers = [answer.line for answer in self.wishes.answers if answer.package in news]
        if answers:
            result = self.tools.write(["debconf-set-selections"], (), "".join(answers).encode())
            if result.status:
                raise AptError(f"debconf refuses the answers: {result.reason()}")

    def _set_holds(self, holds: Holds) -> None:
        if holds:
            result = self.tools.write(["dpkg", "--set-selections"], data=holds.selections().encode())
            if result.status:
                raise AptError(f"dpkg does not hold packages: {result.reason()}")
            self._read()

    def _simulate(self, plan: Plan, options: Sequence[str] = ()) -> Simulation:
        return self.tools.simulate(self._command(plan, ("APT::Get::Simulate=true", *options)))

    def _command(self, plan: Plan, options: Sequence[str]) -> list[str]:
        versioned = any(wish.version for wish in plan.install)
        settings = (
            "APT::Cmd::Pattern-Only=true",
            "APT::Get::AutomaticRemove=false",
            f"APT::Get::Fix-Broken={'false' if plan else 'true'}",  # apt-get repairs only when no package is named
            f"APT::Install-Recommends={'true' if self.wishes.install_recommends else 'false'}",
            "Dpkg::Use-Pty=false",
            # Who names a version wants it; the simulation tells whether others would change with it.
            *(("APT::Get::allow-downgrades=true", "APT::Get::allow-change-held-packages=true") if versioned else ()),
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
        result = self.tools.write(["apt-get", "-q", "update"], [lists.LOCK])
        if result.status:
            raise AptError(f"apt-get update failed: {result.reason()}")
        self.warnings += map(keys.without_passwords, result.warnings())
        self.updated = True

    def _lists_are_old(self) -> bool:
        wanted = self.plan.install or self.plan.configure
        return bool(wanted) and not self.updated and lists.age() > self.wishes.lists_max_age

    def _incomplete(self) -> bool:
        journal = os.listdir(JOURNAL) if os.path.isdir(JOURNAL) else []
        return self._unfinished() or any(name.isdigit() for name in journal)

    def _unfinished(self) -> bool:
        going = [package for _, package in self.plan.remove]  # one that cannot be configured can be removed
        return any(package.unfinished and package not in going for package in self.host.packages)
