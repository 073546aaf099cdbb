"""Fixtures for the tests of Apache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host

SCENARIO = Path(__file__).parents[3] / "molecule" / "httpd" / "molecule.yml"


@pytest.fixture(scope="session")
def declared() -> dict[str, Any]:
    """The values that the scenario gives the role's parameters."""
    return yaml.safe_load(SCENARIO.read_text())["provisioner"]["inventory"]["group_vars"]["targets"]


@pytest.fixture
def original_configuration(host: Host) -> Iterator[None]:
    """Restore all of Apache's configuration after the test."""
    host.check_output("tar -C /etc -cf /run/apache2.tar apache2 logrotate.d")
    yield
    host.check_output(
        "rm -r /etc/apache2 /etc/logrotate.d && tar -C /etc -xf /run/apache2.tar && systemctl restart apache2"
    )


@pytest.fixture
def untouched(fingerprint: Callable[[], dict[str, str]]) -> Iterator[None]:
    """Assert that the test touched nothing at all on the host."""
    before = fingerprint()
    yield
    assert fingerprint() == before
