"""Callback plugin: print what changed and what failed, each error once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.plugins.loader import callback_loader

if TYPE_CHECKING:
    from callback_plugins.errors_once import CallbackModule as ErrorsOnce
else:
    ErrorsOnce = callback_loader.get("errors_once", class_only=True)

DOCUMENTATION = """
name: brief
type: stdout
author: Strata contributors
short_description: Print what changed and what failed, each error once
description:
  - Prints as C(errors_once) does, which has the same options, but no headings of plays, no recap, and no tasks that
    changed nothing.
  - C(strata converge) uses it, which tells the plays apart and ends with a table.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""


class CallbackModule(ErrorsOnce):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "brief"

    def set_options(self, *args: Any, **kwargs: Any) -> None:
        """Read the options; tasks that changed nothing are not shown."""
        super().set_options(*args, **kwargs)
        self.set_option("display_ok_hosts", False)
        self.set_option("display_skipped_hosts", False)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Remember the play without a heading."""
        self._play = play

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Say nothing: the play is for others."""

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Leave the recap out."""
