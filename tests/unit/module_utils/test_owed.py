"""Work that is owed: on the disk until it is done, whoever Ansible logs in as."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import pytest
from ansible.module_utils.strata.owed import Owed

NOBODY = 65534


def test_what_is_owed_is_read_until_it_is_forgotten(tmp_path: Path) -> None:
    owed = Owed("thing", str(tmp_path / "owed"))
    assert owed.read() is None
    owed.note(b"reload")
    owed.note(b"restart")
    assert owed.read() == b"restart"
    assert Path(owed.path).stat().st_mode & 0o777 == 0o600
    owed.forget()
    owed.forget()
    assert owed.read() is None
    assert not (tmp_path / "owed").exists()


def test_what_another_owes_keeps_the_folder(tmp_path: Path) -> None:
    first, second = (Owed(name, str(tmp_path / "owed")) for name in ("first", "second"))
    first.note(b"")
    second.note(b"")
    first.forget()
    assert (first.read(), second.read()) == (None, b"")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_user_without_rights_can_owe() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chown(folder, NOBODY, NOBODY)
        owed = Owed("thing", f"{folder}/owed")
        child = os.fork()
        if not child:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            with contextlib.suppress(OSError):
                owed.note(b"reload")
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert owed.read() == b"reload"
