"""One run: the hosts that are due, stage by stage, each planned, applied where its plan differs, and planned again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from strata import processes
from strata.deploy.lock import now
from strata.deploy.order import batches
from strata.deploy.runs import CHANGED, FAILED, HALTED, HELD_BACK, SAME, UNREACHABLE, Done
from strata.errors import StrataError
from strata.plan.text import lines, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from strata.deploy.hosts import Hosts
    from strata.deploy.order import Stage
    from strata.deploy.runs import Run, Runs
    from strata.deploy.settings import Settings
    from strata.deploy.state import Store
    from strata.plan.result import HostPlan


@dataclass
class Deploy:
    """A run at work: what it keeps, and what it does to hosts."""

    settings: Settings
    store: Store
    runs: Runs
    hosts: Hosts
    run: Run
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        """Make what its threads share."""
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(self.settings.at_once)

    def stage(self, stage: Stage) -> None:
        """Bring the hosts of a stage to the run's revision; one service does not wait for another.

        Raises:
            Interrupted: a signal has come.
            StrataError: nothing can be planned.

        """
        if self._halted():
            for service, hosts in stage.services.items():
                for host in hosts:
                    self._end(Done(host, stage.name, service, HALTED, message="the deploy was halted"))
            return
        plans = {each.host: each for each in self.hosts.plan(stage.hosts)}
        with ThreadPoolExecutor(len(stage.services)) as pool:
            done = [
                pool.submit(self._service, stage.name, service, hosts, plans)
                for service, hosts in stage.services.items()
            ]
        for each in done:
            each.result()

    def _service(self, stage: str, service: str, hosts: Sequence[str], plans: Mapping[str, HostPlan]) -> None:
        """Bring the hosts of a service to the revision, few at a time, until one has failed."""
        # A host without a change is done first: it says nothing of whether the change is a good one.
        differing = [host for host in hosts if not is_empty(plans[host])]
        for host in [host for host in hosts if host not in differing]:
            self._end(Done(host, stage, service, SAME, plans[host].seconds))
        failed = ""
        for batch in batches(differing, self.settings.serial):
            if failed:
                for host in batch:
                    self._end(Done(host, stage, service, HELD_BACK, message=f"{failed} failed, of the same service"))
                continue
            with ThreadPoolExecutor(len(batch)) as pool:
                done = list(pool.map(lambda host: self._host(stage, service, host, plans[host]), batch))
            failed = next((each.host for each in done if each.result == FAILED), "")

    def _host(self, stage: str, service: str, host: str, plan: HostPlan) -> Done:
        with self._free:
            start = time.monotonic()
            processes.check()
            if self._halted():
                done = Done(host, stage, service, HALTED, message="the deploy was halted")
            elif is_unreachable(plan):
                done = Done(host, stage, service, UNREACHABLE, message=plan.wrong)
            else:
                done = self._apply(Done(host, stage, service, SAME))
            return self._end(replace(done, seconds=round(time.monotonic() - start, 1)))

    def _apply(self, done: Done) -> Done:
        """Apply the revision to a host, and ask for its plan again, which must be empty."""
        state = self.store.host(done.host)
        self.store.put_host(done.host, replace(state, begun=self.run.revision, message="a run did not come to its end"))
        try:
            applied = self.hosts.apply(done.host, self.runs.log(self.run.number, done.host))
            done = replace(done, result=CHANGED if applied.changed else SAME, changed=applied.changed)
            if applied.wrong:
                return replace(done, result=UNREACHABLE if applied.unreachable else FAILED, message=applied.wrong)
            (after,) = self.hosts.plan([done.host])
        except (StrataError, OSError) as error:
            return replace(done, result=FAILED, message=str(error))
        if is_unreachable(after):
            return replace(done, result=UNREACHABLE, message=after.wrong)
        if after.failed or after.having("change"):
            return replace(done, result=FAILED, message=f"its plan is not empty after the run: {remaining(after)}")
        return done

    def _end(self, done: Done) -> Done:
        """Keep and say what became of a host."""
        revision, old = self.run.revision, self.store.host(done.host)
        if done.result in {SAME, CHANGED}:
            state = replace(old, revision=revision, begun="", success=now(), message="")
        else:
            state = replace(old, begun=revision, message=done.message)
            state = replace(state, failure=now()) if done.result == FAILED else state
        with self._lock:
            self.store.put_host(done.host, state)
            self.runs.add(self.run, done)
            told = f": {len(done.changed)} changes" if done.changed else ""
            told += f": {printable(done.message)}" if done.message else ""
            self.say(f"{done.stage}: {done.host}: {done.result}{told} ({done.seconds:.1f} s)")
        return done

    def _halted(self) -> bool:
        hold = self.store.hold()
        return hold is not None and not hold.revision


def is_empty(plan: HostPlan) -> bool:
    """Return whether a plan is there, and nothing is to do."""
    return not plan.wrong and not plan.findings


def is_unreachable(plan: HostPlan) -> bool:
    """Return whether a host could not be reached."""
    return plan.wrong.startswith("unreachable")


def remaining(plan: HostPlan) -> str:
    """Return the first thing that a plan would still change, or what is wrong."""
    return plan.wrong or next(f"{each.role}: {each.name}" for each in plan.having("failed", "change"))


def show(plans: Sequence[HostPlan], say: Callable[[str], None]) -> None:
    """Say what would be changed."""
    for line in lines(plans):
        say(line)
