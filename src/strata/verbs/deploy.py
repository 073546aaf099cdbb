"""`strata deploy`."""

import sys
from pathlib import Path

import click

from strata import processes
from strata.deploy import begin, lock, metrics, settings
from strata.deploy.begin import Handed
from strata.deploy.source import Source
from strata.deploy.state import Hold, Store
from strata.errors import UsageError
from strata.paths import ROOT


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; say what would change.")
@click.option("--limit", metavar="PATTERN", help="Only these hosts, as Ansible reads it.")
@click.option("--all", "every", is_flag=True, help="All hosts, whether a change affects them or not.")
@click.option("--rewritten", is_flag=True, help="Take a branch that does not descend from what is deployed.")
@click.option(
    "--rollback", metavar="REV", help="Deploy this revision of the branch until --resume, after showing what it makes."
)
@click.option("--yes", is_flag=True, help="With --rollback: do not ask.")
@click.option("--halt", is_flag=True, help="Begin with no further host, now and in later runs, until --resume.")
@click.option("--resume", is_flag=True, help="End a --halt or --rollback, and deploy the branch.")
def command(
    check: bool,
    limit: str | None,
    every: bool,
    rewritten: bool,
    rollback: str | None,
    yes: bool,
    halt: bool,
    resume: bool,
) -> None:
    """Bring the hosts that merged changes affect to the branch's newest revision.

    Hosts are planned in one remote call each, and Ansible runs only where a plan says that something differs. What is
    deployed says .strata/deploy.yml, or the file that STRATA_DEPLOY_SETTINGS names. The exit code is 1 if a host is not
    as it should be, the branch could not be fetched, or another deploy is at work.
    """
    if sum(map(bool, (halt, resume, rollback, check))) > 1:
        raise UsageError("--halt, --resume, --rollback and --check exclude each other")
    known = settings.read()
    store = Store(known.folder)
    if halt:
        _halt(store)
        return
    told = begin.handed()
    with lock.held(known.folder, told.lock if told else None) as descriptor:
        source = begin.source_of(known)
        if told:
            begin.check_tree(source, told.commit)
            sys.exit(0 if _deploy(told, known, store, check, limit, every) else 1)
        if resume:
            store.put_hold(None)
        commit, trouble = begin.resolve(source, store, rewritten=rewritten, say=_warn)
        if rollback:
            commit = _rollback(source, store, known, rollback, commit, ask=not yes)
        hold = store.hold()
        if hold:
            _warn(f"{hold}")
        if known.metrics:
            metrics.checked(Path(known.metrics), fetched=not trouble, held=bool(hold))
        if (hold and not hold.revision and not check) or (not every and begin.is_done(store, commit, known.inventory)):
            click.echo(f"{commit[:12]}: nothing to do")
            sys.exit(1 if trouble else 0)
        tree = source.tree(commit)
        options = [name for name, wanted in (("--check", check), ("--all", every)) if wanted]
        options += ["--limit", limit] if limit is not None else []
        begin.hand_over(tree, known.program, Handed(commit, trouble, descriptor), options)


def _warn(text: str) -> None:
    click.echo(f"strata: {text}", err=True)


def _halt(store: Store) -> None:
    store.put_hold(Hold("", lock.now(), lock.who()))
    at_work = lock.at_work(store.folder)
    click.echo("halted: the hosts that are being done are the last ones" if at_work else "halted: no deploy is at work")


def _rollback(source: Source, store: Store, known: settings.Settings, revision: str, commit: str, *, ask: bool) -> str:
    """Show what going back to a revision makes of hosts, and deploy it from now on. Raises Abort if nobody wants it."""
    wanted = source.revision(revision)
    tree = source.tree(commit)
    inventory = str(tree / known.inventory)
    program, environment = begin.strata_of(tree, known.program)
    processes.run([program, "catalog", "diff", f"{commit}..{wanted}", "-i", inventory], cwd=tree, env=environment)
    if ask:
        click.confirm(f"Deploy {wanted[:12]} until `strata deploy --resume`?", abort=True)
    store.put_hold(Hold(wanted, lock.now(), lock.who()))
    return wanted


def _deploy(told: Handed, known: settings.Settings, store: Store, check: bool, limit: str | None, every: bool) -> bool:
    """Do the rest, as the code of the revision that is deployed."""
    from strata.deploy.deploy import Job, Wanted, deploy  # noqa: PLC0415 - slow, and not needed without a change
    from strata.deploy.hosts import hosts  # noqa: PLC0415 - likewise

    job = Job(ROOT, told.commit, told.trouble, known)
    those = hosts(ROOT, job.source, job.commit, known.at_once, known.host_seconds)
    begin.bring_roles(_warn)
    well = deploy(job, Wanted(check, limit, every), store, those, click.echo)
    if not check:  # so that a revision whose own code is broken does not keep the next one away
        begin.source_of(known).lead(told.commit)
    return well and not told.trouble
