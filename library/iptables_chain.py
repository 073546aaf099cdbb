"""Ansible module `iptables_chain`: the firewall of a host, IPv4 and IPv6, in one chain."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.strata.firewall import run
from ansible.module_utils.strata.quiet import QuietModule

DOCUMENTATION = r"""
module: iptables_chain
short_description: The firewall of a host, IPv4 and IPv6, in a chain of its own
description:
  - Keeps the rules for incoming packets in one chain, which C(INPUT) jumps to first of all. Policies, other chains,
    other tables and the other rules of C(INPUT) are left alone.
  - Jumps of other programs, such as fail2ban, that begin C(INPUT) stay first, as long as their chains only reject
    packets or leave them to the next rule; all else in C(INPUT) comes behind our chain, where nothing arrives.
  - The chain accepts loopback, known connections, the ICMP that IP needs, and the ports and rules given; it rejects
    everything else.
  - What is compared is what the kernel has, with the desired rules as iptables itself prints them after loading them
    into an empty network namespace. So every rule is known to load on a host that has nothing else, which is what a
    reboot asks for; a rule that needs another chain or an ipset is refused.
  - A rule that can never apply, as one ahead of it takes all its packets, is warned of; so are ports at which something
    listens and which new rules close, with the process.
  - Each family changes in one transaction. When the second family, a file or the service fails, all is rolled back.
  - New rules are guarded. Before they are put in force, a timer is started on the host that rolls them back after
    O(rollback_delay) seconds. The control side then confirms the new rules over a new SSH connection, which
    those rules have to let in. When it can't, the task fails as soon as the former rules are back, and names the rules
    that did it. Files are written only when rules are confirmed.
  - Where the control side comes over another kind of connection than SSH, or from the host itself, its own connection
    proves nothing. Then one of O(witnesses) has to be let in; without any, there is a warning.
  - For the next boot, the chain and the jump are written to the files of Debian's iptables-persistent. Its start is
    told not to flush the rules of others (C(IPTABLES_RESTORE_NOFLUSH) and C(IP6TABLES_RESTORE_NOFLUSH) in
    C(/etc/default/netfilter-persistent)). Restarting that service by hand therefore adds a second jump, which does no
    harm and which the next run removes.
options:
  chain:
    description: Name of the chain.
    type: str
    default: strata-INPUT
  ssh_ports:
    description:
      - TCP ports of the SSH server, open to everybody. A port is a number or a range such as C(6000:6010).
      - Here and below, an entry may also be a dictionary with C(value) and C(origin), which names in messages where the
        entry was declared.
    type: list
    elements: raw
    default: [22]
  public_tcp_ports:
    description: TCP ports open to everybody.
    type: list
    elements: raw
    default: []
  public_udp_ports:
    description: UDP ports open to everybody.
    type: list
    elements: raw
    default: []
  snmp_v4hosts:
    description: IPv4 addresses and networks that may ask for SNMP, UDP port 161.
    type: list
    elements: raw
    default: []
  snmp_v6hosts:
    description: IPv6 addresses and networks that may ask for SNMP, UDP port 161.
    type: list
    elements: raw
    default: []
  allowed_hosts:
    description:
      - Hosts that may reach a port. The host that is converged asks its own resolver for the addresses of names, IPv4
        and IPv6, all at the same time, for at most 6 seconds. It remembers them in C(/var/lib/strata/iptables).
      - A name that does not resolve keeps the addresses that are remembered, with a warning; one of which none is
        remembered fails before anything is changed.
    type: list
    elements: dict
    default: []
    suboptions:
      hostname:
        description: Name or address.
        type: str
        required: true
      port: &port
        description: Port or range of ports.
        type: str
        required: true
      protocol: &protocol
        description: Protocol.
        type: str
        choices: [tcp, udp]
        default: tcp
      origin:
        description: Where the entry was declared, for messages.
        type: str
  allowed_groups:
    description:
      - Groups of the inventory whose hosts, but for the host itself, may reach a port. The control side makes entries
        of O(allowed_hosts) of them - each host's C(iptables_addresses), else its C(ansible_host), else its name. Taken
        by the action plugin.
    type: list
    elements: dict
    default: []
    suboptions:
      group:
        description: Name of a group.
        type: str
        required: true
      port: *port
      protocol: *protocol
      origin:
        description: Where the entry was declared, for messages.
        type: str
        default: allowed_groups
  address_lifetime:
    description: Hours, 1 to 10000, for which an address stays allowed that a name's answers no longer give.
    type: int
    default: 24
  denied_sources:
    description:
      - Addresses and networks, IPv4 and IPv6, whose packets are dropped ahead of all that is opened. Connections that
        are known, also those that the host makes to them, and the ICMP that IP needs go on.
    type: list
    elements: raw
    default: []
  first_rules_v4:
    description: Rules for IPv4 that stand first, behind loopback and ahead of known connections, in order.
    type: list
    elements: raw
    default: []
  first_rules_v6:
    description: Rules for IPv6 that stand first, behind loopback and ahead of known connections, in order.
    type: list
    elements: raw
    default: []
  rules_v4:
    description: Further rules for IPv4, in order, behind all that is opened. A rule is what iptables takes, without
      C(-A CHAIN).
    type: list
    elements: raw
    default: []
  rules_v6:
    description: Further rules for IPv6, in order, behind all that is opened.
    type: list
    elements: raw
    default: []
  log_rejects:
    description: Whether the kernel logs rejected packets, at most 10 a minute, with C(strata-reject:) in front.
    type: bool
    default: false
  rollback_delay:
    description:
      - Seconds, 5 to 3600, after which the former rules come back unless the new ones are confirmed.
      - V(0) puts rules in force without this guard.
    type: int
    default: 30
  witnesses:
    description:
      - Hosts of the inventory of which one has to get an answer from the SSH server behind new rules before the control
        side confirms them. They try the first address that O(allowed_groups) would take for the host.
      - Needed where a connection of the control side proves nothing because the host is the control machine itself.
        Taken by the action plugin.
    type: list
    elements: str
    default: []
  confirm:
    description:
      - V(true) keeps the rules that are yet to be confirmed, V(false) rolls them back at once. All but O(chain) and
        O(change) is ignored then. Given by the action plugin.
    type: bool
  change:
    description: Which change O(confirm) is about, as the module named it. Given by the action plugin.
    type: str
    default: ''
attributes:
  check_mode:
    support: full
    description: Validates as the real run does. Where iptables is not installed yet, everything declared would change.
  diff_mode:
    support: full
    description: Shows the rules in force, the saved files and the service.
author: Strata contributors
"""

EXAMPLES = r"""
- name: A web server whose database is open to one network
  iptables_chain:
    public_tcp_ports: [80, 443]
    rules_v4: [-p tcp -s 192.0.2.0/24 --dport 5432 -j ACCEPT]
    rules_v6: [-p tcp -s 2001:db8::/32 --dport 5432 -j ACCEPT]
    allowed_hosts:
      - {hostname: replica.example.org, port: 5432}
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [IPv4 rules, /etc/iptables/rules.v4]
"""

HOST = {
    "hostname": {"type": "str", "required": True},
    "port": {"type": "str", "required": True},
    "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
    "origin": {"type": "str"},
}
ENTRIES: dict[str, Any] = {"type": "list", "elements": "raw", "default": []}
ARGUMENTS = {
    "chain": {"type": "str", "default": "strata-INPUT"},
    "ssh_ports": {**ENTRIES, "default": [22]},
    "public_tcp_ports": ENTRIES,
    "public_udp_ports": ENTRIES,
    "snmp_v4hosts": ENTRIES,
    "snmp_v6hosts": ENTRIES,
    "allowed_hosts": {"type": "list", "elements": "dict", "default": [], "options": HOST},
    "address_lifetime": {"type": "int", "default": 24},
    "denied_sources": ENTRIES,
    "first_rules_v4": ENTRIES,
    "first_rules_v6": ENTRIES,
    "rules_v4": ENTRIES,
    "rules_v6": ENTRIES,
    "log_rejects": {"type": "bool", "default": False},
    "rollback_delay": {"type": "int", "default": 30},
    "confirm": {"type": "bool"},
    "change": {"type": "str", "default": ""},
}


def main() -> None:
    """Run the module."""
    QuietModule(ARGUMENTS).end(run.SUBJECT, run.converge)


if __name__ == "__main__":
    main()
