"""Callback plugin: give templates the variables of a task as they are, not a deep copy of all of them each time."""

from __future__ import annotations

import sys
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import lookup_loader

DOCUMENTATION = """
name: shallow_templates
type: notification
author: Strata contributors
short_description: Give templates the variables of a task as they are, not a deep copy of all of them each time
description:
  - C(lookup('ansible.builtin.template')) copies all variables of the host, with all that is in them, for each template,
    which takes 20 to 50 ms. With this plugin it copies their names alone.
  - What a template alters in a variable nobody else sees all the same, as Ansible gives it copies of what it looks at.
"""


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "shallow_templates"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Have the lookup, which all tasks find loaded, copy no more than it must."""
        del playbook
        # As tasks get it: by its plain name, newer Ansibles import another copy of its module.
        lookup = lookup_loader.get("ansible.builtin.template", class_only=True)
        template: Any = sys.modules[lookup.__module__]
        if hasattr(template, "deepcopy"):
            template.deepcopy = dict
