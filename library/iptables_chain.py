"""Ansible module `iptables_chain`: the firewall of a host, IPv4 and IPv6, in one chain."""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.strata import files
from ansible.module_utils.strata.netfilter import (
    BUILT_IN_CHAINS,
    NOTHING,
    V4,
    V6,
    Change,
    Family,
    FirewallError,
    Owned,
    Rule,
    check_chain,
    check_ports,
    check_rules,
    desired_rules,
    parse,
    plan,
    show,
    transition,
    with_jump,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
UNIT = "netfilter-persistent.service"


def with_settings(text: str, settings: Mapping[str, str]) -> str:
    """Return the text of a file of shell assignments in which these settings hold; untouched where they do already."""
    lines = text.splitlines()
    for name, value in settings.items():
        if [line for line in lines if re.match(rf"\s*{name}=", line)] != [f"{name}={value}"]:
            lines = [*(line for line in lines if not re.match(rf"\s*{name}=", line)), f"{name}={value}"]
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Host:
    """The commands of iptables on this host."""

    module: AnsibleModule

    def has(self, program: str) -> bool:
        """Tell whether the program is installed."""
        return self.module.get_bin_path(program) is not None

    def run(self, command: list[str], data: str = "") -> tuple[int, str, str]:
        """Run a command with `data` as its input and return its status, output and message in one line.

        Raises:
            FirewallError: it could not be run, or died without reading its input.

        """
        try:
            status, output, errors = self.module.run_command(
                [self.module.get_bin_path(command[0], required=True), *command[1:]],
                data=data,
                binary_data=True,
                environ_update={"LC_ALL": "C.UTF-8"},
                handle_exceptions=False,  # else it ends the module, with half of the rules changed
            )
        except OSError as error:
            raise FirewallError(f"{command[0]}: {error.strerror}") from error
        hints = ("Error occurred at line", "Try `", "# Warning")
        lines = [line.strip() for line in errors.splitlines() if line.strip() and not line.startswith(hints)]
        message = " ".join(lines) or f"ended with status {status}"
        return status, output, message if message.startswith(command[0]) else f"{command[0]}: {message}"

    def checked(self, command: list[str], data: str = "") -> str:
        """Run a command and return its output; raise FirewallError with its message when it fails."""
        status, output, message = self.run(command, data)
        if status:
            raise FirewallError(message)
        return output

    def read(self, family: Family, chain: str) -> Owned:
        """Return what of the kernel's filter table is ours."""
        return parse(self.checked([f"{family.prefix}-save", "-t", "filter"]), chain)

    def restore(self, change: Change, chain: str, *, test: bool = False) -> None:
        """Put a change in force, or only have it tested."""
        command = [f"{change.family.prefix}-restore", "--noflush", "--wait=60", *(["--test"] if test else [])]
        self.checked(command, transition(chain, change.before, change.after))

    def verify(self, change: Change, chain: str) -> None:
        """Raise FirewallError unless the kernel has what the change says."""
        if self.read(change.family, chain) != change.after:
            raise FirewallError(f"another program changed the {change.family.name} rules at the same time")

    def load_alone(self, family: Family, chain: str, rules: Iterable[str]) -> tuple[Owned, str]:
        """Load rules into an empty network namespace; return what iptables makes of them and, if it refuses, why."""
        script = '"$0" --wait=60 && "$1" -t filter'
        programs = [self.module.get_bin_path(f"{family.prefix}-{verb}", required=True) for verb in ("restore", "save")]
        text = transition(chain, NOTHING, with_jump(chain, rules))
        status, output, message = self.run(["unshare", "--net", "sh", "-c", script, *programs], text)
        if status and message.startswith("unshare: unshare failed"):
            raise FirewallError(
                f"rules are validated in an empty network namespace, which this host doesn't let us make: {message}"
            )
        if status:
            return NOTHING, message.removeprefix("unshare: ")
        foreign = [line for line in output.splitlines() if re.match(rf"-A (?!{re.escape(chain)} )", line)]
        chains = set(re.findall(r"^:(\S+)", output, re.MULTILINE))
        if len(foreign) != 1 or not chains <= {*BUILT_IN_CHAINS, chain} or not (owned := parse(output, chain)).rules:
            return NOTHING, "it does something else than add rules to our chain"
        return owned, ""

    def normalise(self, family: Family, chain: str, rules: list[str], raw: Iterable[Rule]) -> Owned:
        """Return the desired state as the kernel will print it; raise FirewallError naming the rule that is refused."""
        owned, refusal = self.load_alone(family, chain, rules)
        if not refusal:
            return owned
        for rule in raw:
            _, message = self.load_alone(family, chain, [rule.value])
            if message:
                raise FirewallError(f"{rule.origin}: {family.prefix} refuses the rule {rule.value!r}: {message}")
        raise FirewallError(f"{family.prefix} refuses the rules of chain {chain}: {refusal}")

    def starts_at_boot(self) -> bool:
        """Tell whether the saved rules are loaded at boot."""
        return self.run(["systemctl", "is-enabled", "--quiet", UNIT])[0] == 0


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


def apply(host: Host, chain: str, changes: list[Change], written: list[files.Change], *, enable: bool) -> None:
    """Put rules in force, then keep them for the next boot; when anything fails, put back what was there and raise."""
    for change in changes:
        host.restore(change, chain, test=True)
    try:
        for change in changes:
            host.restore(change, chain)
            host.verify(change, chain)
        files.apply(written)
        if enable:
            host.checked(["systemctl", "enable", "--quiet", UNIT])
    except (FirewallError, OSError) as error:
        put_back(host, chain, changes, written, error)
        raise FirewallError(f"{error}; everything is as it was before") from error


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


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Bring the firewall to the declared state and return the module's result."""
    host, parameters = Host(module), module.params
    chain = check_chain(parameters["chain"])
    ports = [check_ports(name, parameters[name]) for name in ("ssh_ports", "public_tcp_ports", "public_udp_ports")]
    raw = {family: check_rules(family, parameters[family.parameter]) for family in (V4, V6)}
    rules = {family: desired_rules(family, *ports, raw[family]) for family in raw}
    installed = all(host.has(f"{family.prefix}-restore") for family in raw)
    if not module.check_mode and not (installed and host.has("netfilter-persistent")):
        raise FirewallError("the packages iptables and iptables-persistent must be installed first")
    if installed:
        desired = {family: host.normalise(family, chain, rules[family], raw[family]) for family in raw}
        changes = plan({family: host.read(family, chain) for family in raw}, desired)
    else:
        desired = {family: with_jump(chain, rules[family]) for family in raw}
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
    names = [f"{change.family.name} rules" for change in changes] + [change.path for change in written]
    if enable:
        names.append(f"{UNIT} enabled")
        diff.append({"before_header": UNIT, "after_header": UNIT, "before": "", "after": "enabled\n"})
    if not module.check_mode:
        apply(host, chain, changes, written, enable=enable)
    return {"changed": bool(names), "changes": names, "diff": diff}


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
        },
        supports_check_mode=True,
    )
    try:
        result = converge(module)
    except (FirewallError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
