"""Fixtures for the tests of the firewall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plays import Run


@pytest.fixture
def rerun(converge: Callable[..., Run]) -> Iterator[Callable[..., Run]]:
    """Run the role alone, with other values of its variables; afterwards with those of molecule.yml."""

    def run(*flags: str, **values: Any) -> Run:
        return converge("--skip-tags=apt", *flags, **values)

    yield run
    assert run().rc == 0
