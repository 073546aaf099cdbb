"""What becomes of files, and of what is owed, when Apache takes a change, refuses it, or dies of it."""

import os
from pathlib import Path

import pytest
from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.apache import effect
from ansible.module_utils.strata.apache.configtest import RefusedError
from ansible.module_utils.strata.apache.service import NotServingError
from ansible.module_utils.strata.files import Change, File


class FakeApache:
    """An Apache that dies of the first so many actions; it notes what it was asked for."""

    def __init__(self, dies=0):
        self.dies, self.asked = dies, []

    def activate(self, action, ports, sites):  # noqa: ARG002
        self.asked.append((action, [*ports], effect.owed().read()))
        if len(self.asked) <= self.dies:
            raise NotServingError(f"it exited after the {action}", "AH00020: Configuration Failed, exiting")

    def systemctl(self, verb):
        self.asked.append(verb)
        return ""


class FakeTest:
    """A test of the configuration that has this to say."""

    def __init__(self, says=""):
        self.says = says

    def refusal(self):
        return self.says

    def blame(self, refused):
        raise RefusedError(refused)


@pytest.fixture
def change(tmp_path, monkeypatch):
    """Return the change of a file, on a host that owes nothing."""
    monkeypatch.setattr(paths, "RUNTIME", str(tmp_path / "run"))
    own = (os.getuid(), os.getgid())
    (tmp_path / "file").write_text("old")
    return Change(str(tmp_path / "file"), File(b"old", 0o644, *own), File(b"new", 0o644, *own))


def bring_about(change, apache, test=None, action="reload", *, was_active=True):
    effect.Effect(apache, test or FakeTest(), [], [80]).bring_about([change], action, was_active=was_active)


@pytest.mark.parametrize(
    ("action", "noted"), [("reload", b"reload\n"), ("restart", b"restart\n"), ("start", b"restart\n")]
)
def test_action_is_owed_until_apache_serves(change, action, noted):
    apache = FakeApache()
    bring_about(change, apache, action=action)
    assert apache.asked == [(action, [80], noted)]
    assert effect.owed().read() is None
    assert Path(change.path).read_text() == "new"


@pytest.mark.parametrize("before", [None, b"restart\n"])
def test_what_was_owed_before_a_refused_change_still_is(change, before):
    if before:
        effect.owed().note(before)
    apache = FakeApache()
    with pytest.raises(RefusedError, match="Invalid command"):
        bring_about(change, apache, FakeTest("Invalid command"))
    assert (apache.asked, effect.owed().read()) == ([], before)
    assert Path(change.path).read_text() == "old"


def test_change_that_cannot_be_tested_is_undone(change, monkeypatch):
    def full(_):
        raise OSError("No space left on device")

    monkeypatch.setattr(FakeTest, "refusal", full)
    with pytest.raises(OSError, match="No space left"):
        bring_about(change, FakeApache())
    assert effect.owed().read() is None
    assert Path(change.path).read_text() == "old"


def test_apache_that_dies_is_started_with_the_old_files(change):
    apache = FakeApache(dies=1)
    with pytest.raises(RefusedError, match=r"(?s)\(it exited after the reload\): AH00020.*Apache serves with them\.$"):
        bring_about(change, apache)
    assert apache.asked[1:] == ["reset-failed", ("restart", [], b"reload\n")]
    assert effect.owed().read() is None
    assert Path(change.path).read_text() == "old"


def test_apache_that_was_stopped_is_stopped_again(change):
    apache = FakeApache(dies=1)
    with pytest.raises(RefusedError, match="Apache is stopped, as it was"):
        bring_about(change, apache, action="start", was_active=False)
    assert apache.asked[1:] == ["reset-failed", "stop"]
    assert effect.owed().read() is None


def test_apache_that_stays_dead_is_still_owed_its_start(change):
    with pytest.raises(RefusedError, match="Apache does not run with them either"):
        bring_about(change, FakeApache(dies=9))
    assert effect.owed().read() == b"reload\n"
    assert Path(change.path).read_text() == "old"


@pytest.mark.parametrize("why", ["refused", "dies"])
def test_files_that_cannot_be_put_back_are_said_and_still_owed(change, monkeypatch, why):
    monkeypatch.setattr(files, "undo", lambda _: ["/a: No space left on device"])
    test, dies = (FakeTest("Invalid command"), 0) if why == "refused" else (FakeTest(), 1)
    with pytest.raises(RefusedError, match=r"(?s)(Invalid|AH00020).*Not all files are as before: /a: No space left"):
        bring_about(change, FakeApache(dies), test)
    assert effect.owed().read() == b"reload\n"


@pytest.mark.parametrize(
    ("owed", "action", "stronger"),
    [
        (None, None, None),
        (None, "reload", "reload"),
        (b"reload\n", None, "reload"),
        (b"reload\n", "restart", "restart"),
        (b"restart\n", "reload", "restart"),
    ],
)
@pytest.mark.usefixtures("change")
def test_what_is_owed_counts_if_it_is_more(owed, action, stronger):
    if owed:
        effect.owed().note(owed)
    assert effect.stronger(action) == stronger


def test_place_of_what_is_owed_is_that_of_earlier_versions():
    assert effect.owed().path == "/run/strata/httpd-reload-owed"
