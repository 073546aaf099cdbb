"""The commands of iptables and systemd on a host, and what they say about its firewall."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.firewall.rules import (
    BUILT_IN_CHAINS,
    NOTHING,
    Change,
    Family,
    FirewallError,
    Owned,
    Rule,
    parse,
    transition,
    with_jump,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible.module_utils.basic import AnsibleModule

BOOT_UNIT = "netfilter-persistent.service"


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
        output, refusal = self.load_text_alone(family, transition(chain, NOTHING, with_jump(chain, rules)))
        if refusal:
            return NOTHING, refusal
        foreign = [line for line in output.splitlines() if re.match(rf"-A (?!{re.escape(chain)} )", line)]
        chains = set(re.findall(r"^:(\S+)", output, re.MULTILINE))
        if len(foreign) != 1 or not chains <= {*BUILT_IN_CHAINS, chain} or not (owned := parse(output, chain)).rules:
            return NOTHING, "it does something else than add rules to our chain"
        return owned, ""

    def load_text_alone(self, family: Family, text: str) -> tuple[str, str]:
        """Load a table into an empty network namespace; return what is saved from there and, if it is refused, why."""
        script = '"$0" --wait=60 && "$1" -t filter'
        programs = [self.module.get_bin_path(f"{family.prefix}-{verb}", required=True) for verb in ("restore", "save")]
        status, output, message = self.run(["unshare", "--net", "sh", "-c", script, *programs], text)
        if status and message.startswith("unshare: unshare failed"):
            raise FirewallError(
                f"rules are validated in an empty network namespace, which this host doesn't let us make: {message}"
            )
        return ("", message.removeprefix("unshare: ")) if status else (output, "")

    def normalise(self, family: Family, chain: str, rules: Iterable[Rule], raw: Iterable[Rule]) -> Owned:
        """Return the desired state as the kernel will print it; raise FirewallError naming the rule that is refused."""
        owned, refusal = self.load_alone(family, chain, [rule.value for rule in rules])
        if not refusal:
            return owned
        for rule in raw:
            _, message = self.load_alone(family, chain, [rule.value])
            if message:
                raise FirewallError(f"{rule.origin}: {family.prefix} refuses the rule {rule.value!r}: {message}")
        raise FirewallError(f"{family.prefix} refuses the rules of chain {chain}: {refusal}")

    def origins(self, change: Change, rules: Iterable[Rule]) -> dict[str, str]:
        """Return the origin of each rule that a change adds, by the rule as the kernel prints it, where it is known."""
        # iptables prints a rule in another form than a user writes it, or makes several of it: each gets a chain.
        known = [rule for rule in rules if rule.origin]
        chains = "".join(f":rule-{number} - [0:0]\n" for number in range(len(known)))
        content = "".join(f"-A rule-{number} {rule.value}\n" for number, rule in enumerate(known))
        output, _ = self.load_text_alone(change.family, f"*filter\n{chains}{content}COMMIT\n")
        printed = re.findall(r"^-A rule-(\d+) (.*)$", output, re.MULTILINE)
        added = set(change.after.rules or ()) - set(change.before.rules or ())
        return {rule: known[int(number)].origin for number, rule in printed if rule in added}

    def starts_at_boot(self) -> bool:
        """Tell whether the saved rules are loaded at boot."""
        return self.run(["systemctl", "is-enabled", "--quiet", BOOT_UNIT])[0] == 0
