"""What of tasks is the same for all hosts, done once: the values that they inherit, and those that are no templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible._internal._templating._engine import TemplateEngine
from ansible.errors import AnsibleError
from ansible.playbook.block import Block
from ansible.utils.sentinel import Sentinel

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How templates begin.
BEGINNINGS = ("{{", "{%", "{#")

#: What an action plugin makes final, whatever stands there.
ARGS = "args"


@dataclass(frozen=True)
class Prepared:
    """A task of a role or a play.

    Attributes:
        task: it has all that it inherits, and final values where no template is.
        names: its other attributes.
        above: what it stands in, each with the attributes of it that are evaluated for a task and are templates.

    """

    task: Any
    names: tuple[str, ...]
    above: tuple[tuple[Any, tuple[str, ...]], ...]

    def copy(self) -> Any:
        """Return a copy for one host, or for one item of the task's loop."""
        copied = self.task.copy(exclude_parent=True, exclude_tasks=True)
        copied._parent = self.task._parent  # noqa: SLF001 - of what Ansible's own copy does there is no public name
        copied._squashed = True  # noqa: SLF001
        return copied

    def post_validate(self, task: Any, templar: Any) -> None:
        """Do with a copy what the method of the same name does.

        Raises:
            AnsibleError: a value cannot be evaluated.

        """
        for block, names in self.above:
            for name in names:
                block.post_validate_attribute(name, templar=templar)
        for name in self.names:
            value = task.post_validate_attribute(name, templar=templar)
            if value is not Sentinel:
                setattr(task, name, value)
        task._finalized = True  # noqa: SLF001


def prepared(task: Any) -> Prepared | None:
    """Return a task prepared; None if it stands in an include, whose values are those of a host."""
    above = list(_above(task))
    if not all(isinstance(block, Block) for block in above):
        return None
    copied = task.copy(exclude_tasks=True)
    copied.squash()
    engine: Any = TemplateEngine(variables={})
    names = tuple(name for name in copied.fattributes if not _finalize(copied, name, engine))
    return Prepared(copied, names, tuple((block, _templates(block)) for block in above))


def _above(task: Any) -> Iterator[Any]:
    parent = task._parent  # noqa: SLF001 - it has no public name
    while parent is not None:
        yield parent
        parent = parent._parent  # noqa: SLF001


def _finalize(task: Any, name: str, engine: Any) -> bool:
    """Give an attribute its final value, and tell whether it has one without a host."""
    attribute = task.fattributes[name]
    value = getattr(task, name)
    if attribute.static or (value is None and not attribute.required):
        return True
    if name == ARGS or not is_plain(value):
        return False
    try:
        found = task.post_validate_attribute(name, templar=engine)
    except AnsibleError:
        return False  # it is told where the task is run
    if found is not Sentinel:
        setattr(task, name, found)
    return True


def _templates(block: Any) -> tuple[str, ...]:
    attributes = block.fattributes.items()
    names = (name for name, attribute in attributes if attribute.always_post_validate and not attribute.static)
    return tuple(name for name in names if not is_plain(getattr(block, name)))


def is_plain(value: Any) -> bool:
    """Tell whether a value is the same for all hosts: no template, and nothing that Ansible makes another value of."""
    if value is None or isinstance(value, (bool, int, float)):
        return True
    if isinstance(value, str):
        return not any(beginning in value for beginning in BEGINNINGS)
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(map(is_plain, value)) and all(map(is_plain, value.values()))
    return False
