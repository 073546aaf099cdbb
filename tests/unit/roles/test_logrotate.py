"""What the role logrotate takes before logrotate sees it: root makes no files where somebody else could swap them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML

from strata.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TAKES_IT = YAML(typ="safe").load(ROOT / "roles/logrotate/vars/main.yml")["_logrotate_takes_it"]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to users, which only root can")
@pytest.mark.parametrize(
    ("owner", "options", "taken"), [(0, "daily", True), (65534, "daily", False), (65534, "su nobody adm", True)]
)
@pytest.mark.parametrize("pattern", ["my*", "my logs"])
def test_logs_in_a_folder_of_somebody_else_need_the_option_su(
    tmp_path: Path, pattern: str, owner: int, options: str, taken: bool
) -> None:
    (tmp_path / "my logs").mkdir()
    os.chown(tmp_path / "my logs", owner, -1)
    new = tmp_path / "new"
    new.write_text(f'"/var/log/none/*.log" "{tmp_path}/{pattern}/*.log" {{\n    {options}\n}}\n')
    # Without logrotate, which is not on every machine.
    script = TAKES_IT.replace("command -v logrotate", "command -v none")
    done = subprocess.run(
        ["sh", "-c", script, "sh", str(new), "/etc/logrotate.d/new"], capture_output=True, text=True, check=False
    )
    said = "" if taken else f"{tmp_path}/my logs belongs to nobody, who could lead root to any file: add the option su"
    assert (done.returncode == 0, done.stderr.startswith(said)) == (taken, True), done.stderr
