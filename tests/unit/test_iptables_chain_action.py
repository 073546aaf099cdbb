"""iptables_chain on the control side: what a failure says, and how new the connection is that confirms."""

import importlib.util
from pathlib import Path

from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("iptables_chain_action", ROOT / "action_plugins/iptables_chain.py")
action = importlib.util.module_from_spec(spec)
spec.loader.exec_module(action)


def test_rules_are_named_and_files_are_not():
    diff = [
        {"after_header": "IPv4 rules in force", "before": "chain c:\n  -j A\n  -j B\n", "after": "chain c:\n  -j B\n"},
        {"after_header": "IPv6 rules in force", "before": "", "after": "chain c:\n  -j C\n"},
        {"after_header": "/etc/iptables/rules.v4", "before": "x\n", "after": "y\n"},
    ]
    assert action.changed_rules(diff) == "IPv4 rules: removed '-j A'; IPv6 rules: added 'chain c:', added '-j C'"


def test_the_confirming_connection_shares_nothing_with_the_open_one():
    shared = connection_loader.get("ssh", PlayContext())
    shared.set_options(direct={"host": "web01", "ssh_args": "-o ControlMaster=auto -o ControlPersist=60s"})
    fresh = action.new_connection(shared, 5)
    assert fresh.get_option("ssh_args").startswith("-o ControlMaster=no -o ControlPath=none ")
    assert (fresh.get_option("host"), fresh.get_option("timeout")) == ("web01", 5)
    assert shared.get_option("ssh_args") == "-o ControlMaster=auto -o ControlPersist=60s"
    command = [part.decode() for part in fresh._build_command("ssh", "ssh", "web01")]
    paths = [part for part in command if part.startswith("ControlPath=")]
    assert paths[0] == "ControlPath=none"
