"""iptables_chain on the control side: what a failure says, and how new the connection is that confirms."""

import importlib.util
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import action_loader, connection_loader, filter_loader

ROOT = Path(__file__).parents[3]
action_loader.add_directory(str(ROOT / "action_plugins"))
filter_loader.add_directory(str(ROOT / "filter_plugins"))
spec = importlib.util.spec_from_file_location("iptables_chain_action", ROOT / "action_plugins/iptables_chain.py")
action = importlib.util.module_from_spec(spec)
spec.loader.exec_module(action)


def test_rules_are_named_and_files_are_not():
    diff = [
        {"after_header": "IPv4 rules in force", "before": "chain c:\n  -j A\n  -j B\n", "after": "chain c:\n  -j B\n"},
        {"after_header": "IPv6 rules in force", "before": "", "after": "chain c:\n  -j C\n"},
        {"after_header": "/etc/iptables/rules.v4", "before": "x\n", "after": "y\n"},
    ]
    assert action.changed_rules(diff, {"IPv4": {"-j C": "a"}, "IPv6": {"-j C": "b, c"}}) == (
        "IPv4 rules: removed '-j A'; IPv6 rules: added 'chain c:', added '-j C' (b, c)"
    )


def test_a_message_names_a_few_rules_of_each_family():
    after = "".join(f"  -s {number} -j ACCEPT\n" for number in range(35)) + "  -s 40 -j DROP\n"
    diff = [{"after_header": "IPv4 rules in force", "before": "  -j OLD\n", "after": after}]
    said = action.changed_rules(diff, {"IPv4": {"-s 34 -j ACCEPT": "a", "-s 40 -j DROP": "b"}})
    assert said.startswith(
        "IPv4 rules: added '-s 40 -j DROP' (b), removed '-j OLD', added '-s 34 -j ACCEPT' (a), added '-s 0 -j ACCEPT', "
    )
    assert said.endswith(", added '-s 4 -j ACCEPT', and 29 more")


def test_the_confirming_connection_shares_nothing_with_the_open_one():
    shared = connection_loader.get("ssh", PlayContext())
    shared.set_options(direct={"host": "web01", "ssh_args": "-o ControlMaster=auto -o ControlPersist=60s"})
    fresh = sys.modules[action_loader.get("guarded_change", class_only=True).__module__].new_connection(shared, 5)
    assert fresh.get_option("ssh_args").startswith("-o ControlMaster=no -o ControlPath=none ")
    assert (fresh.get_option("host"), fresh.get_option("timeout")) == ("web01", 5)
    assert shared.get_option("ssh_args") == "-o ControlMaster=auto -o ControlPersist=60s"
    command = [part.decode() for part in fresh._build_command("ssh", "ssh", "web01")]
    paths = [part for part in command if part.startswith("ControlPath=")]
    assert paths[0] == "ControlPath=none"


HOSTVARS = {
    "db01": {"iptables_addresses": ["192.0.2.1", "2001:db8::1"], "ansible_host": "198.51.100.1"},
    "db02": {"ansible_host": "192.0.2.2", "iptables_addresses": []},
    "db03": {},
    "db04": {"ansible_host": "127.0.0.1"},
}
TASK_VARS = {
    "inventory_hostname": "db03",
    "groups": {"db": ["db02", "db03", "db01"], "other": ["db03", "db01"], "me": ["db03"], "bad": ["db04"], "none": []},
    "hostvars": HOSTVARS,
}


def allowed(group, **others):
    entry = {"group": group, "port": 5432, "protocol": "udp", "origin": "a__iptables_allowed_groups"}
    return list(action.allowed_hosts([entry], {**TASK_VARS, **others}))


def test_a_group_stands_for_the_addresses_of_its_other_hosts():
    assert [entry["hostname"] for entry in allowed("db")] == ["192.0.2.1", "2001:db8::1", "192.0.2.2"]
    assert allowed("db", inventory_hostname="db02")[-1] == {
        "hostname": "db03",
        "port": 5432,
        "protocol": "udp",
        "origin": "a__iptables_allowed_groups (host db03 of the group db)",
    }
    assert allowed("me") == allowed("none") == []


def test_a_group_that_the_inventory_lacks_is_named_with_the_nearest_known():
    with pytest.raises(
        AnsibleActionFail, match=r"^a__iptables_allowed_groups: .* no group 'othr': did you mean 'other'"
    ):
        allowed("othr")


def test_an_address_that_means_every_host_itself_is_refused():
    with pytest.raises(
        AnsibleActionFail, match=r"db04 of the group bad has the address 127\.0\.0\.1.*iptables_addresses"
    ):
        allowed("bad")


def own_addresses():
    interfaces = json.loads(subprocess.run(["ip", "-json", "address"], capture_output=True, check=True).stdout)
    entries = [entry for interface in interfaces for entry in interface["addr_info"]]
    return [entry["local"] for entry in entries if entry["scope"] in ("global", "host")]


def test_the_machine_s_own_addresses_are_recognised():
    own = [*own_addresses(), "127.0.0.5", "localhost", socket.gethostbyname("localhost")]
    assert [address for address in own if not action.is_own(address)] == []


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "nonesuch.invalid"])
def test_others_are_not_taken_for_the_machine_itself(address):
    assert not action.is_own(address)
