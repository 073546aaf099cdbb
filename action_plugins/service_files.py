"""The files of a service from the control side: those that may lock us out stay only if they let us in again."""

from __future__ import annotations

from ansible.plugins.loader import action_loader


class ActionModule(action_loader.get("guarded_change", class_only=True)):
    """The module service_files; with `rollback_delay`, changed files are confirmed over a new SSH connection."""
