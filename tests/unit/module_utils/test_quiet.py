"""What a module's commands get: nothing to read that they are not given, and one umask, whatever logins have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.strata import paths
from ansible.module_utils.strata.quiet import QuietModule

MODULE = """
import json, sys
import ansible.module_utils
ansible.module_utils.__path__.append(sys.argv[1])
from ansible.module_utils import basic
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = json.dumps({"ANSIBLE_MODULE_ARGS": {}}).encode(), "legacy"
from ansible.module_utils.strata.quiet import QuietModule
print(QuietModule(argument_spec={}).run_command(sys.argv[2:], data=b"", binary_data=True))
"""
UTILS = Path(__file__).parents[3] / "module_utils"


def test_a_command_without_input_does_not_wait_for_a_terminal() -> None:
    master, slave = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", MODULE, UTILS, "cat"],
            stdin=slave,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(master)
        os.close(slave)
    assert done.stdout == "(0, '', '')\n", done.stderr


@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_what_commands_make_is_for_all_to_read_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    command = [sys.executable, "-c", MODULE, UTILS, "mkdir", "-p", f"{tmp_path}/one/two"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, umask=umask, check=False)
    assert done.stdout == "(0, '', '')\n", done.stderr
    assert {(tmp_path / name).stat().st_mode & 0o7777 for name in ("one", "one/two")} == {0o755}


class Ending:
    """Takes the message that a module fails with."""

    check_mode = False

    def fail_json(self, msg: str) -> None:
        raise SystemExit(msg)


def test_a_fault_of_our_own_is_a_sentence_that_names_the_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "LOCKS", str(tmp_path))

    def converge(_: Any) -> dict[str, Any]:
        for item in [{"name": "deploy", "origin": "web__accounts_users"}]:
            return {item["name"]: {}["group"]}
        return {}

    with pytest.raises(SystemExit) as ended:
        QuietModule.end(Ending(), "accounts", converge)
    assert str(ended.value).startswith(
        "accounts, deploy (web__accounts_users): a fault of Strata itself, KeyError 'group' at test_quiet.py:"
    )


def test_a_fault_that_may_quote_a_secret_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "LOCKS", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        QuietModule.end(Ending(), "accounts", lambda _: {"a": int("canary")})
    assert "ValueError at test_quiet.py:" in str(ended.value)
    assert "canary" not in str(ended.value)
