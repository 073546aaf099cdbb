"""What hosts answered, as people and programs read it."""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from strata.catalog.resource import Seal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strata.catalog.resource import Catalog, Resource
    from strata.plan.ask import Answers

#: Lines of a difference in a file's contents around what differs.
CONTEXT = 3


@dataclass(frozen=True)
class Finding:
    """What became of a resource on a host.

    Attributes:
        state: `change`, `failed`, or `unknown` if a plan cannot tell.
        place: file and line of the task that wants it.
        role: the task's role, "" for one of a play.
        name: the task's name, with the item of its loop.
        lines: what would change, or why it failed or is not known.
        diff: the contents of files before and after, as a unified diff; "" without.

    """

    state: str
    place: str
    role: str
    name: str
    lines: tuple[str, ...]
    diff: str = ""


@dataclass(frozen=True)
class HostPlan:
    """What would change on a host.

    Attributes:
        host: its name.
        findings: of all resources but those that are as they should be.
        wrong: why the host could not be asked, or not to the end; "" if it was.
        asked: how many of its resources it was asked for.
        calls: how many remote calls that took.
        seconds: how long it took.

    """

    host: str
    findings: tuple[Finding, ...] = ()
    wrong: str = ""
    asked: int = 0
    calls: int = 0
    seconds: float = 0

    def having(self, *states: str) -> list[Finding]:
        """Return the findings with one of these states."""
        return [finding for finding in self.findings if finding.state in states]

    @property
    def failed(self) -> bool:
        """Whether the host, or one of its resources, has no plan."""
        return bool(self.wrong or self.having("failed"))

    def data(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self)


def not_asked(resource: Resource) -> list[str]:
    """Return why a call of a resource's module does not tell what a run would do; nothing if it does."""
    if resource.delegate_to is not None:
        return [f"it runs on {resource.delegate_to}, so only Ansible knows"]
    if resource.reason:
        return [resource.reason]
    if resource.check_mode is False and resource.changed is not False:
        return ["it is run for real in check mode (check_mode: false), so only Ansible knows"]
    return list(resource.unknown)


def host_plan(catalog: Catalog, answers: Answers) -> HostPlan:
    """Return the plan of a host from the answers to those of its resources that were asked for."""
    seal = Seal(catalog.secrets)
    findings = []
    number = 0
    for resource in catalog.resources:
        if why := not_asked(resource):
            findings.append(_finding("unknown", resource, seal, why))
        else:
            findings += _found(resource, answers.results[number], seal) if number in answers.results else []
            number += 1
    wrong, seconds = seal.of(answers.wrong), round(answers.seconds, 2)
    return HostPlan(catalog.host, tuple(findings), wrong, number, answers.calls, seconds)


def _found(resource: Resource, result: dict[str, Any], seal: Seal) -> list[Finding]:
    changed = bool(result.get("changed")) if resource.changed is None else resource.changed
    message = f"{result.get('msg') or ''}"
    if result.get("failed"):
        state = "unknown" if resource.ignore_errors else "failed"
        return [_finding(state, resource, seal, [_message(result) or "it fails and does not say why"])]
    if result.get("skipped") and resource.changed is None:
        return [_finding("unknown", resource, seal, [message or "its module has no check mode"])]
    if not changed:
        return []
    finding = _finding("change", resource, seal, [f"{line}" for line in _list(result.get("changes"))])
    text = "".join(_diff(each) for each in _list(result.get("diff")) if isinstance(each, dict))
    return [finding if resource.no_log else replace(finding, diff=f"{seal.of(text)}")]


def _finding(state: str, resource: Resource, seal: Seal, lines: Iterable[str]) -> Finding:
    name = f"{resource.name or resource.action}{f' ({resource.item})' if resource.item else ''}"
    shown = ("(hidden: no_log)",) if resource.no_log else tuple(f"{seal.of(line)}" for line in lines)
    return Finding(state, resource.place, resource.role, f"{seal.of(name)}", shown)


def _message(result: dict[str, Any]) -> str:
    """Return why a module failed: what it says, or what Ansible says of an exception in it."""
    exception = result.get("exception")
    event = exception.get("event") if isinstance(exception, dict) else None
    told = event.get("msg") if isinstance(event, dict) else exception
    return f"{result.get('msg') or told or ''}".strip().split("\nTraceback")[0]


def _list(value: Any) -> list[Any]:
    """Return a value as modules mean it that give one thing for a list of one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _diff(each: dict[str, Any]) -> str:
    """Return one of a result's differences as a unified diff."""
    if isinstance(each.get("prepared"), str):
        return str(each["prepared"]).rstrip("\n") + "\n"
    before, after = (_text(each.get(side)) for side in ("before", "after"))
    old, new = (str(each.get(f"{side}_header") or side) for side in ("before", "after"))
    lines = difflib.unified_diff(before, after, old, new, lineterm="", n=CONTEXT)
    return "".join(f"{line}\n" for line in lines)


def _text(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{name}: {entry}" for name, entry in value.items()]
    return [] if value is None else str(value).splitlines()


def groups(plans: Iterable[HostPlan], *, diff: bool) -> list[list[HostPlan]]:
    """Return plans together that have the same findings, those of most hosts first.

    Args:
        plans: those of hosts.
        diff: whether what would change in files must be the same, too.

    """
    found: dict[tuple[tuple[Finding, ...], str], list[HostPlan]] = {}
    for plan in plans:
        findings = plan.findings if diff else tuple(replace(each, diff="") for each in plan.findings)
        found.setdefault((findings, plan.wrong), []).append(plan)
    return sorted(found.values(), key=lambda group: (-len(group), group[0].host))
