"""Callback plugin: leave out Ansible's own validation of roles where preflight has validated them already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible import context
from ansible.playbook.task import Task
from ansible.plugins.callback import CallbackBase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible.playbook.block import Block
    from ansible.playbook.play import Play
    from ansible.playbook.role import Role

DOCUMENTATION = """
name: validated_once
type: notification
author: Strata contributors
short_description: Leave out Ansible's own validation of roles where preflight has validated them already
description:
  - A role that has C(meta/argument_specs.yml) gets a task from Ansible that validates its parameters, once for each
    host and role. In a play that begins with C(preflight), which validates all of them before anything else, and the
    contributions too, that is the same work again.
  - What C(preflight) has not validated keeps these tasks. That is a play that does not begin with it, for all hosts,
    under all tags, with nothing that lets a host go on that failed; a run that starts at a later task, skips some or
    asks for each; a play in which tasks set variables later, or include tasks, which may do so; and a role that is
    given parameters or variables in the play or by another role.
"""

VALIDATION = "ansible.builtin.validate_argument_spec"

#: What lets a host go past a task, or past its failure.
WAYS_PAST = (
    "when",
    "run_once",
    "loop",
    "loop_with",
    "ignore_errors",
    "ignore_unreachable",
    "failed_when",
    "delegate_to",
)

#: What sets variables that roles see later, or may bring a task that does.
SETTERS = {"set_fact", "include_vars", "include_tasks", "include_role"}


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "validated_once"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """Take the tasks out of the roles, of which Ansible makes the play's list of tasks after this."""
        if not begins_with_preflight(play) or may_skip_preflight(play) or sets_variables(play):
            return
        for role in play.roles:
            for each in (role, *role.get_all_dependencies()):
                if not gets_variables(each):
                    for block in each.get_task_blocks():
                        block.block = [task for task in block.block if task.action != VALIDATION]


def first_task(play: Play) -> Task | None:
    """Return the task that a play begins with, if it is one before roles and nothing goes on when it fails."""
    block = next((block for block in play.pre_tasks if block.block), None)
    if block is None or block.rescue or not isinstance(block.block[0], Task):
        return None
    return block.block[0]


def begins_with_preflight(play: Play) -> bool:
    """Tell whether the first task of a play is preflight, done by all hosts under all tags, which end if it fails."""
    task = first_task(play)
    return (
        task is not None
        and task.action == "preflight"
        and "always" in task.tags
        and not task.get_vars()
        and all(getattr(task, name) == default_of(task, name) for name in WAYS_PAST)
    )


def default_of(task: Task, name: str) -> Any:
    """Return what a keyword is where nobody gives it."""
    default = task.fattributes[name].default
    return default() if callable(default) else default


def may_skip_preflight(play: Play) -> bool:
    """Tell whether a run may leave out the first task of a play, by where it starts or what it skips."""
    task = first_task(play)
    tags = {"always", "tagged", *(task.tags if task else ())}
    if not tags.isdisjoint(context.CLIARGS.get("skip_tags") or ()):
        return True
    return any(context.CLIARGS.get(name) for name in ("start_at_task", "step"))


def sets_variables(play: Play) -> bool:
    """Tell whether a task of a play sets variables that preflight could not see."""
    roles = (each for role in play.roles for each in (role, *role.get_all_dependencies()))
    blocks = [*play.pre_tasks, *(block for role in roles for block in role.get_task_blocks()), *play.tasks]
    return any(task.action.rpartition(".")[2] in SETTERS for task in tasks(blocks))


def tasks(blocks: Iterable[Block]) -> Iterator[Task]:
    """Give the tasks of blocks, and of those in them."""
    for block in blocks:
        for entry in (*block.block, *block.rescue, *block.always):
            if isinstance(entry, Task):
                yield entry
            else:
                yield from tasks([entry])


def gets_variables(role: Role) -> bool:
    """Tell whether somebody gives variables to a role alone, or to one that depends on it."""
    return any(each.get_role_params() or each.vars for each in (role, *role.get_dep_chain()))
