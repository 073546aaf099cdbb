"""Runs as the node exporter reads them from a file."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from strata.deploy.runs import CHANGED, FAILED, HALTED, HELD_BACK, SAME, UNREACHABLE
from strata.deploy.state import write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from strata.deploy.runs import Run
    from strata.deploy.state import HostState

HELP = {
    "strata_deploy_last_run_timestamp_seconds": "When the last run that had something to do ended.",
    "strata_deploy_last_run_seconds": "How long it took.",
    "strata_deploy_fetch_failed": "Whether the repository could not be fetched.",
    "strata_deploy_stage_seconds": "How long each stage of it took, as the sum of its hosts.",
    "strata_deploy_last_run_hosts": "Hosts by what it did on them.",
    "strata_deploy_host_last_success_timestamp_seconds": "When the host was last as its revision says.",
    "strata_deploy_host_failed": "Whether the host is not what is deployed.",
    "strata_deploy_host_disabled": "Whether the host is disabled.",
}


def publish(path: Path, run: Run, states: Mapping[str, HostState], disabled: Mapping[str, object]) -> None:
    """Write the metrics of a run, and of what is known of hosts, to a file that everybody may read."""
    lines: dict[str, list[str]] = {name: [] for name in HELP}
    for name, labels, value in _values(run, states, disabled):
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines[name].append(f"{name}{f'{{{shown}}}' if shown else ''} {value:g}")
    text = ""
    for name, values in lines.items():
        text += f"# HELP {name} {HELP[name]}\n# TYPE {name} gauge\n" + "".join(f"{line}\n" for line in values)
    write(path, text, 0o644)


def _values(
    run: Run, states: Mapping[str, HostState], disabled: Mapping[str, object]
) -> Iterator[tuple[str, dict[str, str], float]]:
    yield "strata_deploy_last_run_timestamp_seconds", {}, _time(run.ended or run.began)
    yield "strata_deploy_last_run_seconds", {}, run.seconds
    yield "strata_deploy_fetch_failed", {}, bool(run.trouble)
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
