"""The checks of new contents, before anything is changed."""

import shlex
import sys
from pathlib import Path

import pytest
from ansible.module_utils.strata.trees.declared import TreeError

from .sample import bring


def check(pattern: str, code: str) -> dict[str, object]:
    return {"validate": [{"pattern": pattern, "command": f"{sys.executable} -c {shlex.quote(code)} %s"}]}


def test_a_refused_content_changes_nothing(tmp_path: Path, state: Path) -> None:
    dest = tmp_path / "dest"
    with pytest.raises(TreeError) as caught:
        bring(dest, "A", **check("f*", "import sys; sys.exit(sys.argv[1] + ' is bad')"))
    assert str(caught.value).startswith(f"the tree {dest} of here: {dest}/f\\xff is refused by {sys.executable} -c ")
    assert str(caught.value).endswith(f": {dest}/f\\udcff is bad")
    assert not dest.exists()
    assert not state.exists()


def test_a_content_is_validated_under_its_name(tmp_path: Path) -> None:
    code = "import os, sys; assert (os.path.basename(sys.argv[1]), open(sys.argv[1]).read()) == ('f\\udcff', 'A')"
    assert bring(tmp_path, "A", **check("*", code))["changed"]


def test_only_what_matches_is_validated(tmp_path: Path) -> None:
    assert bring(tmp_path, "A", **check("*.json", "raise SystemExit(1)"))["changed"]


def test_a_validator_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="cannot be validated by no-such-program %s: No such file"):
        bring(tmp_path, "A", validate=[{"pattern": "*", "command": "no-such-program %s"}])
