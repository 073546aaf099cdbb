"""`strata test`."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

import click

from strata.errors import UsageError
from strata.paths import REPORTS, ROOT
from strata.processes import interruptible
from strata.sandbox.podman import require
from strata.suite import soak as soaking
from strata.suite.cases import Count
from strata.suite.parts import all_parts
from strata.suite.run import PartResult, run, run_again
from strata.suite.tally import Tally, tally
from strata.tables import show
from strata.vendored.local import before_others, working_copies
from strata.vendored.roles import VendoredRoles

#: How often failure tests are repeated by default.
SOAK_TIMES = 20


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--slowest", type=click.IntRange(min=1), metavar="N", help="In the end, show the N slowest cases.")
@click.option("--repeat", type=click.IntRange(min=1), metavar="N", help="Run the parts NAME N times; with --soak, 20.")
@click.option("--soak", is_flag=True, help="Repeat the failure tests of all roles, or of the roles NAME, instead.")
@click.option("--each-system", is_flag=True, help="Try each case on all systems, also what says the same on each.")
@click.option("--with", "given", metavar="NAME=PATH", multiple=True, help="Try a working copy in place of a module.")
def command(
    names: tuple[str, ...],
    slowest: int | None,
    repeat: int | None,
    soak: bool,
    each_system: bool,
    given: tuple[str, ...],
) -> None:
    """Run the tests, or the parts NAME: lint, unit, sandbox, or the name of a role.

    Reports (JUnit XML) and logs are left in .strata/reports. With CI set, a skipped test is a failure. A case that
    passes in one round of --repeat and fails in another is flaky, and a failure. SIGINT and SIGTERM end the tests
    within 10 seconds; the hosts of what was not finished are removed.
    """
    if slowest and soak:
        raise UsageError("--soak shows how long each case takes: leave --slowest out")
    if repeat and not soak and not names:
        raise UsageError("--repeat runs parts again and again: name them, as in `strata test --repeat 5 httpd`")
    with interruptible(), ExitStack() as stack:
        if given:
            copies = working_copies(given, VendoredRoles(ROOT / "modules.env").entries)
            os.environ["ANSIBLE_ROLES_PATH"] = stack.enter_context(before_others(copies, ROOT))
        if each_system:
            os.environ["STRATA_EACH_SYSTEM"] = "1"
        code = _soak(_choose(names, soaking.roles()), repeat or SOAK_TIMES) if soak else _test(names, repeat, slowest)
    sys.exit(code)


def _test(names: Sequence[str], repeat: int | None, slowest: int | None) -> int:
    """Run all parts, or those named, and return the exit code: 0 if all passed."""
    parts = all_parts()
    names = tuple(_choose(names, [part.name for part in parts]))
    chosen = [part for part in parts if part.name in names]
    if any(part.sandboxes for part in chosen):
        require()
    if repeat:
        rounds = run_again(chosen, repeat, click.echo)
        code = _show_tally(tally(rounds), repeat)
    else:
        rounds = [run(chosen, click.echo)]
        code = _show_results(rounds[0])
    if slowest:
        _show_slowest([result for results in rounds for result in results], slowest)
    return code


def _show_results(results: Sequence[PartResult]) -> int:
    show(
        ("part", "passed", "failed", "skipped", "seconds"),
        (
            (each.part.name, each.count.passed, len(each.count.failures), each.count.skipped, f"{each.seconds:.0f}")
            for each in results
        ),
    )
    total = sum((each.count for each in results), Count())
    for failure in total.failures:
        click.echo(f"FAILED {failure}")
    click.echo(str(total))
    return 1 if total.failures else 0


def _show_tally(cases: Sequence[Tally], times: int) -> int:
    """Show which cases did not pass in each round; a case that was skipped there is none of them."""
    wrong = [case for case in cases if case.outcome != "passed"]
    if wrong:
        show(
            ("part", "case", "host", "passed", "outcome"),
            ((case.part, case.name, case.host, f"{case.passed} of {times}", case.outcome) for case in wrong),
        )
    flaky = sum(case.outcome == "flaky" for case in wrong)
    good = f"{sum(case.passed == times for case in cases)} of {len(cases)} cases passed {times} of {times} times"
    click.echo(f"{good}, {len(wrong) - flaky} failed, {flaky} flaky")
    return 1 if wrong or not cases else 0


def _show_slowest(results: Sequence[PartResult], number: int) -> None:
    cases = [(case, each.part.name) for each in results for case in each.cases]
    cases.sort(key=lambda entry: entry[0].seconds, reverse=True)
    click.echo("slowest cases:")
    show(
        ("part", "seconds", "host", "case"),
        ((part, f"{case.seconds:.1f}", case.host, case.name) for case, part in cases[:number]),
    )


def _choose(names: Sequence[str], known: list[str]) -> list[str]:
    """Return those of the known names that were asked for; all if none was."""
    for name in names:
        if name not in known:
            raise UsageError(f"there is no part {name!r}: choose from {', '.join(known)}")
    return [name for name in known if not names or name in names]


def _soak(roles: list[str], times: int) -> int:
    """Repeat the failure tests of roles, and return the exit code: 0 if each passed each time."""
    require()
    start = time.monotonic()
    results = soaking.soak_all(roles, times)
    show(
        ("role", "case", "host", "passed", "median seconds"),
        (
            (role, case.name, case.host, f"{case.passed} of {case.times}", f"{case.seconds:.0f}")
            for role, cases in zip(roles, results, strict=True)
            for case in cases
        ),
    )
    failed = [case for cases in results for case in cases if case.passed < case.times]
    total = [sum(getattr(case, what) for cases in results for case in cases) for what in ("passed", "times")]
    seconds = time.monotonic() - start
    click.echo(f"{total[0]} of {total[1]} passed ({seconds:.0f} s); logs: {os.path.relpath(REPORTS)}/soak-*.log")
    return 1 if failed else 0
