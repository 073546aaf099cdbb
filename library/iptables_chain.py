"""Ansible module `iptables_chain`: the firewall of a host, IPv4 and IPv6, in one chain."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.strata import files, rollback
from ansible.module_utils.strata.netfilter import (
    NOTHING,
    V4,
    V6,
    Change,
    Family,
    FirewallError,
    Owned,
    check_chain,
    check_ports,
    check_rules,
    desired_rules,
    plan,
    show,
    transition,
    with_jump,
)
from ansible.module_utils.strata.netfilter_host import BOOT_UNIT, Host

if TYPE_CHECKING:
    from collections.abc import Mapping

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
  - Over another kind of connection than SSH nothing can be confirmed; rules are then put in force without the guard,
    with a warning.
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
    description: TCP ports of the SSH server, open to everybody. A port is a number or a range such as C(6000:6010).
    type: list
    elements: str
    default: ['22']
  public_tcp_ports:
    description: TCP ports open to everybody.
    type: list
    elements: str
    default: []
  public_udp_ports:
    description: UDP ports open to everybody.
    type: list
    elements: str
    default: []
  rules_v4:
    description: Further rules for IPv4, in order, behind those of the ports.
    type: list
    elements: dict
    default: []
    suboptions:
      value:
        description: One rule as iptables takes it, without C(-A CHAIN).
        type: str
        required: true
      origin:
        description: Where the rule was declared, for messages.
        type: str
  rules_v6:
    description: Further rules for IPv6, in order, behind those of the ports.
    type: list
    elements: dict
    default: []
    suboptions:
      value:
        description: One rule as ip6tables takes it, without C(-A CHAIN).
        type: str
        required: true
      origin:
        description: Where the rule was declared, for messages.
        type: str
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
  confirm:
    description: Confirm the rules that are in force. Used by the control side only; all but O(chain) is ignored then.
    type: bool
    default: false
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
    rules_v4:
      - value: -p tcp -s 192.0.2.0/24 --dport 5432 -j ACCEPT
    rules_v6:
      - value: -p tcp -s 2001:db8::/32 --dport 5432 -j ACCEPT
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [IPv4 rules, /etc/iptables/rules.v4]
"""

DEFAULTS = "/etc/default/netfilter-persistent"
NOFLUSH = {"IPTABLES_RESTORE_NOFLUSH": "yes", "IP6TABLES_RESTORE_NOFLUSH": "yes"}


def with_settings(text: str, settings: Mapping[str, str]) -> str:
    """Return the text of a file of shell assignments in which these settings hold; untouched where they do already."""
    lines = text.splitlines()
    for name, value in settings.items():
        if [line for line in lines if re.match(rf"\s*{name}=", line)] != [f"{name}={value}"]:
            lines = [*(line for line in lines if not re.match(rf"\s*{name}=", line)), f"{name}={value}"]
    return "".join(f"{line}\n" for line in lines)


def desired_files(chain: str, desired: Mapping[Family, Owned]) -> dict[str, files.State]:
    """Return the files that bring the rules back at boot."""
    result: dict[str, files.State] = {}
    for family, owned in desired.items():
        text = "# Strata keeps this file: only its own chain and the jump to it.\n" + transition(chain, NOTHING, owned)
        result[family.saved] = files.File(text.encode(), 0o640)
    path = os.path.realpath(DEFAULTS)
    present = files.read(path)
    defaults = present if isinstance(present, files.File) else files.File(b"")
    text = with_settings(defaults.content.decode("utf-8", "surrogateescape"), NOFLUSH)
    result[path] = dataclasses.replace(defaults, content=text.encode("utf-8", "surrogateescape"))
    return result


def apply(
    host: Host, chain: str, changes: list[Change], written: list[files.Change], *, enable: bool, delay: int = 0
) -> bool:
    """Put rules in force, and keep them for the next boot unless they must be confirmed first, which it returns.

    Raises:
        FirewallError: something failed, and what was there has been put back.

    """
    for change in changes:
        host.restore(change, chain, test=True)
    guarded = bool(changes and delay)
    if guarded:
        rollback.arm(host, delay, rollback.script(chain, changes))
    try:
        for change in changes:
            host.restore(change, chain)
            host.verify(change, chain)
        if guarded:
            rollback.require_pending(delay)
        else:
            keep(host, written, enable=enable)
    except (FirewallError, OSError) as error:
        put_back(host, chain, changes, written, error)
        if guarded:
            rollback.disarm(host)
        raise FirewallError(f"{error}; everything is as it was before") from error
    return guarded


def keep(host: Host, written: list[files.Change], *, enable: bool) -> None:
    """Keep the rules for the next boot."""
    files.apply(written)
    if enable:
        host.checked(["systemctl", "enable", "--quiet", BOOT_UNIT])


def confirm(host: Host, chain: str) -> dict[str, Any]:
    """Keep the rules in force, which somebody outside has been let in by; say whether it is too late for that."""
    if not rollback.claim(rollback.CONFIRMED):
        return {"changed": False, "confirmed": False, "restored": rollback.wait(host)}
    written: list[files.Change] = []
    try:
        rules = {family: host.read(family, chain).rules or () for family in (V4, V6)}
        written = files.plan(desired_files(chain, {family: with_jump(chain, rules[family]) for family in rules}))
        keep(host, written, enable=not host.starts_at_boot())
    except (FirewallError, OSError) as error:
        host.checked(["sh", rollback.CONFIRMED])
        files.undo(written)
        rollback.disarm(host)
        raise FirewallError(f"{error}; everything is as it was before") from error
    rollback.disarm(host)
    return {"changed": True, "confirmed": True}


def put_back(
    host: Host, chain: str, changes: list[Change], written: list[files.Change], error: FirewallError | OSError
) -> None:
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
    delay = rollback.check_delay(parameters["rollback_delay"])
    ports = [check_ports(name, parameters[name]) for name in ("ssh_ports", "public_tcp_ports", "public_udp_ports")]
    raw = {family: check_rules(family, parameters[family.parameter]) for family in (V4, V6)}
    rules = {
        family: desired_rules(family, *ports, raw[family], log_rejects=parameters["log_rejects"]) for family in raw
    }
    installed = all(host.has(f"{family.prefix}-restore") for family in raw)
    if not module.check_mode and not (installed and host.has("netfilter-persistent")):
        raise FirewallError("the packages iptables and iptables-persistent must be installed first")
    if installed:
        desired = {family: host.normalise(family, chain, rules[family], raw[family]) for family in raw}
        settled = not module.check_mode and rollback.settle(host)
        changes = plan({family: host.read(family, chain) for family in raw}, desired)
    else:
        desired = {family: with_jump(chain, rules[family]) for family in raw}
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
    if not module.check_mode and apply(host, chain, changes, written, enable=enable, delay=delay):
        result["unconfirmed"] = delay
    return result


def main() -> None:
    """Run the module."""
    rule = {"value": {"type": "str", "required": True}, "origin": {"type": "str"}}
    module = AnsibleModule(
        argument_spec={
            "chain": {"type": "str", "default": "strata-INPUT"},
            "ssh_ports": {"type": "list", "elements": "str", "default": ["22"]},
            "public_tcp_ports": {"type": "list", "elements": "str", "default": []},
            "public_udp_ports": {"type": "list", "elements": "str", "default": []},
            "rules_v4": {"type": "list", "elements": "dict", "options": rule, "default": []},
            "rules_v6": {"type": "list", "elements": "dict", "options": rule, "default": []},
            "log_rejects": {"type": "bool", "default": False},
            "rollback_delay": {"type": "int", "default": 30},
            "confirm": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    host = Host(module)
    try:
        chain = check_chain(module.params["chain"])
        result = confirm(host, chain) if module.params["confirm"] else converge(module, host, chain)
    except (FirewallError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
