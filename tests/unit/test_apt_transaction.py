import os
import subprocess
import sys

import apt_transaction
import pytest
from ansible.module_utils.strata import apt, packages
from ansible.module_utils.strata.packages import Host, Package, PackagesError, Wish

DPKG = Package("ii ", "dpkg", "amd64", "1.22")
LESS = Package("ii ", "less", "amd64", "668-1")
MAWK = Package("ii ", "mawk", "amd64", "1.3", frozenset({"awk"}))
LOCALES = Package("ii ", "locales", "all", "2.41")
FOREIGN = Package("ii ", "libc6", "i386", "2.41")
UNPACKED = Package("iU ", "rsync", "amd64", "3.4")
CONFIGURATION = Package("rc ", "telnet", "amd64", "0.17")
HELD = Package("hi ", "tzdata", "all", "2026a")
HOST = Host((DPKG, LESS, MAWK, LOCALES, FOREIGN, UNPACKED, CONFIGURATION, HELD))


def wish(spec, *origins):
    name, _, architecture = spec.partition(":")
    return Wish(name, architecture, origins)


def lines(wanted=(), absent=(), host=HOST):
    return packages.make_plan(host, [wish(spec) for spec in wanted], [wish(spec) for spec in absent]).lines()


def test_query_is_parsed():
    output = "ii \tmawk\tamd64\t1.3\tawk, other (= 1.2)\nhi \ttzdata\tall\t2026a\t\n"
    mawk, tzdata = packages.parse_query(output).packages
    assert mawk == Package("ii ", "mawk", "amd64", "1.3", frozenset({"awk", "other"}))
    assert tzdata == HELD


@pytest.mark.parametrize(
    ("wanted", "absent", "expected"),
    [
        ([], [], []),
        (["less", "awk", "locales", "tzdata"], ["telnet", "nosuch"], []),
        (["less:amd64", "awk:amd64", "locales:all", "libc6:i386"], [], []),
        (["nano", "telnet"], [], ["+ nano", "+ telnet"]),
        (["libc6"], [], ["+ libc6"]),
        (["less:i386"], [], ["+ less:i386"]),
        (["rsync"], [], ["~ rsync (unpacked)"]),
        ([], ["less", "rsync", "libc6"], ["- less", "- libc6:i386", "- rsync"]),
        ([], ["less:i386", "libc6:amd64", "awk"], []),
        ([], ["locales:amd64"], ["- locales"]),
        (["awk"], ["mawk"], ["+ awk", "- mawk"]),
    ],
)
def test_plan(wanted, absent, expected):
    assert lines(wanted, absent) == expected


def test_awaited_triggers_are_unfinished():
    assert lines(["less"], host=Host((DPKG, Package("iW ", "less", "amd64", "1")))) == ["~ less (awaiting triggers)"]


def test_half_installed_package_is_installed_anew_and_removed_when_absent():
    host = Host((DPKG, Package("iHR", "less", "amd64", "1")))
    assert lines(["less"], host=host) == ["+ less"]
    assert lines([], ["less"], host=host) == ["- less"]


def test_unfinished_package_that_two_names_mean_is_configured_once():
    host = Host((DPKG, Package("iF ", "mawk", "amd64", "1", frozenset({"awk"}))))
    assert lines(["awk", "mawk"], host=host) == ["~ mawk (half-configured)"]


@pytest.mark.parametrize(
    ("wanted", "absent"), [("less", "less"), ("less", "less:amd64"), ("less:amd64", "less"), ("x:i386", "x")]
)
def test_wanted_and_absent_is_an_error_with_both_origins(wanted, absent):
    with pytest.raises(PackagesError, match=r"\(one\) is wanted, and .* \(two\) must be absent"):
        packages.make_plan(HOST, [wish(wanted, "one")], [wish(absent, "two")])


def test_other_architecture_may_be_absent():
    assert lines(["less"], ["less:i386"]) == []


def test_held_package_is_not_removed():
    with pytest.raises(PackagesError, match=r"tzdata \(two\) cannot be removed: the package is on hold"):
        packages.make_plan(HOST, [], [wish("tzdata", "two")])


def test_arguments_cannot_be_misread_by_apt():
    plan = packages.make_plan(HOST, [wish("g++"), wish("nano")], [wish("less"), wish("libc6:i386")])
    assert plan.arguments() == ["g+++", "nano", "less-", "libc6:i386-"]


def test_wishes_are_merged_and_sorted():
    items = [
        {"value": "zip", "origin": "one"},
        {"value": "g++", "origin": ""},
        {"value": "zip", "origin": "two"},
        {"value": "zip", "origin": "one"},
        {"value": "libc6:i386", "origin": "one"},
    ]
    assert [str(wish) for wish in packages.parse_wishes(items)] == ["g++", "libc6:i386 (one)", "zip (one, two)"]


@pytest.mark.parametrize(
    "name",
    [
        *("", "a", "-y", "--option=x", "a b", "a\n", "less\n", "mawk-", "less/sid", "less=1", "les*", "Less", "task^"),
        *("a:", "ä1", "less:amd64-", "~nless", "?name(less)", "./x.deb", "a;b", "libc6:i386:x"),
    ],
)
def test_hostile_names_are_refused_with_their_origin(name):
    with pytest.raises(PackagesError, match=r"\(someone\) is not the name of a Debian package"):
        packages.parse_wishes([{"value": name, "origin": "someone"}])


SIMULATED = """\
Reading package lists...
The following additional packages will be installed:
  libpopt0
The following packages will be REMOVED:
  postfix mailutils:i386 old*
The following NEW packages will be installed:
  libpopt0 rsync
Inst libpopt0 (1.19 Debian:13.7/stable [amd64])
Remv postfix [3.10]
Inst rsync [3.4] (3.5 Debian-Security:13/stable-security [amd64]) []
Conf rsync (3.5 Debian-Security:13/stable-security [amd64])
"""


def test_simulation_is_understood():
    simulation = apt.Simulation(0, SIMULATED, "")
    assert simulation.installs() == {"libpopt0": "1.19", "rsync": "3.5"}
    assert simulation.removes() == {"postfix": "3.10"}


def test_removal_of_unlisted_packages_is_refused():
    host = Host((DPKG, Package("ii ", "postfix", "amd64", "3.10")))
    plan = packages.make_plan(host, [wish("rsync", "one")], [wish("postfix", "two")])
    with pytest.raises(PackagesError) as caught:
        apt.Simulation(0, SIMULATED, "").check(plan, [wish("postfix", "two")])
    assert str(caught.value) == (
        "installing rsync (one) and removing postfix (two) would also remove mailutils:i386, old, "
        "which nobody wants absent"
    )


def test_dependency_that_must_be_absent_is_refused():
    plan = packages.make_plan(HOST, [wish("zip", "one")], [])
    with pytest.raises(PackagesError, match=r"zip \(one\) would bring libpopt0, but libpopt0 \(two\) must be absent"):
        apt.Simulation(0, "Inst libpopt0 (1.19 Debian [amd64])\n", "").check(plan, [wish("libpopt0", "two")])


def test_unknown_packages_are_named_with_their_origins():
    errors = (
        "E: Unable to locate package nosuch\n"
        "E: Unable to locate package les.\nE: Couldn't find any package by glob 'les.'\n"
        "E: Package 'mta' has no installation candidate\n"
    )
    output = "Package mta is a virtual package provided by:\n  postfix 3.7\n  exim4 4.96 (= 4.96)\n\n"
    message = apt.Simulation(100, output, errors).unknown([wish("nosuch", "one", "two"), wish("les."), wish("mta")])
    assert message == (
        "nosuch (one, two) cannot be installed: Unable to locate package nosuch; "
        "les. cannot be installed: Unable to locate package les.; "
        "mta cannot be installed: Package 'mta' has no installation candidate "
        "(it is virtual: choose one of postfix, exim4)"
    )


@pytest.mark.parametrize(
    ("output", "errors", "expected"),
    [
        ("", "debconf: unable to initialize frontend\nE: No space left.\n", "No space left"),
        (
            " a : Depends: b (>= 1) but it is\n     not there\n",
            "E: Broken.\nE: The following information from --solver 3.0 may provide additional context:\n   1. x\n",
            "a : Depends: b (>= 1) but it is not there; Broken",
        ),
        (
            "Setting up x ...\n",
            "dpkg: error processing package x (--configure):\n installed x postinst failed\nE: Sub-process",
            "dpkg: error processing package x (--configure): installed x postinst failed; Sub-process",
        ),
        ("", "something else\n", "something else"),
        ("", "", "exit status 7"),
    ],
)
def test_reason_is_the_errors_only(output, errors, expected):
    assert apt.Result(7, output, errors).reason() == expected


@pytest.fixture
def locked(tmp_path):
    """Return a file that another process has locked, and that process."""
    path = tmp_path / "lock"
    code = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        yield str(path), process
        process.kill()


def test_holder_of_a_lock_is_found(locked):
    path, process = locked
    assert apt.holder(path).startswith(f"process {process.pid} (python")
    process.communicate("\n")
    assert apt.holder(path) == ""


def test_holder_of_an_unlocked_or_missing_file_is_nobody(tmp_path):
    (tmp_path / "lock").touch()
    assert apt.holder(str(tmp_path / "lock")) == ""
    assert apt.holder(str(tmp_path / "missing")) == ""


def test_wait_says_whether_it_waited(locked, monkeypatch):
    path, process = locked
    tools = apt.Tools(lambda *_, **__: (0, "", ""), 60)
    monkeypatch.setattr(apt.time, "sleep", lambda _: process.communicate("\n"))
    assert tools.wait([path])
    assert not tools.wait([path])


def test_lock_held_too_long_is_an_error_with_its_holder(locked):
    path, process = locked
    with pytest.raises(PackagesError, match=rf"lock is held by process {process.pid} \(python.*after waiting 0 s"):
        apt.Tools(lambda *_, **__: (0, "", ""), 0).write(["true"], [path])


def test_command_that_loses_the_race_for_a_lock_is_run_again():
    answers = [(100, "", "E: Could not get lock /x. It is held by process 1 (apt)"), (0, "done", "")]
    commands = []

    def run(command, **_):
        commands.append(command)
        return answers.pop(0)

    assert apt.Tools(run, 60).write(["apt-get", "update"], []).output == "done"
    assert [command[0] for command in commands] == ["apt-get", "apt-get"]
    assert commands[0][1].startswith("--option=DPkg::Lock::Timeout=")


def test_lock_that_cannot_be_had_ends_with_the_tools_own_words():
    answer = (2, "", "dpkg: error: dpkg frontend lock was locked by another process with pid 7\n")
    with pytest.raises(PackagesError, match="gave up after waiting 0 s: dpkg: error: dpkg frontend lock"):
        apt.Tools(lambda *_, **__: answer, 0).write(["dpkg", "--configure", "--pending"], [])


def test_age_of_lists(tmp_path):
    stamp = str(tmp_path / "stamp")
    assert apt.lists_age(str(tmp_path / "missing"), stamp) == float("inf")
    lists = tmp_path / "lists"
    (lists / "partial").mkdir(parents=True)
    (lists / "lock").touch()
    assert apt.lists_age(str(lists), stamp) == float("inf")
    (lists / "example.org_debian_dists_trixie_InRelease").touch()
    assert apt.lists_age(str(lists), stamp) < 60
    for path in (lists, lists / "partial"):
        os.utime(path, (0, 0))
    assert apt.lists_age(str(lists), stamp) > 60
    (tmp_path / "stamp").touch()
    assert apt.lists_age(str(lists), stamp) < 60


class Machine:
    """Plays apt and dpkg: knows some packages, after an update some more."""

    def __init__(self, installed=("less",), known=("rsync",), after_update=()):
        self.status = dict.fromkeys(["dpkg", *installed], "ii ")
        self.known = set(known)
        self.after_update = set(after_update)
        self.commands = []
        self.install_answers = []

    def __call__(self, command, **_):
        if command[0] == "dpkg-query":
            return 0, "".join(f"{status}\t{name}\tamd64\t1\t\n" for name, status in self.status.items()), ""
        simulated = "--option=APT::Get::Simulate=true" in command
        words = [word for word in command if not word.startswith(("--option", "--force"))]
        self.commands.append(" ".join(["simulate", *words] if simulated else words))
        if command[0] == "dpkg":
            self.status = {name: "ii " if status == "iU " else status for name, status in self.status.items()}
        elif command[-1] == "update":
            self.known |= self.after_update
        else:
            return self.install(command[command.index("--") + 1 :], simulated)
        return 0, "", ""

    def install(self, names, simulated):
        install = [name for name in names if not name.endswith("-")]
        if unknown := [name for name in install if name not in self.known]:
            return 100, "", "".join(f"E: Unable to locate package {name}\n" for name in unknown)
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
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "x_InRelease").touch()
    monkeypatch.setattr(apt_transaction, "LISTS", str(lists))
    monkeypatch.setattr(apt_transaction, "UPDATE_STAMP", str(tmp_path / "stamp"))
    monkeypatch.setattr(apt_transaction, "JOURNAL", str(tmp_path / "updates"))
    monkeypatch.setattr(apt, "holder", lambda _: "")

    def run(machine, wanted=(), absent=(), lists_max_age=3600):
        wishes = [wish(name, "someone") for name in wanted], [wish(name, "someone") for name in absent]
        return apt_transaction.Transaction(
            apt.Tools(machine, 0), *wishes, lists_max_age=lists_max_age, install_recommends=False
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


def test_unknown_package_is_looked_for_in_updated_lists(transact):
    machine = Machine(after_update=["new"])
    assert transact(machine, ["new"]).execute() == ({"new": "1"}, {})
    assert machine.commands[1] == "apt-get -q update"


def test_unknown_package_installs_nothing(transact):
    machine = Machine()
    with pytest.raises(PackagesError, match=r"nosuch \(someone\) cannot be installed"):
        transact(machine, ["nosuch", "rsync"]).execute()
    assert "rsync" not in machine.status


def test_file_that_is_gone_from_the_archive_is_looked_for_in_updated_lists(transact):
    machine = Machine()
    machine.install_answers = [(100, "", "E: Failed to fetch http://example.org/x.deb  404  Not Found\n")]
    assert transact(machine, ["rsync"]).execute() == ({"rsync": "1"}, {})
    assert "apt-get -q update" in machine.commands


def test_failed_installation_is_told_with_the_reason(transact):
    machine = Machine()
    machine.install_answers = [(100, "", "E: Sub-process /usr/bin/dpkg returned an error code (1)\n")]
    with pytest.raises(PackagesError, match=r"installing rsync \(someone\) failed: Sub-process /usr/bin/dpkg returned"):
        transact(machine, ["rsync"]).execute()


def test_installation_that_did_nothing_is_an_error(transact):
    machine = Machine()
    machine.install_answers = [(0, "", "")]
    with pytest.raises(PackagesError, match=r"still to do: \+ rsync"):
        transact(machine, ["rsync"]).execute()


def test_unfinished_package_is_configured_without_apt(transact):
    machine = Machine()
    machine.status["rsync"] = "iU "
    assert transact(machine, ["rsync"]).execute() == ({"rsync": "1"}, {})
    assert machine.commands == ["dpkg --configure --pending"]


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


def test_what_another_process_did_meanwhile_counts(transact, monkeypatch):
    machine = Machine()
    transaction = transact(machine, ["rsync"])

    def wait(*_):
        machine.status["rsync"] = "ii "
        return True

    monkeypatch.setattr(transaction.tools, "wait", wait)
    assert transaction.execute() == ({}, {})
    assert machine.commands == []


def test_prediction_runs_simulations_only(transact):
    machine = Machine()
    assert transact(machine, ["rsync"]).predict() == ({"rsync": "1"}, {}, "")
    assert machine.commands == ["simulate apt-get -q -y install -- rsync"]


def test_prediction_from_old_lists_asks_nobody(transact):
    machine = Machine()
    assert transact(machine, ["rsync"], ["less"], lists_max_age=-1).predict() == ({"rsync": ""}, {"less": "1"}, "")
    assert machine.commands == []


def test_prediction_warns_of_an_unknown_package(transact):
    installed, _, warning = transact(Machine(), ["nosuch"]).predict()
    assert installed == {"nosuch": ""}
    assert warning.startswith("nosuch (someone) cannot be installed: Unable to locate package nosuch; a real run")
