"""The firewall of a host: put in force what is declared, keep it, or go back to what was there."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files, listeners, quiet
from ansible.module_utils.strata.firewall import addresses, declared, effects
from ansible.module_utils.strata.firewall.boot import desired_files
from ansible.module_utils.strata.firewall.declared import V4, V6
from ansible.module_utils.strata.firewall.host import FirewallError, Host
from ansible.module_utils.strata.firewall.plan import BOOT_UNIT, NOTHING, Change, Plan, plan, undo_commands, with_jump
from ansible.module_utils.strata.rollback import KEPT, Rollback, RollbackError, check_delay, script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible.module_utils.strata.firewall.declared import Family, Rule
    from ansible.module_utils.strata.firewall.plan import Owned
    from ansible.module_utils.strata.quiet import QuietModule

SUBJECT = "iptables"


@dataclass(frozen=True)
class Wanted:
    """What is declared: the rules of each family, which of them are raw, and the addresses of names in them."""

    rules: dict[Family, list[Rule]]
    raw: dict[Family, list[Rule]]
    memory: addresses.Memory


def converge(module: QuietModule) -> dict[str, Any]:
    """Bring the firewall to the declared state, or decide about rules of an earlier call; return the module's result.

    Raises:
        StrataError: the firewall can't be as declared, and is as it was before.

    """
    host = Host(module, declared.check_chain(module.params["chain"]))
    if module.params["confirm"] is None:
        return _converge(module, host)
    if module.params["confirm"]:
        return confirm(host, module.params["change"])
    return Rollback(SUBJECT, host.run).withdraw()


def _declared(module: QuietModule, chain: str) -> Wanted:
    parameters = module.params
    lifetime = declared.check_lifetime(parameters["address_lifetime"])
    allowed = declared.check_hosts(parameters["allowed_hosts"])
    opened = declared.check_openings(parameters)
    denied = declared.check_denied(parameters["denied_sources"])
    raw = {family: declared.check_rules(family, family.parameter, parameters[family.parameter]) for family in (V4, V6)}
    first = {
        family: declared.check_rules(family, family.first_parameter, parameters[family.first_parameter])
        for family in raw
    }
    memory, warnings = addresses.addresses_of(allowed, chain, lifetime)
    for warning in warnings:
        module.warn(warning)
    opened += declared.openings(allowed, memory)
    log_rejects = parameters["log_rejects"]
    rules = {
        family: declared.desired_rules(
            family, opened, raw[family], first=first[family], denied=denied, log_rejects=log_rejects
        )
        for family in raw
    }
    return Wanted(rules, {family: [*first[family], *raw[family]] for family in raw}, memory)


def _converge(module: QuietModule, host: Host) -> dict[str, Any]:
    delay = check_delay(module.params["rollback_delay"])
    wanted = _declared(module, host.chain)
    installed = all(host.has(f"{family.prefix}-restore") for family in wanted.rules)
    if not module.check_mode and not (installed and host.has("netfilter-persistent")):
        raise FirewallError("the packages iptables and iptables-persistent must be installed first")
    undone = []
    if installed:
        alone = {family: host.normalise(family, wanted.rules[family], wanted.raw[family]) for family in wanted.rules}
        if not module.check_mode and Rollback(SUBJECT, host.run).resolve():
            undone.append("unconfirmed rules of an earlier run undone")
        present = {family: host.read(family) for family in alone}
    else:
        alone = {
            family: with_jump(host.chain, (rule.value for rule in wanted.rules[family])) for family in wanted.rules
        }
        present = dict.fromkeys(alone, NOTHING)
    after = {family: alone[family].behind(present[family]) for family in alone}
    _warn(module, host, wanted, present, after)
    todo = Plan(
        rules=plan(present, after),
        written=files.plan(desired_files(host.chain, alone)),
        enable=not host.starts_at_boot(),
    )
    result = quiet.result(undone + todo.lines(), todo.diff(host.chain))
    if module.check_mode:
        return result
    # What is remembered of names is no part of what was declared, so writing it down is no change.
    remembered = files.plan({addresses.path(host.chain): addresses.noted(wanted.memory)})
    todo = dataclasses.replace(todo, written=todo.written + remembered)
    origins = {change.family.name: host.origins(change, wanted.rules[change.family]) for change in todo.rules if delay}
    if name := apply(host, todo, delay=delay, note=json.dumps(wanted.memory)):
        result.update(unconfirmed=delay, change=name, origins=origins, ssh_port=_ssh_port())
    return result


def _warn(
    module: QuietModule, host: Host, wanted: Wanted, present: Mapping[Family, Owned], after: Mapping[Family, Owned]
) -> None:
    """Warn of rules that can never apply, and of ports at which something listens that will be closed."""
    for family, owned in after.items():
        rules = wanted.rules[family]
        opened = {rule.value for rule in rules if rule.origin} - {rule.value for rule in wanted.raw[family]}
        fixed = {rule.value for rule in rules if not rule.origin}
        if found := list(effects.never_applied(owned.rules or (), opened, fixed)):
            origins = host.origins(Change(family, NOTHING, owned), rules)
            for rule, by in found:
                module.warn(
                    f"{origins.get(rule, family.parameter)}: the {family.name} rule {rule!r} never applies: "
                    f"{by!r}, ahead of it, takes all packets that it is about"
                )
    before, will_be = ({family.name: owned for family, owned in each.items()} for each in (present, after))
    if closed := effects.closed(listeners.from_outside(), before, will_be):
        ports = ", ".join(f"{port} of {listeners.holder(port)}" for port in closed)
        module.warn(
            f"the new rules close ports at which something listens: {ports}; what others shall reach belongs in "
            "iptables_public_tcp_ports, iptables_public_udp_ports or iptables_allowed_hosts"
        )


def _ssh_port() -> int | None:
    """Return the port at which the host's SSH server let this run in; None if it doesn't say so."""
    words = os.environ.get("SSH_CONNECTION", "").split()
    return int(words[-1]) if words else None


def apply(host: Host, todo: Plan, *, delay: int = 0, note: str = "") -> str:
    """Put rules in force, and keep them for the next boot unless they must be confirmed first.

    Return the name of the change that must be confirmed, nothing if none must. Whoever confirms it finds `note`.

    Raises:
        FirewallError: something failed, and what was there is there again.
        RollbackError: the timer could not be started, and nothing was changed.

    """
    for change in todo.rules:
        host.restore(change, test=True)
    guarded = bool(todo.rules and delay)
    guard = Rollback(SUBJECT, host.run)
    name = guard.arm(delay, script(undo_commands(host.chain, todo.rules), note)) if guarded else ""
    try:
        for change in todo.rules:
            host.restore(change)
            host.verify(change)
        if guarded:
            guard.require_pending(delay)
        else:
            keep(host, todo)
    except (FirewallError, RollbackError, OSError) as error:
        rollback(host, todo, error)
        if guarded:
            guard.disarm()
        raise FirewallError(f"{error}; everything is as it was before") from error
    return name


def keep(host: Host, todo: Plan) -> None:
    """Keep the rules for the next boot."""
    files.apply(todo.written)
    if todo.enable:
        host.checked(["systemctl", "enable", "--quiet", BOOT_UNIT])


def confirm(host: Host, change: str) -> dict[str, Any]:
    """Keep the rules in force, which somebody outside has been let in by; say whether it is too late for that."""
    guard = Rollback(SUBJECT, host.run)
    if guard.was_kept(change):
        return dict(KEPT)
    if not guard.confirm(change):
        return guard.withdraw()
    written: list[files.Change] = []
    try:
        rules = {family: host.read(family).rules or () for family in (V4, V6)}
        desired = desired_files(host.chain, {family: with_jump(host.chain, rules[family]) for family in rules})
        memory = json.loads(guard.note())
        written = files.plan({**desired, addresses.path(host.chain): addresses.noted(memory)})
        keep(host, Plan([], written, enable=not host.starts_at_boot()))
    except (FirewallError, OSError) as error:
        guard.undo_confirmed()
        lost = files.undo(written)
        guard.disarm()
        fate = f"the rollback failed as well: {'; '.join(lost)}" if lost else "everything is as it was before"
        raise FirewallError(f"{error}; {fate}") from error
    return guard.keep()


def rollback(host: Host, todo: Plan, error: Exception) -> None:
    """Bring rules and files back to what they were before `error`, each family whatever becomes of the other."""
    failures = []
    for change in todo.rules:
        try:
            now = host.read(change.family)
            if now != change.before:
                host.restore(Change(change.family, now, change.before))
        except FirewallError as failure:
            failures.append(str(failure))
    failures += files.undo(todo.written)
    if failures:
        raise FirewallError(f"{error}; the rollback failed as well: {'; '.join(failures)}") from error
