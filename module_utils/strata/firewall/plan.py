"""What a firewall is now, what it should be, and what leads from one to the other, as values and as text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.firewall.declared import Family

BOOT_UNIT = "netfilter-persistent.service"


@dataclass(frozen=True)
class Owned:
    """What of a filter table is ours: the rules of our chain, and those of INPUT that lead to it, with positions.

    `ahead` is how many jumps of other programs begin INPUT, and can stay ahead of ours because they let nothing in.
    """

    rules: tuple[str, ...] | None
    jumps: tuple[tuple[int, str], ...]
    ahead: int = field(default=0, compare=False)

    def behind(self, present: Owned) -> Owned:
        """Return this, with the jump to our chain behind those of other programs that can stay ahead of it."""
        return replace(self, jumps=tuple((present.ahead + 1, rule) for _, rule in self.jumps))


@dataclass(frozen=True)
class Change:
    """What happens to the rules of one family."""

    family: Family
    before: Owned
    after: Owned


@dataclass(frozen=True)
class Plan:
    """What is to be done: changes of rules, changes of files, and whether BOOT_UNIT is to be enabled."""

    rules: list[Change]
    written: list[files.Change]
    enable: bool = False

    def lines(self) -> list[str]:
        """Return what changes, for people."""
        lines = [f"{change.family.name} rules" for change in self.rules] + [change.path for change in self.written]
        return [*lines, f"{BOOT_UNIT} enabled"] if self.enable else lines

    def diff(self, chain: str) -> list[dict[str, Any]]:
        """Return the changes in the form of Ansible's `diff` result."""
        diff = [
            _difference(f"{change.family.name} rules in force", show(chain, change.before), show(chain, change.after))
            for change in self.rules
        ] + files.diff(self.written)
        return [*diff, _difference(BOOT_UNIT, "", "enabled\n")] if self.enable else diff


NOTHING = Owned(None, ())


def plan(before: Mapping[Family, Owned], after: Mapping[Family, Owned]) -> list[Change]:
    """Return the changes of the families that are not yet as they should be."""
    return [Change(family, before[family], after[family]) for family in after if before[family] != after[family]]


def with_jump(chain: str, rules: Iterable[str]) -> Owned:
    """Return the state in which the first rule of INPUT, and no other, leads to our chain with these rules."""
    return Owned(tuple(rules), ((1, f"-j {chain}"),))


def transition(chain: str, before: Owned, after: Owned) -> str:
    """Return the input of `iptables-restore --noflush` that leads from one state to another in one transaction."""
    lines = ["*filter", f":{chain} - [0:0]"]  # declaring our chain makes it, or empties it
    lines += [f"-A {chain} {rule}" for rule in after.rules or ()]
    if before.jumps != after.jumps:
        lines += [f"-D INPUT {rule}" for _, rule in before.jumps]
        lines += [f"-I INPUT {position} {rule}" for position, rule in after.jumps]
    if after.rules is None:
        lines.append(f"-X {chain}")
    return "\n".join([*lines, "COMMIT", ""])


def undo_commands(chain: str, changes: Iterable[Change]) -> str:
    """Return the shell commands that undo changes; each sets `status` to 1 when it fails."""
    return "".join(
        f"{change.family.prefix}-restore --noflush --wait=60 <<'END' || status=1\n"
        f"{transition(chain, change.after, change.before)}END\n"
        for change in changes
    )


def show(chain: str, owned: Owned) -> str:
    """Return our part of a filter table for a reader."""
    lines = [f"INPUT, rule {position}: {rule}" for position, rule in owned.jumps]
    if owned.rules is not None:
        lines += [f"chain {chain}:", *(f"  {rule}" for rule in owned.rules)]
    return "".join(f"{line}\n" for line in lines)


def _difference(header: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": header, "after_header": header, "before": before, "after": after}
