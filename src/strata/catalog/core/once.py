"""What Ansible does anew for each task and host, and comes out the same: done once."""

from __future__ import annotations

import contextlib
import dataclasses
import weakref
from typing import TYPE_CHECKING, Any

from ansible._internal._templating import _jinja_bits, _jinja_plugins, _lazy_containers
from ansible.playbook.role import Role
from ansible.plugins.loader import action_loader, module_loader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: So many variables are worth to be kept wrapped, for so many tasks, as templates see them.
MANY, MOST_WRAPPED = 30, 32

#: What a role says of variables, which is the same for all hosts.
ROLE_VARIABLES = ("get_default_vars", "get_vars")

LOADERS = (action_loader, module_loader)


class Once:
    """Compiled templates and expressions, filters, places of plugins, and variables of roles, kept from use to use."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._templates: dict[Any, Any] = {}
        self._expressions: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()
        self._functions: dict[str, dict[str, Any]] = {}
        self._found: dict[Any, Any] = {}

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Have all of that kept."""
        environment: Any = _jinja_bits.AnsibleEnvironment
        lazy: Any = _lazy_containers._AnsibleLazyTemplateDict  # noqa: SLF001 - it has no public name
        filters: Any = _jinja_plugins.JinjaPluginIntercept
        changes = [
            (environment, "compile", _templates(environment.compile, self._templates)),
            (environment, "compile_expression", _expressions(environment.compile_expression, self._expressions)),
            (filters, "__init__", _sharing(filters.__init__, self._functions)),
            (lazy, "_lazy_values", staticmethod(_wrapping(lazy._lazy_values))),  # noqa: SLF001
            *((Role, name, _role_variables(getattr(Role, name))) for name in ROLE_VARIABLES),
            *((each, "find_plugin_with_context", _finding(each, self._found)) for each in LOADERS),
        ]
        with replaced(changes):
            yield


@contextlib.contextmanager
def replaced(changes: Iterable[tuple[Any, str, Any]]) -> Iterator[None]:
    """Have attributes replaced, and put them back: each an object, a name, and what it is meanwhile."""
    with contextlib.ExitStack() as stack:
        for owner, name, value in changes:
            if name in vars(owner):
                stack.callback(setattr, owner, name, vars(owner)[name])
            else:
                stack.callback(delattr, owner, name)
            setattr(owner, name, value)
        yield


def _compiling() -> str:
    """Return how templates are compiled at the moment."""
    return repr(_jinja_bits._TemplateCompileContext.current(optional=True))  # noqa: SLF001 - it has no public name


def _templates(compile_: Callable[..., Any], kept: dict[Any, Any]) -> Callable[..., Any]:
    """Return a method that compiles each template once."""

    def compile_once(self: Any, source: Any, *args: Any, **options: Any) -> Any:
        if args or options or not isinstance(source, str):
            return compile_(self, source, *args, **options)
        names = _jinja_bits._TEMPLATE_OVERRIDE_FIELD_NAMES  # noqa: SLF001 - as callback_plugins/kept_templates.py
        key = (str(source), _compiling(), *(getattr(self, name) for name in names))
        if key not in kept:
            kept[key] = compile_(self, source)
        return kept[key]

    return compile_once


def _expressions(compile_: Callable[..., Any], kept: weakref.WeakKeyDictionary[Any, Any]) -> Callable[..., Any]:
    """Return a method that compiles each expression once for an environment."""

    def compile_once(self: Any, source: str, *args: Any, **options: Any) -> Any:
        key = (str(source), _compiling(), args, *options.items())
        own = kept.setdefault(self, {})
        if key not in own:
            own[key] = compile_(self, source, *args, **options)
        return own[key]

    return compile_once


def _sharing(begin: Callable[..., None], functions: dict[str, dict[str, Any]]) -> Callable[..., None]:
    """Return a constructor that lets all environments have the same filters, and tests, once they are found."""

    def share(self: Any, builtins: Any, loader: Any) -> None:
        begin(self, builtins, loader)
        self._wrapped_funcs = functions.setdefault(loader.type, self._wrapped_funcs)

    return share


def _wrapping(wrap: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that wraps the values of variables once, for all templates that see the same ones."""
    wrapped: dict[Any, dict[str, Any]] = {}

    def wrap_once(values: dict[str, Any], lazy_options: Any) -> Any:
        if len(values) < MANY:
            return wrap(values, lazy_options)
        key = (*values, *map(id, values.values()))
        if key not in wrapped:
            if len(wrapped) >= MOST_WRAPPED:
                wrapped.clear()
            # With the values in it, which so keep their identities.
            wrapped[key] = {name: _lazy_containers._LazyValue(value) for name, value in values.items()}  # noqa: SLF001
        return dataclasses.replace(wrap({}, lazy_options), source=wrapped[key])

    return wrap_once


def _role_variables(get: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that merges the variables of each role once; who gets them must not change them."""

    def get_once(self: Any, dep_chain: Any = None, **options: Any) -> Any:
        # What is in the chain lives as long as the role, which depends on it.
        key = (get.__name__, tuple(map(id, dep_chain or ())), *options.items())
        own = vars(self).setdefault("_kept_variables", {})
        if key not in own:
            own[key] = get(self, dep_chain, **options)
        return own[key]

    return get_once


def _finding(loader: Any, kept: dict[Any, Any]) -> Callable[..., Any]:
    """Return a method that looks for each plugin until it is found: further roles may bring further folders."""
    find = loader.find_plugin_with_context

    def find_once(*args: Any, **options: Any) -> Any:
        key = (loader.type, loader.class_name, repr((args, options)))
        if key not in kept:
            found = find(*args, **options)
            if not found.resolved:
                return found
            kept[key] = found
        return kept[key]

    return find_once
