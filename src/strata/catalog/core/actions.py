"""What an action sends to its host first: its own plugin is run, and stopped where it calls a module."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import action_loader, module_loader
from ansible.template import Templar

from strata.catalog.core.unknown import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Actions of Ansible itself whose one call in check mode says what the task would say; `normal` has no plugin.
EXACT = frozenset({"normal", "command", "shell", "service", "package", "dnf", "uri"})

#: The module by which some of them ask the host first.
ASKING = "ansible.legacy.setup"

#: Why tasks are left to Ansible.
ASKS_FOR_FACT = "it asks the host for a fact that is not recorded"
ONLY_ANSIBLE = "its action plugin does more than one call: it must be run by Ansible to know"


@dataclass(frozen=True)
class Call:
    """A module with its arguments; or, with `reason`, an action that does not end with its first call."""

    module: str
    args: dict[str, Any]
    reason: str = ""


class _CalledError(BaseException):
    """Ends an action plugin where it asks the host for something; `call` is what it calls."""

    def __init__(self, call: Call) -> None:
        super().__init__(call.module)
        self.call = call


class _Shell:
    """As far as plugins look at it before their first call."""

    tmpdir = None


class _Connection:
    """Takes the place of a connection to a host, which nobody must need before a module is called."""

    _shell = _Shell()
    socket_path = None
    connected = has_native_async = False

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.transport = str(variables.get("ansible_connection") or "ssh")
        self._variables = variables

    def get_option(self, name: str) -> Any:
        """Return the option as the variable of the same name says."""
        return self._variables.get(f"ansible_{name}")

    def get_options(self) -> dict[str, Any]:
        """Return no options."""
        return {}


def full_name(name: str, collections: list[str] | None = None) -> str:
    """Return the full name of a module, or of an action without one; ours are in ansible.legacy, as Ansible says."""
    found = module_loader.find_plugin_with_context(name, collection_list=collections)
    full = str(found.resolved_fqcn) if found.resolved else name
    return full if "." in full else f"ansible.legacy.{full}"


def first_call(task: Any, variables: dict[str, Any], loader: Any, templar: Any) -> Call | dict[str, Any]:
    """Return what a task calls first, or its result if it calls nothing.

    Args:
        task: the task, with final arguments.
        variables: those of the task.
        loader: Ansible's, of files.
        templar: the engine with the task's variables.

    Raises:
        AnsibleError: the action itself fails before it calls anything.
        RefusedError: likewise, in a way that nobody foresaw.

    """
    plugin = _plugin(task, variables, loader, templar)
    name = type(plugin).__module__.rpartition(".")[2]
    on_host = name == "copy" and boolean(task.args.get("remote_src", False), strict=False)
    if not (on_host or name in EXACT or getattr(plugin, "PLANNED_BY_FIRST_CALL", False)):
        return Call(full_name(task.action, task.collections), plain(dict(task.args)), ONLY_ANSIBLE)
    return _run(plugin, variables)


def local_result(task: Any, variables: dict[str, Any], loader: Any, templar: Any) -> dict[str, Any]:
    """Return the result of an action that needs no host, such as set_fact.

    Raises:
        AnsibleError: it fails.

    """
    plugin = _plugin(task, variables, loader, templar)
    plugin.register_host_variables = _nothing
    found = _run(plugin, variables)
    return found if isinstance(found, dict) else {}


def preflight(task: Any, variables: dict[str, Any], loader: Any, templar: Any) -> str:
    """Return what the action preflight says of a play's parameters with the recorded facts; "" if all is well.

    Raises:
        AnsibleError: what it looks at cannot be read.

    """
    plugin = _plugin(task, variables, loader, templar)
    plugin._gather = dict  # noqa: SLF001 - our own: it would ask the host
    result = _run(plugin, variables)
    return str(result["msg"]) if isinstance(result, dict) and result.get("failed") else ""


def _plugin(task: Any, variables: dict[str, Any], loader: Any, templar: Any) -> Any:
    name = task.action
    if not action_loader.has_plugin(name, collection_list=task.collections):
        name = "ansible.legacy.normal"
    return action_loader.get(
        name,
        task=task,
        connection=_Connection(variables),
        play_context=None,
        loader=loader,
        templar=Templar._from_template_engine(templar),  # noqa: SLF001 - as a run makes it
        shared_loader_obj=None,
        collection_list=task.collections,
    )


def _run(plugin: Any, variables: dict[str, Any]) -> Call | dict[str, Any]:
    """Return what an action plugin, or another one that it calls, asks the host for first, or its result."""
    former = {name: getattr(ActionBase, name) for name in STOPPED}
    try:
        for name, method in STOPPED.items():
            setattr(ActionBase, name, method)
        result: dict[str, Any] = plugin.run(task_vars=variables)
    except _CalledError as called:
        return called.call
    except AnsibleError:
        raise
    except Exception as error:
        raise RefusedError(f"its action plugin fails: {type(error).__name__}: {error}") from error
    finally:
        for name, method in former.items():
            setattr(ActionBase, name, method)
    return result


def _call(plugin: Any, module_name: str | None = None, module_args: Any = None, *_: Any, **__: Any) -> NoReturn:
    """Stand in for the one way by which plugins call modules."""
    task = plugin._task  # noqa: SLF001 - it has no public name
    module = module_name or task.action
    sent = plain(dict(task.args if module_args is None else module_args))
    reason = ASKS_FOR_FACT if module == ASKING else ""
    raise _CalledError(Call(full_name(module, task.collections), sent, reason))


def _ask(plugin: Any, *_: Any, **__: Any) -> NoReturn:
    """Stand in for the other ways to the host."""
    task = plugin._task  # noqa: SLF001 - it has no public name
    raise _CalledError(Call(full_name(task.action, task.collections), plain(dict(task.args)), ONLY_ANSIBLE))


def _nothing(*_: Any, **__: Any) -> None:
    pass


#: Methods of all action plugins that go to the host, or clean up after that, and what they do here.
STOPPED = {
    "_execute_module": _call,
    "_low_level_execute_command": _ask,
    "_make_tmp_path": _ask,
    "_early_needs_tmp_path": _nothing,
    "_remove_tmp_path": _nothing,
}


def plain(value: Any) -> Any:
    """Return a value as JSON knows it, without Ansible's tags."""
    if isinstance(value, dict):
        return {plain(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(entry) for entry in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, str):
        return "".join(value)
    return value.isoformat() if isinstance(value, (dt.datetime, dt.date)) else str(value)
