"""Imports what a run of `ansible-playbook` imports in any case, for processes that are forked later."""

from __future__ import annotations

from importlib import import_module

from ansible.plugins.loader import init_plugin_loader

init_plugin_loader()
for name in (
    "ansible.cli.playbook",
    "ansible.plugins.callback.default",
    "ansible.plugins.connection.ssh",
    "ansible.plugins.filter.core",
    "ansible.plugins.strategy.linear",
    "ansible.plugins.test.core",
    "ansible_collections.ansible.builtin",  # which reads a list of ten thousand lines
):
    import_module(name)
