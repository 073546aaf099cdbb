"""A declared Gerrit, made of a few parameters, and what git reads of one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata.gerrit import declared, host

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ansible.module_utils.strata.gerrit.config import Entry


@pytest.fixture
def made(tmp_path: Path) -> Any:
    """Declare a site whose folder is there."""

    def make(**given: Any) -> declared.Site:
        (tmp_path / "site").mkdir(exist_ok=True)
        params = {"site": f"{tmp_path}/site", "user": "gerrit", "java": "java", "unit": "[Service]\n", "patience": 1}
        params |= {"config": {}, "secure_config": {}, "plugin_configs": {}, "files": [], "plugins": [], "libs": []}
        return declared.unpack({**params, "war": {"url": None, "sha256": "0" * 64}, **given}, 1, 2)

    return make


@pytest.fixture
def present() -> Callable[[declared.Site], dict[str, list[Entry]]]:
    """Return the lines of a site's configuration files, as git reads them."""

    def run(command: Sequence[str], data: bytes = b"", **_: str) -> tuple[int, str, str]:
        done = subprocess.run(command, input=data.decode(), capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    return lambda site: host.read_configs(run, site)
