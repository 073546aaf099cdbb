"""The files of a service from the control side: those that may lock us out stay only if they let us in again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible.plugins.loader import action_loader

if TYPE_CHECKING:
    from action_plugins.guarded_change import ActionModule as GuardedChange
else:
    GuardedChange = action_loader.get("guarded_change", class_only=True)


class ActionModule(GuardedChange):
    """The module service_files; with `rollback_delay`, changed files are confirmed over a new SSH connection."""
