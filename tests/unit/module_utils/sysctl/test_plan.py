"""What is changed in the running kernel, and what is refused."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.sysctl.declared import Setting
from ansible.module_utils.strata.sysctl.host import Actual
from ansible.module_utils.strata.sysctl.plan import Change, plan

PANIC = Setting("kernel/panic", "10", origin="a")


def test_what_differs_is_changed() -> None:
    assert plan([PANIC], {PANIC.name: Actual("0", writable=True)}) == [Change(PANIC, "0")]
    assert plan([PANIC], {PANIC.name: Actual("10")}) == []


def test_what_cannot_be_set_here_is_refused() -> None:
    message = r"^kernel.panic \(a\) is 0 and can't be set here, as in a container: set it on the machine below$"
    with pytest.raises(StrataError, match=message):
        plan([PANIC], {PANIC.name: Actual("0")})


def test_an_unknown_one_is_refused_unless_it_is_optional() -> None:
    unknown = Actual(None, unknown="'panic' in kernel")
    with pytest.raises(StrataError, match=r"^kernel.panic \(a\): the kernel of this host has no 'panic' in kernel$"):
        plan([PANIC], {PANIC.name: unknown})
    assert plan([Setting("kernel/panic", "10", optional=True)], {PANIC.name: unknown}) == []
