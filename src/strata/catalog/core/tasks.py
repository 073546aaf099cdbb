"""One task for one item of its loop: whether it runs, and what it calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible import constants
from ansible._internal._templating._engine import TemplateEngine
from ansible.errors import AnsibleError, AnsibleValueOmittedError
from ansible.playbook.play_context import TASK_ATTRIBUTE_OVERRIDES, PlayContext
from ansible.utils.sentinel import Sentinel

from strata.catalog.core.actions import Call, first_call, full_name, plain
from strata.catalog.core.prepared import is_plain
from strata.catalog.core.specs import secret_arguments
from strata.catalog.core.unknown import RefusedError, Unknown, UnknownError
from strata.catalog.resource import Resource

if TYPE_CHECKING:
    from strata.catalog.core.prepared import Prepared
    from strata.catalog.core.site import Site


@dataclass
class Step:
    """A task for one item: `task` has final values unless something is unknown, `variables` are what it sees.

    `prepared` is what `task` was copied from, None if it stands in an include.
    """

    task: Any
    variables: dict[str, Any]
    prepared: Prepared | None = None
    unknown: list[str] = field(default_factory=list)
    item: str = ""
    args: dict[str, Any] | None = None
    become: dict[str, Any] | None = None


class Tasks:
    """Makes final tasks and resources for one host in one play."""

    def __init__(self, site: Site, host: Any, play: Any) -> None:
        """Take Ansible's host and play."""
        self._site, self._host = site, host
        self._context = PlayContext(play=play, passwords={})
        self._context.post_validate(templar=self.engine({}))
        self._contexts: dict[str, Any] = {}

    def engine(self, variables: dict[str, Any]) -> Any:
        """Return the template engine with variables."""
        engine: Any = TemplateEngine(loader=self._site.loader, variables=variables)
        engine._environment = self._site.environment  # noqa: SLF001 - else it would make one, which takes its time
        return engine

    def applies(self, step: Step) -> bool:
        """Tell whether the task runs; if that is not known, `unknown` gets the reason, and it may.

        Raises:
            AnsibleError: a condition cannot be evaluated.

        """
        engine = self.engine(step.variables)
        reasons = []
        for condition in step.task.when:
            try:
                if not engine.evaluate_conditional(condition):
                    return False
            except UnknownError as unknown:
                reasons.append(f"when: {unknown}")
        step.unknown += reasons
        return True

    def delegate(self, step: Step) -> str | None:
        """Add the variables of the host that the task is delegated to, and return its name."""
        engine = self.engine(step.variables)
        found, name = self._site.variables.get_delegated_vars_and_hostname(engine, step.task, step.variables)
        step.task.delegate_to = name
        step.variables.update(found)
        return None if name is None else str(name)

    def finalize(self, step: Step) -> None:
        """Give the task its final values; what is unknown is noted, and has a text in its place.

        Raises:
            AnsibleError: something cannot be evaluated.

        """
        engine = self.engine(step.variables)
        key = self._key(step)
        known = self._contexts.get(key)
        context = known or self._context.set_task_and_variable_override(step.task, step.variables, engine)
        try:
            if known is None:
                _post_validate(context, self._context, engine)
                context.remote_addr = context.remote_addr or self._host.address
            if key:
                self._contexts[key] = context
            context.update_vars(step.variables)
            engine = self.engine(step.variables)
            if step.prepared is None:
                step.task.post_validate(templar=engine)
            else:
                step.prepared.post_validate(step.task, engine)
        except UnknownError as unknown:
            step.args = self._partial(step, engine)
            if str(unknown) not in step.unknown:
                step.unknown.append(str(unknown))
        if context.become:
            method, user = context.become_method or "sudo", context.become_user or "root"
            step.become = {"method": str(method), "user": str(user), "flags": str(context.become_flags or "")}

    def _key(self, step: Step) -> str:
        """Return what says how a task reaches its host, and as whom; "" if that is not known before it is evaluated."""
        told = [getattr(step.task, name, None) for name in (*TASK_ATTRIBUTE_OVERRIDES, "check_mode", "diff")]
        told += [step.variables.get(name) for names in constants.MAGIC_VARIABLE_MAPPING.values() for name in names]
        return repr(told) if step.task.delegate_to is None and all(map(is_plain, told)) else ""

    def _partial(self, step: Step, engine: Any) -> dict[str, Any]:
        """Return the arguments as far as they are known."""
        found = {}
        for name, value in step.task.args.items():
            try:
                found[name] = plain(engine.template(value))
            except AnsibleValueOmittedError:
                continue
            except UnknownError as unknown:
                found[name] = f"(unknown: {unknown})"
                if str(unknown) not in step.unknown:
                    step.unknown.append(str(unknown))
        return found

    def resource(self, step: Step, delegated: str | None) -> Resource | None:
        """Return what the task calls; None if it calls nothing.

        Raises:
            AnsibleError: the action itself fails before it calls anything.
            RefusedError: likewise.

        """
        task = step.task
        if step.args is not None:
            call: Call | dict[str, Any] = Call(full_name(task.action, task.collections), step.args)
        else:
            delegate = step.variables.get("ansible_delegated_vars", {}).get(delegated, step.variables)
            engine = self.engine(step.variables)
            connection = engine.template(delegate.get("ansible_connection", task.connection or "ssh"))
            seen = step.variables | {"ansible_connection": connection}
            try:
                call = first_call(task, seen, self._site.loader, engine)
            except UnknownError as unknown:
                step.unknown.append(str(unknown))
                call = Call(full_name(task.action, task.collections), plain(dict(task.args)))
        if not isinstance(call, Call):
            if call.get("failed"):
                raise RefusedError(str(call.get("msg", "its action plugin fails")))
            return None
        file, line = self._site.place(task.get_path())
        secret = secret_arguments(call.module)
        return Resource(
            module=call.module,
            args=call.args,
            action=str(task.action),
            role=str(task._role.get_name()) if task._role else "",  # noqa: SLF001 - it has no public name
            file=file,
            line=line,
            name="".join(task.name or ""),
            item=step.item,
            tags=tuple(sorted({str(tag) for tag in task.tags})),
            no_log=bool(task.no_log) or secret is None,
            hidden=secret or (),
            become=step.become,
            environment=_environment(task.environment),
            check_mode=None if task.check_mode is True else task.check_mode,
            delegate_to=delegated,
            ignore_errors=bool(task.ignore_errors),
            notify=tuple(str(name) for name in _listed(task.notify)),
            unknown=tuple(step.unknown),
            **self._outcome(step, call),
        )

    def _outcome(self, step: Step, call: Call) -> dict[str, Any]:
        """Return `changed` and `reason`: what the task makes of the module's answer."""
        task, reason, changed = step.task, call.reason, None
        if task.async_val:
            reason = reason or "it goes on in the background (async): it must be run by Ansible to know"
        names = list(task.register or ()) if isinstance(task.register, dict) else [task.register] * bool(task.register)
        unknown = Unknown("what the module answers")
        engine = self.engine(step.variables | dict.fromkeys([*map(str, names), "_task"], unknown))
        for keyword in ("changed_when", "failed_when"):
            conditions = _listed(getattr(task, keyword))
            try:
                verdict = all(engine.evaluate_conditional(condition) for condition in conditions)
            except (UnknownError, AnsibleError):
                reason = (
                    reason or f"its {keyword} depends on what the module answers: it must be run by Ansible to know"
                )
                continue
            if keyword == "changed_when" and conditions:
                changed = verdict
            elif keyword == "failed_when" and conditions and verdict:
                reason = reason or "its failed_when always says that it fails"
        return {"changed": changed, "reason": reason}


def _post_validate(context: Any, former: Any, engine: Any) -> None:
    """Give the attributes of a context their final values, so far as they are others than those of the play's."""
    for name in context.fattributes:
        if getattr(context, name) is not getattr(former, name):
            value = context.post_validate_attribute(name, templar=engine)
            if value is not Sentinel:
                setattr(context, name, value)


def _environment(given: Any) -> dict[str, str]:
    layers = given if isinstance(given, list) else [given or {}]
    return {
        str(name): str(plain(value)) for layer in layers if isinstance(layer, dict) for name, value in layer.items()
    }


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given] * (given is not None)
