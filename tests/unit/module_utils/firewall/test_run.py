"""What becomes of the firewall when a command fails, and who decides about new rules; no host is touched."""

import dataclasses

import pytest
from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.firewall import run
from ansible.module_utils.strata.firewall.declared import V4, V6
from ansible.module_utils.strata.firewall.host import FirewallError
from ansible.module_utils.strata.firewall.plan import NOTHING, Change, Owned, Plan, undo_commands, with_jump
from ansible.module_utils.strata.rollback import Rollback, RollbackError, script

CHAIN = "strata-INPUT"


class Kernel:
    """Filter tables in memory, in place of a host's commands."""

    chain = CHAIN

    def __init__(self, tables, *, fails=None):
        self.tables = dict(tables)
        self.fails = fails
        self.commands = []

    def read(self, family):
        return self.tables[family]

    def restore(self, change, *, test=False):
        if self.fails == (change.family, "test" if test else "apply"):
            raise FirewallError("no luck")
        if not test:
            assert self.tables[change.family] == change.before
            self.tables[change.family] = change.after

    def verify(self, change):
        if self.fails == (change.family, "verify"):
            raise FirewallError("no luck")

    def checked(self, command):
        if self.fails == command[0]:
            raise FirewallError("no luck")
        self.commands.append(command[0])

    def run(self, command):
        if self.fails == command[0]:
            return 1, "", "no luck"
        self.commands.append(command[0])
        return 0, "", ""


@pytest.fixture
def work(tmp_path):
    """Return a change of both families and of a file."""
    after = with_jump(CHAIN, ["-j DROP"])
    path = tmp_path / "rules.v4"
    path.write_text("old\n")
    before = files.read(str(path))
    change = files.Change(str(path), before, dataclasses.replace(before, content=b"new\n"))
    return path, [Change(V4, Owned(("-j ACCEPT",), ((2, f"-j {CHAIN}"),)), after), Change(V6, NOTHING, after)], [change]


def test_rules_and_files_are_put_in_force(work):
    path, changes, written = work
    kernel = Kernel({change.family: change.before for change in changes})
    run.apply(kernel, Plan(changes, written, enable=True))
    assert kernel.tables == {change.family: change.after for change in changes}
    assert path.read_text() == "new\n"


@pytest.mark.parametrize(
    "fails", [(V4, "test"), (V6, "test"), (V4, "apply"), (V6, "apply"), (V6, "verify"), "systemctl"]
)
def test_whatever_fails_everything_is_as_before(work, fails):
    path, changes, written = work
    before = {change.family: change.before for change in changes}
    kernel = Kernel(before, fails=fails)
    with pytest.raises(FirewallError, match="no luck"):
        run.apply(kernel, Plan(changes, written, enable=True))
    assert kernel.tables == before
    assert path.read_text() == "old\n"


def test_a_file_that_cannot_be_written_undoes_the_rules(work, tmp_path):
    _, changes, _ = work
    (tmp_path / "file").touch()
    unwritable = files.Change(str(tmp_path / "file" / "rules.v4"), None, files.File(b"new\n"))
    before = {change.family: change.before for change in changes}
    kernel = Kernel(before)
    with pytest.raises(FirewallError, match="as it was before"):
        run.apply(kernel, Plan(changes, [unwritable]))
    assert kernel.tables == before


def test_files_that_cannot_be_put_back_are_said(work, monkeypatch):
    _, changes, written = work
    monkeypatch.setattr(files, "undo", lambda _: ["/a: No space left on device"])
    kernel = Kernel({change.family: change.before for change in changes}, fails="systemctl")
    with pytest.raises(FirewallError, match="no luck; the rollback failed as well: /a: No space left on device"):
        run.apply(kernel, Plan(changes, written, enable=True))


@pytest.fixture
def pending(tmp_path, monkeypatch):
    """Keep the files of the rollback in a folder of the test."""
    monkeypatch.setattr(paths, "RUNTIME", str(tmp_path / "strata"))
    monkeypatch.setattr(files.os, "fchown", lambda *_: None)
    return tmp_path / "strata" / "iptables-rollback"


def test_guarded_rules_are_in_force_but_not_saved(work, pending):
    path, changes, written = work
    kernel = Kernel({change.family: change.before for change in changes})
    name = run.apply(kernel, Plan(changes, written, enable=True), delay=30)
    assert kernel.tables == {change.family: change.after for change in changes}
    assert kernel.commands == ["systemd-run"]
    assert path.read_text() == "old\n"
    assert pending.stat().st_mode & 0o777 == 0o600
    assert pending.read_text() == f"# Change: {name}\n{script(undo_commands(CHAIN, changes))}"


@pytest.mark.parametrize("fails", [(V4, "apply"), (V6, "verify"), "systemd-run"])
def test_guarded_rules_that_fail_leave_no_timer(work, pending, fails):
    _, changes, written = work
    before = {change.family: change.before for change in changes}
    kernel = Kernel(before, fails=fails)
    with pytest.raises((FirewallError, RollbackError), match="no luck"):
        run.apply(kernel, Plan(changes, written, enable=True), delay=30)
    assert kernel.tables == before
    assert not pending.exists()
    assert kernel.commands == ([] if fails == "systemd-run" else ["systemd-run", "systemctl"])


def test_rules_that_were_in_force_too_late_to_be_guarded_are_rolled_back(work, pending):
    _, changes, written = work
    before = {change.family: change.before for change in changes}
    kernel = Kernel(before)
    kernel.verify = lambda *_: pending.unlink(missing_ok=True)
    with pytest.raises(FirewallError, match=r"longer than rollback_delay, 5 s.*as it was before"):
        run.apply(kernel, Plan(changes, written, enable=True), delay=5)
    assert kernel.tables == before


@pytest.mark.usefixtures("pending")
def test_whoever_confirms_finds_the_note(work):
    _, changes, _ = work
    kernel = Kernel({change.family: change.before for change in changes})
    name = run.apply(kernel, Plan(changes, []), delay=30, note='{"a": {}}')
    pending = Rollback("iptables", kernel.run)
    assert pending.confirm(name)
    assert pending.note() == '{"a": {}}'


@pytest.mark.usefixtures("pending")
def test_rules_whose_confirmation_got_no_answer_are_confirmed_again(work):
    _, changes, _ = work
    kernel = Kernel({change.family: change.before for change in changes})
    name = run.apply(kernel, Plan(changes, []), delay=30)
    pending = Rollback("iptables", kernel.run)
    assert pending.confirm(name)
    pending.keep()
    assert run.confirm(kernel, name) == {"changed": True, "confirmed": True}
    assert kernel.tables == {change.family: change.after for change in changes}
    assert not run.confirm(kernel, "another")["confirmed"]
