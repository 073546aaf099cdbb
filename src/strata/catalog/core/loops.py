"""The items of a task's loop, as ansible-core's executor finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible._internal._datatag import _utils
from ansible._internal._datatag._tags import TrustedAsTemplate
from ansible._internal._templating._jinja_plugins import _DirectCall, _invoke_lookup
from ansible.errors import AnsibleError

from strata.catalog.core.unknown import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: More items than this are a mistake.
MOST = 10_000


def items_of(task: Any, templar: Any) -> list[Any] | None:
    """Return the items of a task's loop, None for a task without one.

    Args:
        task: Ansible's task.
        templar: the engine with the task's variables.

    Raises:
        AnsibleError: they cannot be evaluated, or are no list.
        UnknownError: only the host knows them.
        RefusedError: there are too many.

    """
    if task.loop_with:
        items = _looked_up(task, templar)
    elif task.loop is not None:
        items = templar.template(task.loop)
    else:
        return None
    if not isinstance(items, list):
        raise AnsibleError("The `loop` value must be a list.", obj=task.loop)
    if len(items) > MOST:
        raise RefusedError(f"the loop has {len(items)} items, of which there may be {MOST}")
    return items


def _looked_up(task: Any, templar: Any) -> Any:
    terms = task.loop
    if isinstance(terms, str):
        terms = templar.resolve_to_container(_utils.str_problematic_strip(terms))
    terms = terms if isinstance(terms, list) else [terms]

    @_DirectCall.mark  # type: ignore[untyped-decorator] # Ansible has no types
    def invoke_lookup() -> Any:
        return _invoke_lookup(
            plugin_name=task.loop_with, lookup_terms=terms, lookup_kwargs={"wantlist": True}, invoked_as_with=True
        )

    expression = TrustedAsTemplate().tag("invoke_lookup()")
    return templar.evaluate_expression(expression, local_variables={"invoke_lookup": invoke_lookup})


def item_variables(control: Any, items: list[Any]) -> Iterator[dict[str, Any]]:
    """Give for each item the variables that the task sees besides.

    Args:
        control: the task's loop_control, with final values.
        items: those of the loop.

    """
    for at, item in enumerate(items):
        found: dict[str, Any] = {"ansible_loop_var": control.loop_var, control.loop_var: item}
        if control.index_var:
            found |= {"ansible_index_var": control.index_var, control.index_var: at}
        if control.extended:
            found["ansible_loop"] = _extended(items, at) | ({"allitems": items} if control.extended_allitems else {})
        yield found


def _extended(items: list[Any], at: int) -> dict[str, Any]:
    count = len(items)
    return {
        "index": at + 1,
        "index0": at,
        "first": at == 0,
        "last": at + 1 == count,
        "length": count,
        "revindex": count - at,
        "revindex0": count - at - 1,
        **({"nextitem": items[at + 1]} if at + 1 < count else {}),
        **({"previtem": items[at - 1]} if at else {}),
    }
