"""Work that is done beside other work, and what is said and removed when a signal ends it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from strata.errors import StrataError
from strata.processes import Interrupted, check
from strata.progress import unfinished
from strata.sandbox.hosts import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

R = TypeVar("R")


def work_beside(
    works: Mapping[str, Callable[[], R]],
    at_once: int,
    say: Callable[[str], None],
    sandboxes: Callable[[str], Iterable[str]],
) -> list[R]:
    """Do works beside each other, and return their results in order.

    Args:
        works: what is to be done, by its name.
        at_once: how many are done at the same time.
        say: gets what is to be told when a signal comes.
        sandboxes: gives the names of the sandboxes that a work boots.

    Raises:
        Interrupted: a signal has come. What was not finished is told, and its hosts are removed.

    """
    begun: set[str] = set()
    done: set[str] = set()

    def do(name: str) -> R:
        check()
        begun.add(name)
        result = works[name]()
        done.add(name)
        return result

    try:
        with ThreadPoolExecutor(max_workers=at_once) as pool:
            return list(pool.map(do, works))
    except Interrupted:
        broken_off = [name for name in works if name in begun - done]
        say(unfinished(broken_off, [name for name in works if name not in begun]))
        _remove([sandbox for name in broken_off for sandbox in sandboxes(name)], say)
        raise


def _remove(sandboxes: list[str], say: Callable[[str], None]) -> None:
    def remove(name: str) -> None:
        try:
            Sandbox(name).down()
        except StrataError as error:
            say(f"the sandbox {name} is not removed: {error}; `bin/strata down --all` removes it")

    if sandboxes:
        with ThreadPoolExecutor(max_workers=len(sandboxes)) as pool:
            list(pool.map(remove, sandboxes))
