"""A host's way through its plays: blocks, roles, includes, and what tasks set for later ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ansible._internal._task import TaskContext
from ansible.errors import AnsibleError
from ansible.playbook.block import Block
from ansible.playbook.helpers import load_list_of_blocks

from strata.catalog.core.actions import local_result, plain, preflight
from strata.catalog.core.limits import limited
from strata.catalog.core.loops import item_variables, items_of
from strata.catalog.core.secrets import secrets
from strata.catalog.core.tasks import Step, Tasks
from strata.catalog.core.unknown import Facts, RefusedError, Unknown, UnknownError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.catalog.core.site import Site
    from strata.catalog.resource import Resource

#: Actions that change nothing on a host, and tell it nothing: there is nothing to plan.
SILENT = frozenset({"debug", "pause", "validate_argument_spec", "wait_for_connection"})

#: Actions that ask the host for facts, which the recorded ones stand for.
FACTS = frozenset({"setup", "gather_facts"})

#: The action that checks a play's parameters, with the recorded facts here.
PREFLIGHT = "preflight"

#: Actions that are done here: what they set, or whether they fail, is known without the host.
LOCAL = frozenset({"set_fact", "include_vars", "assert", "fail"})

#: Actions that make a host's tasks depend on what was run on others.
REFUSED = frozenset({"add_host", "group_by"})

INCLUDES = frozenset({"include_tasks", "include_role"})

#: Values of `meta` that change nothing of what is applied.
HARMLESS = frozenset({"flush_handlers", "noop", "reset_connection", "clear_host_errors"})

#: How deep includes may be nested.
DEEPEST = 50


class _EndError(Exception):
    """Ends the play of a host."""


class Walk:
    """One host, walked through all plays that it is in."""

    def __init__(self, site: Site, host: str) -> None:
        """Take the host's name."""
        self._site, self.name = site, host
        self._host = site.inventory.get_host(host)
        self.secrets: set[str] = set()
        self.at: Any = None
        self._depth = 0

    def resources(self) -> Iterator[Resource]:
        """Give the resources in order; `at` is the task at hand, for messages.

        Raises:
            AnsibleError: something cannot be read or evaluated.
            RefusedError: something cannot be compiled.
            UnknownError: what only the host knows decides what is read.

        """
        manager = self._site.variables
        manager._vars_cache.clear()  # noqa: SLF001 - of both there is no public name
        others = dict.fromkeys(self._site.hosts, self._site.set_by_tasks)
        manager._nonpersistent_fact_cache |= others | {self.name: {}}  # noqa: SLF001
        for play, hosts in self._site.plays(self.name):
            if play.vars_prompt:
                raise RefusedError(f"the play {play.get_name()!r} asks for variables (vars_prompt)")
            self._play, self._hosts = play, hosts
            self._tasks = Tasks(self._site, self._host, play)
            self._kept: dict[Any, dict[str, Any]] = {}
            self._done: set[int] = set()
            self._begun: set[int] = set()
            self._ended: Any = None
            try:
                for block in self._site.blocks(play, hosts):
                    yield from self._block(block)
            except _EndError:
                continue
            finally:
                found = self._site.variables.get_vars(play=play, host=self._host, _hosts=hosts, _hosts_all=hosts)
                facts = Facts(self.name, found.get("ansible_facts") or {})
                self.secrets.update(secrets(play, self._site.loader, found | {"ansible_facts": facts}))

    def placed(self, text: str) -> str:
        """Return a sentence with the file and line that it is about, and with the role of the task at hand."""
        text = text.replace(f"{self._site.tree}/", "")
        if self.at is None:
            return text
        role = f"role {self.at._role.get_name()}: " if self.at._role else ""  # noqa: SLF001 - it has no public name
        path, told, rest = text.partition(": ")
        if told and path.rpartition(":")[2].isdigit():
            return f"{path}: {role}{rest}"
        file, line = self._site.place(self.at.get_path())
        return f"{file}:{line}: {role}{text}" if file else text

    def _blocks(self, blocks: list[Any]) -> Iterator[Resource]:
        variables = self._site.variables.get_vars(play=self._play, _hosts=self._hosts, _hosts_all=self._hosts)
        for block in blocks:
            yield from self._block(block.filter_tagged_tasks(variables))

    def _block(self, block: Any) -> Iterator[Resource]:
        """Give what a block applies if nothing fails: not what is in `rescue`."""
        for entry in (*block.block, *block.always):
            if isinstance(entry, Block):
                yield from self._block(entry)
            else:
                self.at = entry
                with limited():
                    found = list(self._task(entry))
                yield from found

    def _task(self, task: Any) -> Iterator[Resource]:
        role = task._role  # noqa: SLF001 - it has no public name
        cached = None if role is None else self._play._get_cached_role(role)  # noqa: SLF001 - as the executor does
        if cached is not None and id(cached) in self._done and role._metadata.allow_duplicates is False:  # noqa: SLF001
            return
        if self._ended is not None and role is self._ended and task.args.get("_raw_params") != "role_complete":
            return
        action = _plain_name(str(task.action))
        if action == "meta":
            self._meta(task, cached)
            return
        if cached is not None:
            self._begun.add(id(cached))
        if action in SILENT:
            return
        variables = self._variables(task)
        if "{{" in str(task.action):
            action = _plain_name(str(self._tasks.engine(variables).template(task.action)))
        if action in REFUSED:
            raise RefusedError(f"{action} makes what is applied depend on the runs of other hosts")
        if action in FACTS:
            return
        with _context(task, variables, self.name):
            yield from self._run(task, action, variables)

    def _run(self, task: Any, action: str, variables: dict[str, Any]) -> Iterator[Resource]:
        """Give what a task applies, once for each item, and set what it registers."""
        if self._runs_elsewhere(task, action, variables):
            return
        ran = False
        for step in self._steps(task, variables):
            delegated = self._tasks.delegate(step)
            if not self._tasks.applies(step):
                continue
            ran = True
            if action in INCLUDES:
                yield from self._include(step, action)
            else:
                self._tasks.finalize(step)
                if action in LOCAL or action == PREFLIGHT:
                    variables.update(self._locally(step, action))
                elif (resource := self._tasks.resource(step, delegated)) is not None:
                    yield resource
        self._register(task, ran=ran, loop=task.loop is not None)

    def _steps(self, task: Any, variables: dict[str, Any]) -> Iterator[Step]:
        """Give the task for each item; what one item sets in `variables`, the next one sees."""
        engine = self._tasks.engine(variables)
        try:
            items = items_of(task, engine)
        except UnknownError as unknown:
            reason = f"the loop: {unknown}"
            item = {"item": Unknown(reason), task.loop_control.loop_var or "item": Unknown(reason)}
            step = self._step(task, variables | item)
            step.unknown, step.item = [reason], "(unknown)"
            yield step
            return
        except AnsibleError:
            # As the executor does: a condition may say that nobody needs the items.
            if self._tasks.applies(self._step(task, dict(variables))):
                raise
            return
        if items is None:
            yield self._step(task, variables)
            return
        control = task.loop_control.copy()
        control.post_validate(templar=engine)
        for at, found in enumerate(item_variables(control, items)):
            step = self._step(task, {**variables, **found})
            step.item = self._label(control, step.variables)
            if at and getattr(control, "break_when", None):
                step.unknown.append("break_when may end the loop before this item")
            yield step

    def _step(self, task: Any, variables: dict[str, Any]) -> Step:
        """Return a copy of a task, and of what it stands in, that may be given final values."""
        prepared = self._site.prepared(task)
        if prepared is not None:
            return Step(prepared.copy(), variables, prepared)
        copied = task.copy(exclude_tasks=True)
        copied.squash()
        return Step(copied, variables)

    def _label(self, control: Any, variables: dict[str, Any]) -> str:
        item = variables[control.loop_var]
        try:
            shown = self._tasks.engine(variables).template(control.label) if control.label else item
        except (UnknownError, AnsibleError):
            shown = item
        return shown if isinstance(shown, str) else f"{plain(shown)}"

    def _runs_elsewhere(self, task: Any, action: str, variables: dict[str, Any]) -> bool:
        """Tell whether a task is run once for all hosts of the play, and on another one than this."""
        if not self._tasks.engine(variables).template(task.run_once):
            return False
        if self._play.serial:
            raise RefusedError("run_once in a play with serial: its host is not known")
        if action in LOCAL and self._hosts[0] != self.name:
            raise RefusedError(f"{action} with run_once sets what the first host of the play sees")
        if self._hosts[0] == self.name:
            return False
        self._register(task, ran=True, loop=False)
        return True

    def _locally(self, step: Step, action: str) -> dict[str, Any]:
        """Do an action that needs no host, and return the variables that it sets."""
        if step.task.delegate_to and step.task.delegate_facts:
            raise RefusedError(f"{action} with delegate_facts sets what another host sees")
        if action == "set_fact" and step.task.args.get("cacheable"):
            raise RefusedError("set_fact with cacheable changes the recorded facts")
        if step.unknown and action == "include_vars":
            raise UnknownError(step.unknown[0])
        if step.unknown:
            names = step.task.args if action == "set_fact" else ()
            return self._set({name: Unknown(step.unknown[0]) for name in names})
        engine = self._tasks.engine(step.variables)
        if action == PREFLIGHT:
            self._preflight(step, engine)
            return {}
        try:
            result = local_result(step.task, step.variables, self._site.loader, engine)
        except UnknownError:
            return {}  # whether it fails is not known, as with any other task
        if result.get("failed"):
            raise RefusedError(str(result.get("msg") or result.get("message") or f"{action} fails"))
        facts = result.get("ansible_facts") if action in {"set_fact", "include_vars"} else None
        return self._set(facts or {}, included=action == "include_vars")

    def _preflight(self, step: Step, engine: Any) -> None:
        """Have the play's parameters checked, if there are facts to check them with."""
        if not step.variables["ansible_facts"]:
            return
        problems = preflight(step.task, step.variables, self._site.loader, engine)
        if problems:
            raise RefusedError(problems)

    def _set(self, values: dict[str, Any], *, included: bool = False) -> dict[str, Any]:
        """Set variables of the host for the tasks that come, and return them."""
        if not values:
            return values
        manager = self._site.variables
        cache = manager._vars_cache if included else manager._nonpersistent_fact_cache  # noqa: SLF001 - by both cores
        cache[self.name] = {**cache.get(self.name, {}), **values}
        self._kept.clear()
        return values

    def _register(self, task: Any, *, ran: bool, loop: bool) -> None:
        """Set what a task registers: what the module answers, which only the host knows, or that it was skipped."""
        names = list(task.register) if isinstance(task.register, dict) else [task.register] * bool(task.register)
        if not names:
            return
        file, line = self._site.place(task.get_path())
        if ran:
            value: Any = Unknown(f"{names[0]} is what the task at {file}:{line} gets as its result")
        elif loop:
            value = {"changed": False, "skipped": True, "results": []}
        else:
            value = {"changed": False, "skipped": True, "skip_reason": "Conditional result was False"}
        self._set({str(name): value for name in names})

    def _include(self, step: Step, action: str) -> Iterator[Resource]:
        if step.unknown:
            raise RefusedError(f"{action}: whether it is included is not known: {step.unknown[0]}")
        self._depth += 1
        if self._depth > DEEPEST:
            raise RefusedError(f"includes are nested more than {DEEPEST} deep")
        engine = self._tasks.engine(step.variables)
        task = step.task
        if task.loop is not None or step.item:
            control = task.loop_control
            task.vars = {**task.vars, **{name: step.variables[name] for name in _loop_names(control, step.variables)}}
        blocks = self._role_blocks(task) if action == "include_role" else self._file_blocks(task, engine)
        yield from self._blocks(blocks)
        self._depth -= 1

    def _file_blocks(self, task: Any, engine: Any) -> list[Any]:
        name = engine.template(task.args["_raw_params"])
        path = self._included(task, str(name))
        data = self._site.loader.load_from_file(path, trusted_as_template=True)
        if data is None:
            return []
        if not isinstance(data, list):
            raise AnsibleError("Included files of tasks must contain a list of tasks.", obj=data)
        found: list[Any] = load_list_of_blocks(
            data,
            play=self._play,
            parent_block=task.build_parent_block(),
            role=task._role,  # noqa: SLF001 - it has no public name
            use_handlers=False,
            loader=self._site.loader,
            variable_manager=self._site.variables,
        )
        return found

    def _included(self, task: Any, name: str) -> str:
        """Return the path of an included file: in the tasks of the role, or beside what includes it."""
        loader, role = self._site.loader, task._role  # noqa: SLF001 - it has no public name
        here = os.path.dirname(task.get_path().rpartition(":")[0])  # noqa: PTH120 - it is a text
        places = [here] if role is None else [os.path.join(role._role_path, "tasks"), here]  # noqa: PTH118, SLF001
        for place in places:
            path = os.path.join(place, name)  # noqa: PTH118
            if loader.path_exists(path):
                return path
        return str(loader.path_dwim_relative_stack(task.get_search_path(), "tasks", name))

    def _role_blocks(self, task: Any) -> list[Any]:
        if "{{" in str(task._role_name):  # noqa: SLF001 - it has no public name
            raise RefusedError("include_role with a name that is computed: which roles a host has must be known")
        blocks, _ = task.get_block_list(
            play=self._play, variable_manager=self._site.variables, loader=self._site.loader
        )
        return list(blocks)

    def _meta(self, task: Any, role: Any) -> None:
        what = task.args.get("_raw_params")
        if what == "role_complete":
            self._ended = None
            if id(role) in self._begun:
                self._done.add(id(role))
            return
        if what in HARMLESS:
            return
        if what not in {"end_host", "end_role"}:
            raise RefusedError(f"meta: {what} is not known without a run")
        step = Step(task, self._variables(task))
        if self._tasks.applies(step):
            if step.unknown:
                raise RefusedError(f"meta: {what}: {step.unknown[0]}")
            if what == "end_host":
                raise _EndError
            self._ended = task._role  # noqa: SLF001 - it has no public name

    def _variables(self, task: Any) -> dict[str, Any]:
        """Return what a task sees; tasks of one role that set nothing themselves see the same."""
        search = task.get_search_path()
        chain = tuple(map(id, task.get_dep_chain() or ()))
        key = (id(task._role), chain, tuple(search))  # noqa: SLF001 - it has no public name
        own = bool(task.get_vars() or task.get_include_params())
        if own or key not in self._kept:
            found = self._site.variables.get_vars(
                play=self._play, host=self._host, task=task, _hosts=self._hosts, _hosts_all=self._hosts
            )
            found |= {"ansible_current_hosts": list(self._hosts), "ansible_failed_hosts": []}
            found["ansible_facts"] = Facts(self.name, found.get("ansible_facts") or {})
            base = self._site.loader.get_basedir()
            found["ansible_search_path"] = search if base in search else [*search, base]
            if own:
                return dict(found)
            self._kept[key] = found
        return {**self._kept[key], "environment": task.environment}


def _context(task: Any, variables: dict[str, Any], host: str) -> Any:
    """Return the context in which lookups find the task that they are called by, as each core makes it."""
    create = getattr(TaskContext, "create", None)
    return create(task=task, task_vars=variables, host_name=host) if create else TaskContext(task)


def _loop_names(control: Any, variables: dict[str, Any]) -> list[str]:
    names = ("ansible_loop", "ansible_loop_var", "ansible_index_var", control.loop_var, control.index_var)
    return [name for name in names if name and name in variables]


def _plain_name(action: str) -> str:
    return action.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")
