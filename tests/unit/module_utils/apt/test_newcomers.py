"""Timers of new packages that do not start."""

from __future__ import annotations

from ansible.module_utils.strata.apt.newcomers import Units
from ansible.module_utils.strata.apt.tools import Tools


def test_timer_that_does_not_start_is_a_warning() -> None:
    tools = Tools(lambda *_, **__: (1, "", "Failed to start x.timer: Unit x.service is masked.\n"), 0)
    assert Units().start_timers(tools) == ""
    said = Units(("x.timer",)).start_timers(tools)
    assert said == "not all of x.timer start: Failed to start x.timer: Unit x.service is masked."
