"""What a module's commands can read: nothing that they are not given, also where Ansible runs it on a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MODULE = """
import json, sys
import ansible.module_utils
ansible.module_utils.__path__.append(sys.argv[1])
from ansible.module_utils import basic
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = json.dumps({"ANSIBLE_MODULE_ARGS": {}}).encode(), "legacy"
from ansible.module_utils.strata.quiet import QuietModule
print(QuietModule(argument_spec={}).run_command(["cat"], data=b"", binary_data=True))
"""
UTILS = Path(__file__).parents[3] / "module_utils"


def test_a_command_without_input_does_not_wait_for_a_terminal() -> None:
    master, slave = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", MODULE, UTILS], stdin=slave, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        os.close(master)
        os.close(slave)
    assert done.stdout == "(0, '', '')\n", done.stderr
