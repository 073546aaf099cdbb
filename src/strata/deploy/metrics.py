"""Runs as the node exporter reads them from files, which everybody may read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from strata.deploy.lock import now
from strata.deploy.runs import CHANGED, FAILED, HALTED, HELD_BACK, SAME, UNREACHABLE
from strata.deploy.state import write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from strata.deploy.runs import Run
    from strata.deploy.state import HostState

    Value = tuple[str, dict[str, str], float]

#: What was found out when the branch was looked at, and what the last run did.
CHECKED, RAN = "strata_deploy_checked.prom", "strata_deploy.prom"

HELP = {
    "strata_deploy_checked_timestamp_seconds": "When the branch was last looked at.",
    "strata_deploy_fetch_failed": "Whether the branch could not be fetched.",
    "strata_deploy_held": "Whether deploys are halted, or rolled back.",
    "strata_deploy_last_run_timestamp_seconds": "When the last run that had something to do ended.",
    "strata_deploy_last_run_seconds": "How long it took.",
    "strata_deploy_stage_seconds": "How long each stage of it took, as the sum of its hosts.",
    "strata_deploy_last_run_hosts": "Hosts by what it did on them.",
    "strata_deploy_host_last_success_timestamp_seconds": "When the host was last as its revision says.",
    "strata_deploy_host_failed": "Whether the host is not what is deployed.",
    "strata_deploy_host_disabled": "Whether the host is disabled.",
}


def checked(folder: Path, *, fetched: bool, held: bool) -> None:
    """Write that the branch was looked at."""
    found = {
        "strata_deploy_checked_timestamp_seconds": _time(now()),
        "strata_deploy_fetch_failed": not fetched,
        "strata_deploy_held": held,
    }
    _write(folder / CHECKED, ((name, {}, value) for name, value in found.items()))


def ran(folder: Path, run: Run, states: Mapping[str, HostState], disabled: Mapping[str, object]) -> None:
    """Write what a run did, and what is known of hosts."""
    _write(folder / RAN, _values(run, states, disabled))


def _write(path: Path, values: Iterable[Value]) -> None:
    lines: dict[str, list[str]] = {}
    for name, labels, value in values:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.setdefault(name, []).append(f"{name}{f'{{{shown}}}' if shown else ''} {float(value)!r}")
    text = ""
    for name, said in lines.items():
        text += f"# HELP {name} {HELP[name]}\n# TYPE {name} gauge\n" + "".join(f"{line}\n" for line in said)
    write(path, text, 0o644)


def _values(run: Run, states: Mapping[str, HostState], disabled: Mapping[str, object]) -> Iterator[Value]:
    yield "strata_deploy_last_run_timestamp_seconds", {}, _time(run.ended or run.began)
    yield "strata_deploy_last_run_seconds", {}, run.seconds
    for stage in dict.fromkeys(done.stage for done in run.hosts):
        seconds = sum(done.seconds for done in run.hosts if done.stage == stage)
        yield "strata_deploy_stage_seconds", {"stage": stage}, round(seconds, 1)
    for result in (SAME, CHANGED, FAILED, UNREACHABLE, HELD_BACK, HALTED):
        yield "strata_deploy_last_run_hosts", {"result": result}, run.count(result)
    for host, state in sorted(states.items()):
        if state.success:
            yield "strata_deploy_host_last_success_timestamp_seconds", {"host": host}, _time(state.success)
        yield "strata_deploy_host_failed", {"host": host}, bool(state.begun)
        yield "strata_deploy_host_disabled", {"host": host}, host in disabled


def _time(when: str) -> float:
    return datetime.fromisoformat(when).timestamp()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
