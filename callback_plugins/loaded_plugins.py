"""Callback plugin: load the plugins that tasks need once, before tasks get processes of their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, lookup_loader, test_loader

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = """
name: loaded_plugins
type: notification
author: Strata contributors
short_description: Load the plugins that tasks need once, before tasks get processes of their own
description:
  - Ansible runs each task of each host in a process of its own, which loads the filters, tests and lookups of its
    templates anew, with all that these import. This plugin loads them before, and the processes inherit them.
"""


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "loaded_plugins"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Load them; the folders of plugins are known by now."""
        del playbook
        filter_loader.get("ansible.builtin.combine")
        test_loader.get("ansible.builtin.match")
        for loader in (filter_loader, test_loader, lookup_loader):
            for name in own(loader):
                loader.get(name, class_only=True)


def own(loader: Any) -> Iterator[str]:
    """Give the names of the plugins in the folders that are configured, beside those of Ansible itself."""
    for folder in loader.config:
        if os.path.isdir(folder):
            yield from (name.removesuffix(".py") for name in sorted(os.listdir(folder)) if name.endswith(".py"))
