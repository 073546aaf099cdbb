"""Ansible module `iptables_chain`: the firewall of a host, IPv4 and IPv6, in one chain."""

from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.strata import files, locks
from ansible.module_utils.strata.firewall import addresses
from ansible.module_utils.strata.firewall.boot import desired_files
from ansible.module_utils.strata.firewall.host import BOOT_UNIT, Host
from ansible.module_utils.strata.firewall.openings import check_hosts, check_openings, openings
from ansible.module_utils.strata.firewall.rules import (
    NOTHING,
    V4,
    V6,
    Change,
    FirewallError,
    check_chain,
    check_rules,
    desired_rules,
    plan,
    show,
    undoing,
    with_jump,
)
from ansible.module_utils.strata.rollback import KEPT, Rollback, RollbackError, check_delay, script

DOCUMENTATION = r"""
module: iptables_chain
short_description: The firewall of a host, IPv4 and IPv6, in a chain of its own
description:
  - Keeps the rules for incoming packets in one chain, which the first rule of C(INPUT) jumps to. Policies, other
    chains, other tables and the rules behind that jump are left alone.
  - The chain accepts loopback, known connections, the ICMP that IP needs, and the ports and rules given; it rejects
    everything else.
  - What is compared is what the kernel has, with the desired rules as iptables itself prints them after loading them
    into an empty network namespace. So every rule is known to load on a host that has nothing else, which is what a
    reboot asks for; a rule that needs another chain or an ipset is refused.
  - Each family changes in one transaction. When the second family, a file or the service fails, everything is put back.
  - New rules are guarded. Before they are put in force, a timer is started on the host that puts the former ones back
    after O(rollback_delay) seconds. The control side then confirms the new rules over a new SSH connection, which
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
    default: ['22']
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
      origin: &origin
        description: Where the entry was declared, for messages.
        type: str
  allowed_groups:
    description:
      - Groups of the inventory whose hosts, but for the host itself, may reach a port. The control side makes entries
        of O(allowed_hosts) of them - each host's C(iptables_addresses), else its C(ansible_host), else its name.
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
      origin: *origin
  address_lifetime:
    description: Hours, 1 to 10000, for which an address stays allowed that a name's answers no longer give.
    type: int
    default: 24
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
    type: list
    elements: str
    default: []
  confirm:
    description:
      - Used by the control side only; all but O(chain) and O(change) is ignored then. V(true) keeps the rules that are
        yet to be confirmed, V(false) takes them back at once.
    type: bool
  change:
    description: Which change O(confirm) is about, as the module named it.
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

SUBJECT = "iptables"


def apply(
    host: Host,
    chain: str,
    changes: list[Change],
    written: list[files.Change],
    *,
    enable: bool,
    delay: int = 0,
    note: str = "",
) -> str:
    """Put rules in force, and keep them for the next boot unless they must be confirmed first.

    Return the name of the change that must be confirmed, nothing if none must. Whoever confirms it finds `note`.

    Raises:
        FirewallError: something failed, and what was there has been put back.
        RollbackError: the timer could not be started, and nothing was changed.

    """
    for change in changes:
        host.restore(change, chain, test=True)
    guarded = bool(changes and delay)
    rollback = Rollback(SUBJECT, host.run)
    name = rollback.arm(delay, script(undoing(chain, changes), note)) if guarded else ""
    try:
        for change in changes:
            host.restore(change, chain)
            host.verify(change, chain)
        if guarded:
            rollback.require_pending(delay)
        else:
            keep(host, written, enable=enable)
    except (FirewallError, RollbackError, OSError) as error:
        put_back(host, chain, changes, written, error)
        if guarded:
            rollback.disarm()
        raise FirewallError(f"{error}; everything is as it was before") from error
    return name


def keep(host: Host, written: list[files.Change], *, enable: bool) -> None:
    """Keep the rules for the next boot."""
    files.apply(written)
    if enable:
        host.checked(["systemctl", "enable", "--quiet", BOOT_UNIT])


def confirm(host: Host, chain: str, change: str) -> dict[str, Any]:
    """Keep the rules in force, which somebody outside has been let in by; say whether it is too late for that."""
    rollback = Rollback(SUBJECT, host.run)
    if rollback.was_kept(change):
        return dict(KEPT)
    if not rollback.confirm(change):
        return rollback.withdraw()
    written: list[files.Change] = []
    try:
        rules = {family: host.read(family, chain).rules or () for family in (V4, V6)}
        desired = desired_files(chain, {family: with_jump(chain, rules[family]) for family in rules})
        memory = json.loads(rollback.note())
        written = files.plan({**desired, addresses.path(chain): addresses.noted(memory)})
        keep(host, written, enable=not host.starts_at_boot())
    except (FirewallError, OSError) as error:
        rollback.undo_confirmed()
        files.undo(written)
        rollback.disarm()
        raise FirewallError(f"{error}; everything is as it was before") from error
    return rollback.keep()


def put_back(host: Host, chain: str, changes: list[Change], written: list[files.Change], error: Exception) -> None:
    """Bring rules and files back to what they were before `error`, each family whatever becomes of the other."""
    failures = []
    for change in changes:
        try:
            now = host.read(change.family, chain)
            if now != change.before:
                host.restore(Change(change.family, now, change.before), chain)
        except FirewallError as failure:
            failures.append(str(failure))
    try:
        files.apply(files.plan({change.path: change.before for change in written}))
    except OSError as failure:
        failures.append(str(failure))
    if failures:
        raise FirewallError(f"{error}; putting the former state back failed as well: {'; '.join(failures)}") from error


def converge(module: AnsibleModule, host: Host, chain: str) -> dict[str, Any]:
    """Bring the firewall to the declared state and return the module's result."""
    parameters = module.params
    delay = check_delay(parameters["rollback_delay"])
    lifetime = addresses.check_lifetime(parameters["address_lifetime"])
    allowed = check_hosts(parameters["allowed_hosts"])
    opened = check_openings(parameters)
    raw = {family: check_rules(family, parameters[family.parameter]) for family in (V4, V6)}
    memory, warnings = addresses.addresses_of(allowed, chain, lifetime)
    for warning in warnings:
        module.warn(warning)
    opened += openings(allowed, memory)
    rules = {
        family: desired_rules(family, opened, raw[family], log_rejects=parameters["log_rejects"]) for family in raw
    }
    installed = all(host.has(f"{family.prefix}-restore") for family in raw)
    if not module.check_mode and not (installed and host.has("netfilter-persistent")):
        raise FirewallError("the packages iptables and iptables-persistent must be installed first")
    if installed:
        desired = {family: host.normalise(family, chain, rules[family], raw[family]) for family in raw}
        settled = not module.check_mode and Rollback(SUBJECT, host.run).settle()
        changes = plan({family: host.read(family, chain) for family in raw}, desired)
    else:
        desired = {family: with_jump(chain, (rule.value for rule in rules[family])) for family in raw}
        settled = False
        changes = plan(dict.fromkeys(raw, NOTHING), desired)
    written = files.plan(desired_files(chain, desired))
    enable = not host.starts_at_boot()
    diff = [
        {
            "before_header": f"{change.family.name} rules in force",
            "after_header": f"{change.family.name} rules in force",
            "before": show(chain, change.before),
            "after": show(chain, change.after),
        }
        for change in changes
    ] + files.diff(written)
    names = ["unconfirmed rules of an earlier run taken back"] if settled else []
    names += [f"{change.family.name} rules" for change in changes] + [change.path for change in written]
    if enable:
        names.append(f"{BOOT_UNIT} enabled")
        diff.append({"before_header": BOOT_UNIT, "after_header": BOOT_UNIT, "before": "", "after": "enabled\n"})
    result = {"changed": bool(names), "changes": names, "diff": diff}
    if module.check_mode:
        return result
    # What is remembered of names is no part of what was declared, so writing it down is no change.
    written += files.plan({addresses.path(chain): addresses.noted(memory)})
    origins = {change.family.name: host.origins(change, rules[change.family]) for change in changes if delay}
    name = apply(host, chain, changes, written, enable=enable, delay=delay, note=json.dumps(memory))
    if name:
        result.update(unconfirmed=delay, change=name, origins=origins)
    return result


def main() -> None:
    """Run the module."""
    entry = {
        "port": {"type": "str", "required": True},
        "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
        "origin": {"type": "str"},
    }
    name: dict[str, Any] = {"type": "str", "required": True}
    raw: dict[str, Any] = {"type": "list", "elements": "raw", "default": []}
    dicts: dict[str, Any] = {"type": "list", "elements": "dict", "default": []}
    module = AnsibleModule(
        argument_spec={
            "chain": {"type": "str", "default": "strata-INPUT"},
            "ssh_ports": {**raw, "default": ["22"]},
            "public_tcp_ports": raw,
            "public_udp_ports": raw,
            "snmp_v4hosts": raw,
            "snmp_v6hosts": raw,
            "allowed_hosts": {**dicts, "options": {"hostname": name, **entry}},
            "allowed_groups": {**dicts, "options": {"group": name, **entry}},
            "address_lifetime": {"type": "int", "default": 24},
            "rules_v4": raw,
            "rules_v6": raw,
            "log_rejects": {"type": "bool", "default": False},
            "rollback_delay": {"type": "int", "default": 30},
            "witnesses": {"type": "list", "elements": "str", "default": []},
            "confirm": {"type": "bool"},
            "change": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    host = Host(module)
    try:
        chain = check_chain(module.params["chain"])
        with locks.exclusive(SUBJECT, check_mode=module.check_mode):
            if module.params["confirm"] is None:
                result = converge(module, host, chain)
            elif module.params["confirm"]:
                result = confirm(host, chain, module.params["change"])
            else:
                result = Rollback(SUBJECT, host.run).withdraw()
    except (FirewallError, RollbackError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
