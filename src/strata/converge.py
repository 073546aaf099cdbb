"""Applying site.yml: one ansible-playbook for each kind of host, all at the same time."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from strata.errors import UsageError, nearest
from strata.paths import BIN, ROOT
from strata.processes import Interrupted
from strata.progress import unfinished
from strata.repository import inventory
from strata.repository.checkout import Repository
from strata.repository.plays import assignments

#: Tags that Ansible itself gives a meaning.
OF_ANSIBLE = ("all", "always", "never", "tagged", "untagged")

#: What ansible-playbook prints under the plays of other kinds of host.
NOT_FOR_US = "skipping: no hosts matched"

#: What it prints over the results of a task, and of a host of which there is nothing else to say; in color or not.
HEADING = re.compile(r"(\x1b\[[\d;]*m)?(TASK|RUNNING HANDLER) \[")
HOST = re.compile(r"(?P<said>(\x1b\[[\d;]*m)?\w+): \[(?P<hosts>[^]]+)\](?P<end>(\x1b\[[\d;]*m)?)")


@dataclass(frozen=True)
class Options:
    """What to apply, and how: as ansible-playbook's options of the same names."""

    source: Path
    limit: str | None = None
    tags: str | None = None
    check: bool = False
    diff: bool = False
    verbose: int = 0


@dataclass
class Outcome:
    """What a run did on one host; `seconds` is the time of the host's whole play."""

    host: str
    play: str
    seconds: float
    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: bool = False
    calls: int = 0


@dataclass
class _Run:
    """One ansible-playbook, for the hosts of one play."""

    play: str
    hosts: list[str]
    code: int | None = None
    seconds: float = 0
    outcomes: list[Outcome] = field(default_factory=list)


def converge(options: Options) -> tuple[bool, list[Outcome]]:
    """Apply site.yml and return whether all went well, and the outcome on each host.

    Raises:
        Interrupted: a signal has come; what was unfinished is told.
        UsageError: there is no such inventory, no host matches the limit, no role has a tag, or a host is in no play or
            in several.
        BrokenFileError: the inventory or site.yml cannot be read.

    """
    check_tags(options)
    runs = [_Run(play, hosts) for play, hosts in hosts_by_play(options).items()]
    width = max(len(run.play) for run in runs)
    lock = threading.Lock()
    threads = [threading.Thread(target=_play, args=(run, options, width, len(runs) > 1, lock)) for run in runs]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except Interrupted:  # ansible-playbook gets the signal too, and ends
        for thread in threads:
            thread.join()
        cut = [run.play for run in runs if run.code != 0 and not run.outcomes]
        click.echo(f"{unfinished(cut, [])}; the next run does what this one owes", err=True)
        raise
    outcomes = sorted((outcome for run in runs for outcome in run.outcomes), key=lambda outcome: outcome.host)
    return all(run.code == 0 for run in runs), outcomes


def hosts_by_play(options: Options) -> dict[str, list[str]]:
    """Return the hosts that the options choose, by the name of their play.

    Raises:
        UsageError: as `converge`.

    """
    plays = assignments(ROOT, options.source)
    hosts = sorted(plays)
    if options.limit:
        manager = inventory.manager(options.source)
        known = [*plays, *manager.groups]
        matching = {found.name for found in manager.get_hosts(options.limit)}
        hosts = [host for host in hosts if host in matching]
    if not hosts:
        hint = nearest(options.limit, known) if options.limit else ""
        raise UsageError(f"{options.source}: no host matches {options.limit or 'anything'}{hint}")
    for host in hosts:
        if len(names := plays[host]) != 1:
            where = f"in {len(names)} plays ({', '.join(names)})" if names else "in no play"
            raise UsageError(f"site.yml: {host} is {where}, and must be in exactly one, or left out by --limit")
    grouped: dict[str, list[str]] = {}
    for host in hosts:
        grouped.setdefault(plays[host][0], []).append(host)
    return grouped


def check_tags(options: Options) -> None:
    """Check that each tag is a role's, with which ansible-playbook would do nothing and be content otherwise.

    Raises:
        UsageError: one is not.

    """
    given = [tag.strip() for tag in (options.tags or "").split(",") if tag.strip()]
    roles = Repository(ROOT).known_roles.keys()
    for tag in given:
        if tag not in {*roles, *OF_ANSIBLE}:
            hint = nearest(tag, roles) or f": roles are {', '.join(sorted(roles))}"
            raise UsageError(f"--tags: no role is called {tag!r}{hint}")


def _play(run: _Run, options: Options, width: int, prefixed: bool, lock: threading.Lock) -> None:
    """Run ansible-playbook for one play and print what it says, marked with the play if there are more.

    That is what changed and what failed, task by task, or all that Ansible says, line by line.
    """
    command = [str(BIN / "ansible-playbook"), "-i", str(options.source), "site.yml"]
    command += ["--limit", ",".join(run.hosts)]
    command += ["--tags", options.tags] if options.tags else []
    command += [flag for flag, wanted in (("--check", options.check), ("--diff", options.diff)) if wanted]
    command += [f"-{'v' * options.verbose}"] if options.verbose else []
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.json"
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "STRATA_RUN_RECORD": str(record)}
        if not options.verbose:
            environment["ANSIBLE_STDOUT_CALLBACK"] = "brief"
        if sys.stdout.isatty():
            environment["ANSIBLE_FORCE_COLOR"] = "1"
        start = time.monotonic()
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            said = ([line] for line in own_lines(process.stdout)) if options.verbose else tasks(process.stdout)
            for lines in said:
                with lock:
                    for line in lines:
                        click.echo(f"{run.play:<{width}} | {line}" if prefixed else line)
        run.code = process.returncode
        run.seconds = time.monotonic() - start
        if record.exists():
            run.outcomes = list(_outcomes(run, json.loads(record.read_text())))


def own_lines(stream: Iterable[str]) -> Iterator[str]:
    """Give the lines of ansible-playbook without the headings of plays that have none of the hosts."""
    held: list[str] = []
    for raw in stream:
        line = raw.rstrip("\n")
        if NOT_FOR_US in line:
            held = []
        elif line.startswith("PLAY [") or (held and not line):
            held.append(line)
        else:
            yield from held
            held = []
            yield line
    yield from held


def tasks(stream: Iterable[str]) -> Iterator[list[str]]:
    """Give the lines of each task together, without empty ones; hosts that nothing else is said of share a line."""
    task: list[str] = []
    for raw in stream:
        line = raw.rstrip()
        if HEADING.match(line):
            if task:
                yield task
            task = []
        alone, before = HOST.fullmatch(line), HOST.fullmatch(task[-1]) if task else None
        if alone and before and alone["said"] == before["said"]:
            hosts = sorted([*before["hosts"].split(", "), alone["hosts"]])
            task[-1] = f"{before['said']}: [{', '.join(hosts)}]{alone['end']}"
        elif line:
            task.append(line)
    if task:
        yield task


def _outcomes(run: _Run, record: dict[str, Any]) -> Iterator[Outcome]:
    found = {host: Outcome(host, run.play, run.seconds) for host in run.hosts}
    for play in record["plays"]:
        for host, did in play["hosts"].items():
            outcome = found[host]
            outcome.ok += did["ok"]
            outcome.changed += len(did["changed"])
            outcome.failed += len(did["failed"])
            outcome.calls += did["calls"]
            outcome.unreachable |= did["unreachable"]
    yield from found.values()
