"""The rest of a deploy, in the code of the revision that is deployed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from strata.deploy import metrics
from strata.deploy.due import due
from strata.deploy.order import stages
from strata.deploy.run import Deploy, show
from strata.deploy.runs import WRONG, Run, Runs
from strata.deploy.state import Target
from strata.errors import UsageError, nearest
from strata.repository import inventory

if TYPE_CHECKING:
    from collections.abc import Callable

    from strata.deploy.hosts import Hosts
    from strata.deploy.order import Stage
    from strata.deploy.settings import Settings
    from strata.deploy.state import HostState, Store


@dataclass(frozen=True)
class Wanted:
    """What one who calls a deploy wants of it.

    Attributes:
        check: to be told what would change.
        limit: only hosts that a pattern means.
        every: all hosts, whether a change affects them or not.

    """

    check: bool = False
    limit: str | None = None
    every: bool = False


@dataclass(frozen=True)
class Job:
    """What is deployed: the tree of a commit, by which settings, and what went wrong when it was fetched."""

    root: Path
    commit: str
    trouble: str
    settings: Settings

    @property
    def source(self) -> Path:
        """Return the inventory."""
        return self.root / self.settings.inventory


def deploy(job: Job, wanted: Wanted, store: Store, hosts: Hosts, say: Callable[[str], None]) -> bool:
    """Bring the hosts that are due to a commit, and return whether all of them are.

    Args:
        job: what is deployed.
        wanted: which hosts, and whether only to tell.
        store: what is known of hosts.
        hosts: what is done to them.
        say: gets a line for what is done.

    Raises:
        Interrupted: a signal has come.
        StrataError: a file of the repository cannot be read, or nothing can be planned.
        UsageError: no host is meant.

    """
    ordered = stages(job.root, job.source, job.settings.stages)
    states = {host: store.host(host) for stage in ordered for host in stage.hosts}
    reasons = due(job.root, job.settings.inventory, job.commit, states)
    if wanted.every:
        reasons = dict.fromkeys(states, "all are asked for") | reasons
    if not wanted.check:
        _unaffected(job, store, states, set(reasons))
    disabled = _disabled(store, say, forget=not wanted.check)
    for host in [host for host in states if host in disabled and host in reasons]:
        say(f"{host}: {disabled[host]}")
    chosen = _meant(job, wanted.limit, states) & set(reasons) - set(disabled)
    todo = [stage.only(chosen) for stage in ordered if stage.only(chosen).services]
    if wanted.check:
        show(hosts.plan([host for stage in todo for host in stage.hosts]) if todo else [], say)
        return True
    if not todo:
        say(f"{job.commit[:12]}: no host is due")
        return True
    for host in sorted(chosen):
        say(f"{host} is due: {reasons[host]}")
    return _run(job, todo, store, hosts, say)


def _run(job: Job, todo: list[Stage], store: Store, hosts: Hosts, say: Callable[[str], None]) -> bool:
    runs = Runs(store.folder)
    run = runs.begin(job.commit, job.trouble, job.settings.keep_days)
    at_work = Deploy(job.settings, store, runs, hosts, run, say)
    for stage in todo:
        at_work.stage(stage)
    runs.end(run)
    say(summary(run))
    if job.settings.metrics:
        known = store.target()
        states = {host: store.host(host) for host in (known.hosts if known else ())}
        metrics.ran(Path(job.settings.metrics), run, states, store.disabled())
    return not run.count(*WRONG)


def summary(run: Run) -> str:
    """Return the line that sums a run up."""
    results = dict.fromkeys(done.result for done in run.hosts)
    counts = ", ".join(f"{run.count(result)} {result}" for result in results)
    return f"run {run.number}: {run.revision[:12]}: {counts}; {run.seconds:.0f} s"


def _unaffected(job: Job, store: Store, states: dict[str, HostState], affected: set[str]) -> None:
    """Keep that the hosts which nothing affects are at the commit already, and which hosts there are at all."""
    store.put_target(Target(job.commit, job.settings.inventory, list(states)))
    store.keep_hosts(states)
    for host, state in states.items():
        if host not in affected and state.revision != job.commit:
            store.put_host(host, replace(state, revision=job.commit))


def _disabled(store: Store, say: Callable[[str], None], *, forget: bool) -> dict[str, object]:
    """Return the hosts that are disabled; of those that are no longer, it is said."""
    found: dict[str, object] = {}
    for host, disabled in store.disabled().items():
        if not disabled.over:
            found[host] = disabled
            continue
        say(f"{host}: no longer disabled, which it was until {disabled.until}: {disabled.reason}")
        if forget:
            store.enable(host)
    return found


def _meant(job: Job, limit: str | None, states: dict[str, HostState]) -> set[str]:
    """Return the hosts that a pattern means. Raises UsageError if it means none."""
    if limit is None:
        return set(states)
    manager = inventory.manager(job.source)
    found = {host.name for host in manager.get_hosts(limit)} & set(states)
    if not found:
        raise UsageError(f"--limit: no host matches {limit}{nearest(limit, [*states, *manager.groups])}")
    return found
