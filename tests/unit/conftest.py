"""Make library/ and module_utils/ importable as they are on a host."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import ansible.module_utils
import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from strata.warm import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]

sys.path.insert(0, str(ROOT / "library"))
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
# What hosts of tests say must not get into the cache of this checkout, from which known_hosts are made.
os.environ["ANSIBLE_CACHE_PLUGIN"] = "memory"
# What hypothesis keeps for itself stays out of the checkout; a machine that is busy is no failure.
set_hypothesis_home_dir(ROOT / ".strata" / "hypothesis")
settings.register_profile("strata", deadline=None, database=None)
settings.load_profile("strata")


def pytest_configure(config: pytest.Config) -> None:
    """Have tests find an `ansible-playbook` that starts sooner."""
    stack = ExitStack()
    config.add_cleanup(stack.close)
    os.environ.update(stack.enter_context(environment(os.environ["PATH"])))


@pytest.fixture
def nest() -> Iterator[Callable[[Path, int], Path]]:
    """Make a folder with so many folders in each other that Python's own means, which recurse, would give up."""
    made = []

    def make(top: Path, levels: int) -> Path:
        made.append(top)
        deepest = str(top)
        os.mkdir(deepest)  # noqa: PTH102 - pathlib recurses too
        for _ in range(levels - 1):
            deepest += "/d"
            os.mkdir(deepest)  # noqa: PTH102
        return Path(deepest)

    yield make
    subprocess.run(["rm", "-rf", *made], check=True)
