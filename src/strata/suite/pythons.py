"""The interpreters that unit tests run on."""

import sys

from strata.paths import STATE


def other_pythons() -> list[str]:
    """Return the versions of the usable interpreters but the one that runs this, newest first."""
    found = [line.split()[0] for line in (STATE / "pythons").read_text().splitlines()]
    return [version for version in found if version != f"{sys.version_info.major}.{sys.version_info.minor}"]


def unit_parts() -> list[str]:
    """Return the names of the parts of the suite that run unit tests: on this interpreter, and on the oldest other."""
    return ["unit", *(f"unit-{version}" for version in other_pythons()[-1:])]
