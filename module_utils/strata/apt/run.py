"""Apt as a whole on a host: its settings, then its packages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files, quiet
from ansible.module_utils.strata.apt import architectures, migrate, newcomers, policy, settings
from ansible.module_utils.strata.apt.declared import parse_packages, parse_settings
from ansible.module_utils.strata.apt.record import Begun, Record
from ansible.module_utils.strata.apt.stage import staged
from ansible.module_utils.strata.apt.tools import Tools
from ansible.module_utils.strata.apt.transaction import Transaction

if TYPE_CHECKING:
    from ansible.module_utils.strata.apt.declared import Settings
    from ansible.module_utils.strata.quiet import QuietModule


def converge(module: QuietModule) -> dict[str, Any]:
    """Bring this host to the declared state, or predict that in check mode; return the module's result.

    Raises:
        StrataError: it cannot be done.

    """
    tools = Tools(module.run, module.params["lock_timeout"])
    try:
        return _converge(module, tools)
    finally:
        for whom, seconds in tools.waited.items():
            module.warn(f"waited {seconds:.0f} s for {whom}")


def _converge(module: QuietModule, tools: Tools) -> dict[str, Any]:
    declared, wishes = parse_settings(module.params), parse_packages(module.params)
    record = Record.read()
    begun = Begun(record)
    foreign = settings.foreign_sources(declared, record)
    purged = foreign if module.params["purge"] else []
    migration = migrate.Migration()
    if module.params["migrate"] and foreign and not purged:
        migration = migrate.plan(tools, declared)
    tried = settings.plan(declared, record, purged) + migration.changes
    changes = tried + policy.left_behind()
    transaction = Transaction(tools, wishes, begin=begun.note, owned=record.held, begun=begun.packages)
    beside = architectures.plan(tools, module.params["architectures"], record.architectures, *transaction.staying())
    after = Record(tuple(sorted(declared.files)), tuple(transaction.held()), tuple(beside.own))
    written = [*changes, *after.changes()]
    waiting = newcomers.remembered(tools)
    owed = [] if begun.packages is None else ["a transaction that did not end"]

    for path, reason in migration.left.items():
        module.warn(f"{path} stays as it is, because it cannot be migrated: {reason}")
    if migration.changes:
        with staged(tools, migration.changes, check_mode=True) as stage:
            stage.check_same()
    if tried:
        _try(module, tools, declared, tried)
    installed: dict[str, str] = {}
    removed: dict[str, str] = {}
    units = newcomers.Units()
    if module.check_mode:
        installed, removed, warning = transaction.predict(known=not (tried or beside.add))
    elif written or owed or transaction or beside.lines():
        if begun.packages is not None:
            begun.note(begun.packages)
        # What is about to be made is remembered too, so that a killed run leaves nothing that is nobody's.
        both = replace(
            record,
            files=tuple(dict.fromkeys([*record.files, *declared.files])),
            architectures=tuple(sorted({*record.architectures, *beside.own})),
        )
        files.apply([*both.changes(), *tried])
        architectures.apply(tools, "add", beside.add)
        installed, removed = transaction.execute()
        architectures.apply(tools, "remove", beside.remove)
        units = newcomers.find(tools, transaction.newcomers())
        warning = units.start_timers(tools)
        newcomers.remember([*waiting, *units.others])
        files.apply(after.changes())
        begun.end()
    else:
        warning = ""
    for each in filter(None, [*dict.fromkeys(transaction.warnings), warning, newcomers.warning(waiting)]):
        module.warn(each)
    # Another process may have done it meanwhile: the transaction knows now.
    packages = beside.lines() + owed + transaction.changes
    shown = files.diff(settings.masked(written))
    if packages:
        shown.append({"prepared": "".join(f"{line}\n" for line in packages)})
    return quiet.result(
        [*(change.path for change in written), *packages],
        shown,
        files=[change.path for change in changes],
        foreign_sources=foreign,
        migrated_sources=migration.migrated,
        installed=installed,
        removed=removed,
        timers=list(units.timers),
        waiting_units=sorted({*waiting, *units.others}),
    )


def _try(module: QuietModule, tools: Tools, declared: Settings, changes: list[files.Change]) -> None:
    """Let apt read the changed settings in a copy, and fetch the lists of changed sources there."""
    with staged(tools, changes, check_mode=module.check_mode) as stage:
        stage.check(declared.origins)
        sources = declared.changed_sources(changes)
        if sources and not module.check_mode:
            stage.verify(sources)
            stage.install_lists()
