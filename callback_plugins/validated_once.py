"""Callback plugin: leave out Ansible's own validation of roles where preflight has validated them already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible import context
from ansible.plugins.callback import CallbackBase

if TYPE_CHECKING:
    from ansible.playbook.play import Play

DOCUMENTATION = """
name: validated_once
type: notification
author: Strata contributors
short_description: Leave out Ansible's own validation of roles where preflight has validated them already
description:
  - A role that has C(meta/argument_specs.yml) gets a task from Ansible that validates its parameters, once for each
    host and role. In a play that begins with C(preflight), which validates all of them before anything else, and the
    contributions too, that is the same work again.
  - A play without C(preflight), and a run that starts at a later task, keep these tasks.
"""

VALIDATION = "ansible.builtin.validate_argument_spec"


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "validated_once"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """Take the tasks out of the roles, of which Ansible makes the play's list of tasks after this."""
        if not begins_with_preflight(play) or context.CLIARGS.get("start_at_task"):
            return
        for role in play.roles:
            blocks = [block for each in (role, *role.get_all_dependencies()) for block in each.get_task_blocks()]
            for block in blocks:
                block.block = [task for task in block.block if task.action != VALIDATION]


def begins_with_preflight(play: Play) -> bool:
    """Tell whether the first task of a play is preflight, for all hosts and under all tags."""
    first = next((task for block in play.pre_tasks for task in block.block), None)
    return first is not None and first.action == "preflight" and not first.when and "always" in first.tags
