"""The commands of iptables and systemd on a host, and what they say about its firewall."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.firewall.plan import BOOT_UNIT, NOTHING, Change, Owned, transition, with_jump

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible.module_utils.strata.firewall.declared import Family, Rule
    from ansible.module_utils.strata.quiet import QuietModule

BUILT_IN_CHAINS = {"INPUT", "FORWARD", "OUTPUT"}

# Targets that never let a packet in; a rule without one only counts.
HARMLESS = {"", "DROP", "REJECT", "RETURN", "LOG", "NFLOG"}


class FirewallError(StrataError):
    """The firewall of this host can't be as declared; the message says why in one sentence."""


@dataclass(frozen=True)
class Host:
    """The firewall of this host, of which one chain is ours."""

    module: QuietModule
    chain: str

    def has(self, program: str) -> bool:
        """Tell whether the program is installed."""
        return self.module.get_bin_path(program) is not None

    def run(self, command: Sequence[str], data: bytes = b"", **environment: str) -> tuple[int, str, str]:
        """Run a command as commands.Run says; its message is one line that names it.

        Raises:
            FirewallError: it could not be run, or died without reading its input.

        """
        try:
            status, output, errors = self.module.run_command(
                [self.module.get_bin_path(command[0], required=True), *command[1:]],
                data=data,
                binary_data=True,
                environ_update={"LC_ALL": "C.UTF-8", **environment},
                handle_exceptions=False,  # else it ends the module, with half of the rules changed
            )
        except OSError as error:
            raise FirewallError(f"{command[0]}: {error.strerror}") from error
        hints = ("Error occurred at line", "Try `", "# Warning")
        lines = [line.strip() for line in errors.splitlines() if line.strip() and not line.startswith(hints)]
        message = " ".join(lines) or f"ended with status {status}"
        return status, output, message if message.startswith(command[0]) else f"{command[0]}: {message}"

    def checked(self, command: Sequence[str], data: bytes = b"") -> str:
        """Run a command and return its output; raise FirewallError with its message when it fails."""
        status, output, message = self.run(command, data)
        if status:
            raise FirewallError(message)
        return output

    def read(self, family: Family) -> Owned:
        """Return what of the kernel's filter table is ours."""
        return parse(self.checked([f"{family.prefix}-save", "-t", "filter"]), self.chain)

    def restore(self, change: Change, *, test: bool = False) -> None:
        """Put a change in force, or only have it tested."""
        command = [f"{change.family.prefix}-restore", "--noflush", "--wait=60", *(["--test"] if test else [])]
        self.checked(command, transition(self.chain, change.before, change.after).encode())

    def verify(self, change: Change) -> None:
        """Raise FirewallError unless the kernel has what the change says."""
        if self.read(change.family) != change.after:
            raise FirewallError(f"another program changed the {change.family.name} rules at the same time")

    def load_alone(self, family: Family, rules: Iterable[str]) -> tuple[Owned, str]:
        """Load rules into an empty network namespace; return what iptables makes of them and, if it refuses, why."""
        chain = self.chain
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
        status, output, message = self.run(["unshare", "--net", "sh", "-c", script, *programs], text.encode())
        if status and message.startswith("unshare: unshare failed"):
            raise FirewallError(
                f"rules are validated in an empty network namespace, which this host doesn't let us make: {message}"
            )
        return ("", message.removeprefix("unshare: ")) if status else (output, "")

    def normalise(self, family: Family, rules: Iterable[Rule], raw: Iterable[Rule]) -> Owned:
        """Return the desired state as the kernel will print it; raise FirewallError naming the rule that is refused."""
        owned, refusal = self.load_alone(family, [rule.value for rule in rules])
        if not refusal:
            return owned
        for rule in raw:
            _, message = self.load_alone(family, [rule.value])
            if message:
                raise FirewallError(f"{rule.origin}: {family.prefix} refuses the rule {rule.value!r}: {message}")
        raise FirewallError(f"{family.prefix} refuses the rules of chain {self.chain}: {refusal}")

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


def parse(saved: str, chain: str) -> Owned:
    """Return what is ours in the filter table that `iptables-save` printed."""
    rules: list[str] | None = None
    jumps = []
    position = 0
    others: list[str] = []
    chains: dict[str, list[str]] = {}
    for line in saved.splitlines():
        if line.startswith("# Table `filter' is incompatible"):
            raise FirewallError(
                "the filter table has rules of nft that iptables can't read: remove them with nft first"
            )
        if line.startswith(f":{chain} "):
            rules = []
        elif rules is not None and line.startswith(f"-A {chain} "):
            rules.append(line.removeprefix(f"-A {chain} "))
        elif line.startswith("-A INPUT "):
            position += 1
            if line.endswith((f" -j {chain}", f" -g {chain}")):
                jumps.append((position, line.removeprefix("-A INPUT ")))
            else:
                others.append(line)
        elif found := re.match(r"-A (\S+) |:(\S+) -", line):
            chains.setdefault(found[1] or found[2], []).append(line)
    # Behind a `-g` nothing of INPUT follows any more.
    ahead = itertools.takewhile(
        lambda line: _target(line) in chains and " -g " not in line and _lets_nothing_in(line, chains), others
    )
    return Owned(None if rules is None else tuple(rules), tuple(jumps), len(list(ahead)))


def _target(line: str) -> str:
    """Return where a rule, or a line that declares a chain, sends packets; nothing if nowhere."""
    found = re.search(r" -[jg] (\S+)", re.sub(r'"(\\.|[^"\\])*"', "", line))
    return found[1] if found else ""


def _lets_nothing_in(line: str, chains: Mapping[str, list[str]]) -> bool:
    """Tell whether a rule, and all that it jumps to, can only reject packets or leave them to the next rule."""
    if (target := _target(line)) in chains:
        return all(_lets_nothing_in(each, chains) for each in chains[target])
    return target in HARMLESS
