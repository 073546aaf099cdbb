"""A transaction: what runs, in which order, and what it says it did."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from ansible.module_utils.strata import paths
from ansible.module_utils.strata.apt import lists, policy, tools, transaction
from ansible.module_utils.strata.apt.debconf import Answer
from ansible.module_utils.strata.apt.declared import Wish, Wishes
from ansible.module_utils.strata.apt.host import AptError
from ansible.module_utils.strata.apt.tools import Tools
from ansible.module_utils.strata.apt.transaction import Transaction

from .sample import wish


class Machine:
    """Plays apt and dpkg: knows some packages, after an update some more."""

    def __init__(self, installed=("less",), known=("rsync",), after_update=()):
        self.status = dict.fromkeys(["dpkg", *installed], "ii ")
        self.known = set(known)
        self.after_update = set(after_update)
        self.commands = []
        self.install_answers = []
        self.data = []
        self.begun = []
        self.update_says = ""
        self.simulation = None

    def __call__(self, command, data=b"", **_):
        if data:
            self.data.append(data)
            return 0, "", ""
        if command[0] == "dpkg-query":
            return 0, "".join(f"{status}\t{name}\tamd64\t1\t\t\n" for name, status in self.status.items()), ""
        simulated = "--option=APT::Get::Simulate=true" in command
        words = [word for word in command if not word.startswith(("--option", "--force"))]
        self.commands.append(" ".join(["simulate", *words] if simulated else words))
        if command[0] == "dpkg":
            self.status = {name: "ii " if status == "iU " else status for name, status in self.status.items()}
        elif command[-1] == "update":
            self.known |= self.after_update
            return 0, "", self.update_says
        else:
            return self.install(command[command.index("--") + 1 :], simulated)
        return 0, "", ""

    def install(self, names, simulated):
        install = [name for name in names if not name.endswith("-")]
        if unknown := [name for name in install if name not in self.known]:
            return 100, "", "".join(f"E: Unable to locate package {name}\n" for name in unknown)
        if simulated and self.simulation:
            return self.simulation
        if simulated:
            return 0, "".join(f"Inst {name} (1 x)\n" for name in install), ""
        if self.install_answers:
            return self.install_answers.pop(0)
        self.status |= dict.fromkeys(install, "ii ")
        self.status |= {name[:-1]: "rc " for name in names if name.endswith("-")}
        return 0, "", ""


@pytest.fixture
def transact(tmp_path, monkeypatch):
    """Return a function that runs a transaction on a machine, with fresh lists unless told otherwise."""
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/x_InRelease").touch()
    monkeypatch.setattr(lists, "FOLDER", str(tmp_path / "lists"))
    monkeypatch.setattr(lists, "STAMP", str(tmp_path / "stamp"))
    monkeypatch.setattr(transaction, "JOURNAL", str(tmp_path / "updates"))
    monkeypatch.setattr(tools, "holder", lambda _: "")
    monkeypatch.setattr(paths, "OWED", str(tmp_path / "owed"))
    monkeypatch.setattr(policy, "PATH", str(tmp_path / "policy-rc.d"))

    def run(machine, wanted=(), absent=(), lists_max_age=3600, begun=None):
        wishes = Wishes(
            *(
                [wish(each, "someone") if isinstance(each, str) else each for each in names]
                for names in (wanted, absent)
            ),
            lists_max_age=lists_max_age,
        )
        return Transaction(
            Tools(machine, 0), wishes, begin=lambda news: machine.begun.append(sorted(news)), begun=begun
        )

    return run


def test_everything_is_one_transaction(transact):
    machine = Machine(known=["rsync", "zip"])
    assert transact(machine, ["rsync", "zip"], ["less"]).execute() == ({"rsync": "1", "zip": "1"}, {"less": "1"})
    install = "apt-get -q -y install -- rsync zip less-"
    assert machine.commands == [f"simulate {install}", install]


def test_lists_are_updated_first_when_they_are_old(transact):
    machine = Machine()
    transact(machine, ["rsync"], lists_max_age=-1).execute()
    assert machine.commands[0] == "apt-get -q update"
    assert machine.commands.count("apt-get -q update") == 1


def test_lists_are_not_updated_for_a_removal(transact):
    machine = Machine()
    transact(machine, [], ["less"], lists_max_age=-1).execute()
    assert "apt-get -q update" not in machine.commands


def test_what_apt_warns_of_is_kept_though_it_went_well(transact):
    machine = Machine()
    machine.update_says = (
        "W: Failed to fetch https://u:p@example.org/x\nW: They have been ignored, or old ones used instead.\n"
    )
    planned = transact(machine, ["rsync"], lists_max_age=-1)
    planned.execute()
    assert planned.warnings == [
        "Failed to fetch https://***@example.org/x",
        "They have been ignored, or old ones used instead.",
    ]


def test_unknown_package_is_looked_for_in_updated_lists(transact):
    machine = Machine(after_update=["new"])
    assert transact(machine, ["new"]).execute() == ({"new": "1"}, {})
    assert machine.commands[1] == "apt-get -q update"


def test_unknown_package_installs_nothing(transact):
    machine = Machine()
    with pytest.raises(AptError, match=r"nosuch \(someone\) cannot be installed"):
        transact(machine, ["nosuch", "rsync"]).execute()
    assert "rsync" not in machine.status


def test_file_that_is_gone_from_the_archive_is_looked_for_in_updated_lists(transact):
    machine = Machine()
    machine.install_answers = [(100, "", "E: Failed to fetch http://example.org/x.deb  404  Not Found\n")]
    assert transact(machine, ["rsync"]).execute() == ({"rsync": "1"}, {})
    assert "apt-get -q update" in machine.commands


def test_failed_installation_is_reported_with_the_reason(transact):
    machine = Machine()
    machine.install_answers = [(100, "", "E: Sub-process /usr/bin/dpkg returned an error code (1)\n")]
    with pytest.raises(AptError, match=r"installing rsync \(someone\) failed: Sub-process /usr/bin/dpkg returned"):
        transact(machine, ["rsync"]).execute()


def test_installation_that_did_nothing_is_an_error(transact):
    machine = Machine()
    machine.install_answers = [(0, "", "")]
    with pytest.raises(AptError, match=r"still to do: \+ rsync"):
        transact(machine, ["rsync"]).execute()


def test_unfinished_package_is_configured_without_apt(transact):
    machine = Machine()
    machine.status["rsync"] = "iU "
    assert transact(machine, ["rsync"]).execute() == ({"rsync": "1"}, {})
    assert machine.commands == ["dpkg --configure --pending"]


class Policy(Machine):
    """Notes of which packages the policy knew while dpkg and apt-get ran."""

    def __call__(self, command, data=b"", STRATA_NEW_PACKAGES=None, **_):  # noqa: ARG002, N803
        if command[0] != "dpkg-query" and "--option=APT::Get::Simulate=true" not in command:
            there = Path(policy.PATH).exists()
            self.commands.append((command[0], there, STRATA_NEW_PACKAGES))
        return super().__call__(command)


def test_services_wait_while_packages_are_installed_and_no_longer(transact):
    machine = Policy(known=["rsync", "zip"])
    machine.status["rsync"] = "iU "
    transact(machine, ["rsync", "zip"]).execute()
    assert [each for each in machine.commands if isinstance(each, tuple)] == [
        ("dpkg", True, "rsync"),
        ("apt-get", True, "zip"),
    ]
    assert not Path(policy.PATH).exists()


def test_policy_of_the_host_stays(transact, tmp_path):
    (tmp_path / "policy-rc.d").write_text("exit 0\n")
    machine = Policy()
    transact(machine, ["rsync"]).execute()
    assert ("apt-get", True, None) in machine.commands
    assert (tmp_path / "policy-rc.d").read_text() == "exit 0\n"
    assert policy.left_behind() == []


def test_answers_are_given_for_new_packages_only(transact):
    machine = Machine()
    planned = transact(machine, ["rsync"])
    answers = [Answer(name, "q", "string", "v") for name in ("rsync", "less")]
    planned.wishes = dataclasses.replace(planned.wishes, answers=answers)
    planned.execute()
    assert machine.data == [b"rsync q string v\n"]


class Holding(Machine):
    """Has packages on hold, installs what has a version, and releases it then, as apt-get does."""

    def __init__(self):
        super().__init__(installed=["less", "other"])
        self.status |= {"less": "hi ", "other": "hi "}
        self.version = "1"

    def __call__(self, command, data=b"", **_):
        if command[:2] == ["dpkg", "--set-selections"]:
            self.status |= {line.split()[0]: "hi " for line in data.decode().splitlines()}
        code, out, err = super().__call__(command, data)
        return code, out.replace("less\tamd64\t1", f"less\tamd64\t{self.version}"), err

    def install(self, names, simulated):
        assert names == ["less=2"]
        if simulated:
            return 0, "Inst less [1] (2 x)\n", ""
        self.version = "2"
        self.status["less"] = "ii "
        return 0, "", ""


def test_the_host_s_own_hold_outlives_a_version_that_is_asked_for(transact):
    machine = Holding()
    assert transact(machine, [Wish("less", version="2")]).execute() == ({"less": "2"}, {})
    assert machine.data == [b"less hold\n"]
    assert machine.status == {"dpkg": "ii ", "less": "hi ", "other": "hi "}


def test_a_hold_that_a_killed_run_has_lost_is_restored(transact, monkeypatch):
    class Killed(BaseException):
        """The end of the module when apt-get has done its work."""

    machine = Holding()
    first = transact(machine, [Wish("less", version="2")])
    install = machine.install

    def die(names, simulated):
        if simulated:
            return install(names, simulated)
        install(names, simulated)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(machine, "install", die)
        with pytest.raises(Killed):
            first.execute()
    assert machine.status["less"] == "ii "
    second = transact(machine, [Wish("less", version="2")])
    assert second.changes == ["= less (held)"]
    second.execute()
    assert machine.status == {"dpkg": "ii ", "less": "hi ", "other": "hi "}
    machine.status["less"] = "ii "  # by hand, later
    assert not transact(machine, [Wish("less", version="2")])


def test_what_is_left_unfinished_is_repaired_before_the_transaction(transact):
    machine = Machine()
    machine.status["other"] = "iF "
    transact(machine, ["rsync"]).execute()
    repair = "apt-get -q -y install --"
    install = f"{repair} rsync"
    assert machine.commands == [
        "dpkg --configure --pending",
        f"simulate {repair}",
        repair,
        f"simulate {install}",
        install,
    ]


def test_interrupted_dpkg_is_completed_first(transact, tmp_path):
    (tmp_path / "updates").mkdir()
    (tmp_path / "updates" / "0001").touch()
    machine = Machine()
    transact(machine, ["rsync"]).execute()
    assert machine.commands[0] == "dpkg --configure --pending"


@pytest.mark.parametrize("begun", [None, [], ["other"]])
def test_transaction_that_did_not_end_is_completed_though_nothing_is_wanted(transact, begun):
    machine = Machine()
    machine.status["other"] = "iU "
    installed, _ = transact(machine, ["less"], begun=begun).execute()
    expected = ({}, [], []) if begun is None else ({"other": "1"}, ["dpkg --configure --pending"], [["other"]])
    assert (installed, machine.commands, machine.begun) == expected


def test_package_that_cannot_be_configured_can_be_removed(transact):
    machine = Machine()
    machine.status["broken"] = "iF "
    assert transact(machine, [], ["broken"], begun=["broken"]).execute() == ({}, {"broken": "1"})
    remove = "apt-get -q -y install -- broken-"
    assert machine.commands == [f"simulate {remove}", remove]
    assert machine.status["broken"] == "rc "


def test_what_is_to_come_is_noted_before_dpkg_begins(transact):
    machine = Machine(known=["rsync", "zip"])
    machine.status["rsync"] = "iU "
    planned = transact(machine, ["rsync", "zip"], begun=["less"])
    machine.install_answers = [(100, "", "E: No space left\n")]
    with pytest.raises(AptError, match="No space left"):
        planned.execute()
    assert machine.begun == [["less", "rsync"], ["less", "rsync", "zip"]]
    assert planned.newcomers() == ["less:amd64", "rsync:amd64"]


def test_refused_transaction_has_not_begun(transact):
    machine = Machine()
    with pytest.raises(AptError):
        transact(machine, ["nosuch"]).execute()
    assert machine.begun == []


def test_dpkg_of_a_killed_run_has_its_policy_until_it_ends(transact, monkeypatch):
    policy.files.apply([policy.files.Change(policy.PATH, None, policy.POLICY)])
    machine = Machine()
    machine.status["rsync"] = "iF "
    planned = transact(machine, ["rsync"])

    def wait(*_):
        assert Path(policy.PATH).exists()
        machine.status["rsync"] = "ii "
        return True

    monkeypatch.setattr(planned.tools, "wait", wait)
    assert planned.execute() == ({}, {})
    assert machine.commands == []
    assert not Path(policy.PATH).exists()


def test_what_another_process_did_meanwhile_counts(transact, monkeypatch):
    machine = Machine()
    planned = transact(machine, ["rsync"])

    def wait(*_):
        machine.status["rsync"] = "ii "
        return True

    monkeypatch.setattr(planned.tools, "wait", wait)
    assert planned.changes == ["+ rsync"]
    assert planned.execute() == ({}, {})
    assert (planned.changes, machine.commands) == ([], [])


def test_prediction_runs_simulations_only(transact):
    machine = Machine()
    assert transact(machine, ["rsync"]).predict(known=True) == ({"rsync": "1"}, {}, "")
    assert machine.commands == ["simulate apt-get -q -y install -- rsync"]


def test_prediction_from_old_lists_asks_nobody(transact):
    machine = Machine()
    assert transact(machine, ["rsync"], ["less"], lists_max_age=-1).predict(known=True) == (
        {"rsync": ""},
        {"less": "1"},
        "",
    )
    assert machine.commands == ["simulate apt-get -q -y install -- rsync less-"]


@pytest.mark.parametrize(("known", "age"), [(True, 3600), (True, -1), (False, 3600)])
def test_prediction_refuses_to_remove_what_nobody_wants_absent_whatever_apt_is_still_to_learn(transact, known, age):
    machine = Machine(installed=["ufw"])
    machine.simulation = (0, "The following packages will be REMOVED:\n  ufw\nInst rsync (1 x)\nRemv ufw [1]\n", "")
    with pytest.raises(AptError, match="would also remove ufw, which nobody wants absent"):
        transact(machine, ["rsync"], lists_max_age=age).predict(known=known)


def test_prediction_warns_of_what_may_be_otherwise_with_newer_lists(transact):
    machine = Machine()
    machine.simulation = (100, "", "E: Unable to correct problems, you have held broken packages.\n")
    planned = transact(machine, ["rsync"])
    installed, _, warning = planned.predict(known=False)
    assert installed == {"rsync": ""}
    assert "is not possible: " in warning
    assert "a real run would look again" in warning
    with pytest.raises(AptError, match="is not possible"):
        planned.predict(known=True)


def test_prediction_warns_of_an_unknown_package(transact):
    installed, _, warning = transact(Machine(), ["nosuch"]).predict(known=True)
    assert installed == {"nosuch": ""}
    assert warning.startswith("nosuch (someone) cannot be installed: Unable to locate package nosuch; a real run")
