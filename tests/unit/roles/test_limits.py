"""Which lines of other files take the place of declared limits, as pam_limits reads them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

VARS = Path(__file__).parents[3] / "roles/limits/vars/main.yml"
OWN = "# Strata keeps this file.\ngames - nofile 321\ngames soft core 0\n@web hard nproc unlimited\n"


@pytest.mark.parametrize(
    ("file", "line", "wins"),
    [
        ("limits.d/zz.conf", "games hard nofile 5 # theirs", True),
        ("limits.d/zz.conf", "games\t-\tCore\t1", True),
        ("limits.d/zz.conf", "@web - nproc -1", False),
        ("limits.d/zz.conf", "@web soft nproc 5", False),
        ("limits.d/zz.conf", "games - nofile 321", False),
        ("limits.d/zz.conf", "* - nofile 5", False),
        ("limits.d/zz.conf", "# games - nofile 5", False),
        ("limits.d/zz.limits", "games - nofile 5", False),
        ("limits.d/10.conf", "games - nofile 5", False),
        ("limits.d/Z.conf", "games - nofile 5", False),
        ("limits.conf", "games - nofile 5", False),
        ("limits.conf", "games -", True),
        ("limits.conf", "other -", False),
    ],
)
def test_what_wins_is_told_with_file_and_line(tmp_path: Path, file: str, line: str, wins: bool) -> None:
    (tmp_path / "limits.d").mkdir()
    (tmp_path / "limits.d/strata.conf").write_text(OWN)
    (tmp_path / file).write_text(f"# theirs\n{line}\n")
    script = yaml.safe_load(VARS.read_text())["_limits_are_in_force"].replace("/etc/security", str(tmp_path))
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    told = f'{tmp_path}/{file}:2: "{line}" wins over limits_rules: remove it there, or declare the same\n'
    assert (done.stdout, done.returncode) == ((told, 1) if wins else ("", 0))
    assert not done.stderr
