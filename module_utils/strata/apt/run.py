"""Apt as a whole on a host: its settings, then its packages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files
from ansible.module_utils.strata.apt import debconf, migrate, newcomers, plan, policy, settings, tools
from ansible.module_utils.strata.apt import stage as apt_stage
from ansible.module_utils.strata.apt.migrate import Migration
from ansible.module_utils.strata.apt.settings import Record
from ansible.module_utils.strata.apt.transaction import Transaction, Wishes

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


class Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        """Read the parameters and the host, and plan.

        Raises:
            AptError: the parameters contradict each other or the host.

        """
        self.module = module
        given = module.params
        self.tools = tools.Tools(module.run_command, given["lock_timeout"])
        self.settings = settings.parse(given)
        self.record = settings.recorded()
        self.foreign = settings.foreign_sources(self.settings, self.record)
        purged = self.foreign if given["purge"] else []
        self.migration = Migration()
        if given["migrate"] and self.foreign and not purged:
            self.migration = migrate.plan(self.tools, self.settings)
        self.tried = settings.plan(self.settings, self.record, purged) + self.migration.changes
        self.changes = self.tried + policy.left_behind()
        wishes = Wishes(
            plan.parse_wishes(given["packages"], versions=True),
            plan.parse_wishes(given["absent"]),
            plan.parse_wishes(given["held"]),
            self.record.held,
            debconf.parse_answers(given["debconf"]),
            self.record.begun,
        )
        options = {name: given[name] for name in ("lists_max_age", "install_recommends")}
        self.transaction = Transaction(self.tools, wishes, begin=self._begin, **options)

    def converge(self) -> dict[str, Any]:
        """Carry the plan out, or predict it in check mode, and return the module's result.

        Raises:
            AptError: it cannot be done.

        """
        record = Record(tuple(sorted(self.settings.files)), tuple(self.transaction.held()))
        remember = self._remember(record)
        result = {
            "changed": bool(self.changes or remember or self.transaction),
            "files": [change.path for change in self.changes],
            "foreign_sources": self.foreign,
            "migrated_sources": self.migration.migrated,
            "diff": files.diff(settings.masked([*self.changes, *remember])),
        }
        if lines := self.transaction.lines():
            result["diff"].append({"prepared": "".join(f"{line}\n" for line in lines)})
        for path, reason in self.migration.left.items():
            self.module.warn(f"{path} stays as it is, because it cannot be migrated: {reason}")
        if self.migration.changes:
            with apt_stage.staged(self.tools, self.migration.changes, check_mode=True) as stage:
                stage.check_same()
        if self.tried:
            with apt_stage.staged(self.tools, self.tried, check_mode=self.module.check_mode) as stage:
                self._try(stage)
        installed: dict[str, str] = {}
        removed: dict[str, str] = {}
        units = newcomers.Units()
        if self.module.check_mode:
            installed, removed, warning = self.transaction.predict(known=not self.tried)
            if warning:
                self.module.warn(warning)
        elif result["changed"]:
            # What is about to be made is remembered too, so that a killed run leaves nothing that is nobody's.
            both = dict.fromkeys([*self.record.files, *self.settings.files])
            self.record = replace(self.record, files=tuple(both))
            files.apply([*self._remember(self.record), *self.tried])
            installed, removed = self.transaction.execute()
            units = newcomers.find(self.tools, self.transaction.newcomers())
            if said := units.start_timers(self.tools):
                self.module.warn(said)
            files.apply(self._remember(record))
            done = [self.changes, remember, installed, removed, self.transaction.settled_holds]
            result["changed"] = any(done)  # another process may have done it meanwhile
        return {
            **result,
            "installed": installed,
            "removed": removed,
            "timers": list(units.timers),
            "waiting_units": list(units.others),
        }

    def _begin(self, news: set[str]) -> None:
        """Remember that dpkg is at work, and which new packages it brings, until all is done."""
        self.record = replace(self.record, begun=tuple(sorted(news)))
        files.apply(self._remember(self.record))

    def _try(self, stage: apt_stage.Stage) -> None:
        stage.check(self.settings.origins)
        sources = self.settings.changed_sources(self.tried)
        if sources and not self.module.check_mode:
            stage.verify(sources)
            stage.install_lists()

    @staticmethod
    def _remember(record: Record) -> list[files.Change]:
        return files.plan({settings.RECORD: record.file})
