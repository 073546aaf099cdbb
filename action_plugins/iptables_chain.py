"""The firewall of a host from the control side: new rules stay only if they let a new SSH connection in."""

from __future__ import annotations

import contextlib
import difflib
import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Any

from ansible.constants import config
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.loader import action_loader, filter_loader
from ansible.utils.display import Display

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ansible.plugins.connection import ConnectionBase

    from action_plugins.guarded_change import ActionModule as GuardedChange
else:
    GuardedChange = action_loader.get("guarded_change", class_only=True)

#: The arguments that the module never sees.
ARGUMENTS = {
    "allowed_groups": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "group": {"type": "str", "required": True},
            "port": {"type": "str", "required": True},
            "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
            "origin": {"type": "str", "default": "allowed_groups"},
        },
    },
    "witnesses": {"type": "list", "elements": "str", "default": []},
}

SSH_PORT = 22

#: Seconds that a witness tries each of a host's addresses; an SSH server that is reached answers at once.
LONGEST_ANSWER = 5

#: Changed rules of a family that a message names.
MOST_RULES = 8

NAME_WITNESSES = "name other hosts of the inventory in iptables_witnesses, so that one of them can"

display = Display()


def changed_rules(diff: Iterable[Mapping[str, str]], origins: Mapping[str, Mapping[str, str]]) -> str:
    """Return the rules of a module's `diff` that were added, with their origins, and removed, in one line."""
    parts = []
    for entry in diff:
        if not entry["after_header"].endswith(" rules in force"):
            continue
        family = entry["after_header"].removesuffix(" rules in force")
        lines = difflib.unified_diff(entry["before"].splitlines(), entry["after"].splitlines(), n=0, lineterm="")
        changes = []
        for line in list(lines)[2:]:
            rule = line[1:].strip()
            origin = origins.get(family, {}).get(rule)
            if line[0] == "+":
                changes.append(f"added {rule!r}" + (f" ({origin})" if origin else ""))
            elif line[0] == "-":
                changes.append(f"removed {rule!r}")
        if len(changes) > MOST_RULES:
            # What keeps packets out first, then what somebody asked for, then what every host has.
            changes.sort(
                key=lambda change: (" -j ACCEPT" in change and change.startswith("added"), "' (" not in change)
            )
            changes[MOST_RULES:] = [f"and {len(changes) - MOST_RULES} more"]
        parts.append(f"{family} rules: {', '.join(changes)}")
    return "; ".join(parts)


def means_itself(address: str) -> bool:
    """Tell whether an address or name means, on every host, that host itself."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_own(address: str) -> bool:
    """Tell whether an address or name is one of the machine on which this runs."""
    with contextlib.suppress(OSError):
        for family, kind, _, _, place in socket.getaddrinfo(address, SSH_PORT, type=socket.SOCK_DGRAM):
            with contextlib.suppress(OSError), socket.socket(family, kind) as asking:
                asking.connect(place)  # sends nothing: it only chooses the address that we would send from
                source = asking.getsockname()[0]
                if source == place[0] or means_itself(source):
                    return True
    return False


def addresses(name: str, variables: Mapping[str, Any]) -> list[str]:
    """Return the addresses, or the name, at which other hosts reach a host of the inventory."""
    return variables.get("iptables_addresses") or [variables.get("ansible_host") or name]


def allowed_hosts(entries: Iterable[Mapping[str, Any]], task_vars: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the hosts of groups, but for the host itself, as entries of allowed_hosts.

    Raises:
        AnsibleActionFail: the inventory has no such group, or a host in it has no address that others could use.

    """
    groups, hostvars = task_vars["groups"], task_vars["hostvars"]
    for entry in entries:
        origin, group = entry["origin"], entry["group"]
        if group not in groups:
            hint = filter_loader.get("did_you_mean").j2_function(group, groups)
            hint = hint or f" (it has {', '.join(sorted(groups))})"
            raise AnsibleActionFail(f"{origin}: the inventory has no group {group!r}{hint}")
        for name in sorted(set(groups[group]) - {task_vars["inventory_hostname"]}):
            for address in addresses(name, hostvars[name]):
                if means_itself(address):
                    raise AnsibleActionFail(
                        f"{origin}: {name} of the group {group} has the address {address}, which means every host "
                        f"itself: set iptables_addresses of {name} in the inventory"
                    )
                rest = {key: value for key, value in entry.items() if key not in {"group", "origin"}}
                yield {**rest, "hostname": address, "origin": f"{origin} (host {name} of the group {group})"}


class ActionModule(GuardedChange):
    """Change the rules in one remote call; confirm them in a second one."""

    SUBJECT = ("chain",)
    GUARDED = True
    CHANGED = "rules"

    _connection: ConnectionBase

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result = super().run(tmp, task_vars)
        for key in ("origins", "ssh_port"):
            result.pop(key, None)
        return result

    def _prepare(self, arguments: dict[str, Any]) -> dict[str, Any]:
        given = {key: arguments.pop(key) for key in ARGUMENTS if key in arguments}
        checked = ArgumentSpecValidator(ARGUMENTS).validate(given)
        if checked.error_messages:
            raise AnsibleActionFail("; ".join(checked.error_messages))
        groups = checked.validated_parameters["allowed_groups"]
        for entry in groups:
            if entry["group"] in self._vars["groups"] and not self._vars["groups"][entry["group"]]:
                display.warning(f"{entry['origin']}: the group {entry['group']} has no hosts")
        self._witnesses = self._usable_witnesses(checked.validated_parameters["witnesses"])
        hosts = [*(arguments.get("allowed_hosts") or []), *allowed_hosts(groups, self._vars)]
        return {**arguments, "allowed_hosts": hosts}

    def _usable_witnesses(self, names: Iterable[str]) -> list[str]:
        """Return the witnesses whose answer proves something, in order: not the host itself, nor the control machine.

        Raises:
            AnsibleActionFail: the inventory lacks one, or has no address at which they could reach the host.

        """
        hostvars, myself = self._vars["hostvars"], self._vars["inventory_hostname"]
        for name in names:
            if name not in hostvars:
                hint = filter_loader.get("did_you_mean").j2_function(name, hostvars)
                raise AnsibleActionFail(f"iptables_witnesses: the inventory has no host {name!r}{hint}")
        usable = [
            name for name in names if name != myself and hostvars[name].get("ansible_connection", "ssh") != "local"
        ]
        if usable and means_itself(addresses(myself, hostvars[myself])[0]):
            raise AnsibleActionFail(
                f"iptables_witnesses: {', '.join(usable)} can't reach {myself} at "
                f"{addresses(myself, hostvars[myself])[0]}: set iptables_addresses of {myself} in the inventory"
            )
        return usable

    def _subject(self) -> str:
        return "the firewall"

    def _advice(self) -> str:
        return f"; {NAME_WITNESSES}"

    def _can_be_confirmed_by_others(self) -> bool:
        return bool(self._witnesses)

    def _doubt(self) -> None:
        if not self._witnesses and is_own(self._connection.get_option("host")):
            display.warning(
                "the new rules of the firewall were confirmed by the host itself, on which Ansible runs; this "
                f"doesn't prove that it lets others in; {NAME_WITNESSES}"
            )

    def _blame(self, answer: dict[str, Any]) -> str:
        port = answer["ssh_port"] or (self._over_ssh and self._connection.get_option("port")) or SSH_PORT
        return (
            f"{changed_rules(answer['diff'], answer['origins'])}; Ansible's connection needs tcp port {port}, which "
            "sshd_ports, iptables_ssh_ports or iptables_public_tcp_ports opens"
        )

    def _refusal(self, delay: int) -> str:
        """Return why no witness is let in; nothing if one is, or if there is none to ask."""
        reasons = []
        for name in self._witnesses:
            try:
                said = self._ask_witness(name, min(LONGEST_ANSWER, delay // 2))
            except AnsibleError as error:
                said = {"failed": True, "msg": str(error)}
            if not said.get("failed"):
                return ""
            reasons.append(f"the witness {name} got no answer: {said.get('msg')}")
        return "; ".join(reasons)

    def _ask_witness(self, name: str, seconds: int) -> dict[str, Any]:
        """Return what a witness says that tries for some seconds to reach the host's SSH server."""
        witness, shared = self._vars["hostvars"][name], self._connection
        address, port = self._place()
        variables = {**self._vars, "ansible_facts": {}}
        variables.pop("ansible_python_interpreter", None)
        if "ansible_python_interpreter" in witness:
            variables["ansible_python_interpreter"] = witness["ansible_python_interpreter"]
        arguments = {
            "host": address,
            "port": port,
            "search_regex": "^SSH-",
            "timeout": seconds,
            "connect_timeout": seconds,
        }
        self._connection = self._connect(witness, seconds)
        try:
            return self._execute_module("ansible.builtin.wait_for", arguments, task_vars=variables)
        finally:
            self._connection = shared

    def _place(self) -> tuple[str, int]:
        """Return the address and port at which other hosts reach this one's SSH server."""
        name = self._vars["inventory_hostname"]
        variables = self._vars["hostvars"][name]
        if variables.get("iptables_addresses"):
            # Where Ansible comes in may be another port, forwarded to the host.
            first = re.match(r"\d+", str((self._task.args.get("ssh_ports") or [SSH_PORT])[0]))
            port = first and first[0]
        else:
            port = self._connection.get_option("port") if self._over_ssh else variables.get("ansible_port")
        return addresses(name, variables)[0], int(port or SSH_PORT)

    def _connect(self, variables: Mapping[str, Any], timeout: int) -> ConnectionBase:
        """Return a connection to another host of the inventory, by its variables."""
        kind = variables.get("ansible_connection", "ssh")
        connection = self._shared_loader_obj.connection_loader.get(kind, self._play_context)
        known = config.get_plugin_vars("connection", kind)
        keywords = {key: value for key, value in self._task.dump_attrs().items() if key not in {"timeout", "retries"}}
        connection.set_options(
            task_keys=keywords,
            var_options={key: variables[key] for key in known if key in variables},
            direct={"timeout": timeout} if kind == "ssh" else {},
        )
        return connection
