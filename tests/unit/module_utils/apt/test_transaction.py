import contextlib
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.module_utils.strata.apt import debconf, plan, policy
from ansible.module_utils.strata.apt import tools as apt
from ansible.module_utils.strata.apt import transaction as apt_packages
from ansible.module_utils.strata.apt.plan import AptError, Host, Package, Wish
from ansible.module_utils.strata.apt.transaction import Transaction, Wishes

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
    return plan.make_plan(host, [wish(spec) for spec in wanted], [wish(spec) for spec in absent]).lines()


def test_query_is_parsed():
    output = "ii \tmawk\tamd64\t1.3\tawk, other (= 1.2)\t\nhi \ttzdata\tall\t2026a\t\t\n"
    mawk, tzdata = plan.parse_query(output).packages
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
    with pytest.raises(AptError, match=r"\(one\) is wanted, and .* \(two\) must be absent"):
        plan.make_plan(HOST, [wish(wanted, "one")], [wish(absent, "two")])


def test_other_architecture_may_be_absent():
    assert lines(["less"], ["less:i386"]) == []


def test_held_package_is_not_removed():
    with pytest.raises(AptError, match=r"tzdata \(two\) cannot be removed: the package is on hold"):
        plan.make_plan(HOST, [], [wish("tzdata", "two")])


def test_arguments_cannot_be_misread_by_apt():
    made = plan.make_plan(HOST, [wish("g++"), wish("nano")], [wish("less"), wish("libc6:i386")])
    assert made.arguments() == ["g+++", "nano", "less-", "libc6:i386-"]


def test_wishes_are_merged_and_sorted():
    items = [
        {"value": "zip", "origin": "one"},
        {"value": "g++", "origin": ""},
        {"value": "zip", "origin": "two"},
        {"value": "zip", "origin": "one"},
        {"value": "libc6:i386", "origin": "one"},
    ]
    assert [str(wish) for wish in plan.parse_wishes(items)] == ["g++", "libc6:i386 (one)", "zip (one, two)"]


@pytest.mark.parametrize(
    "name",
    [
        *("", "a", "-y", "--option=x", "a b", "a\n", "less\n", "mawk-", "less/sid", "less=1", "les*", "Less", "task^"),
        *("a:", "ä1", "less:amd64-", "~nless", "?name(less)", "./x.deb", "a;b", "libc6:i386:x"),
    ],
)
def test_hostile_names_are_refused_with_their_origin(name):
    with pytest.raises(AptError, match=r"\(someone\) is not the name of a Debian package"):
        plan.parse_wishes([{"value": name, "origin": "someone"}])


def test_versions_are_part_of_a_wish():
    items = [{"value": "zip=3.0-1", "origin": "one"}, {"value": "zip", "origin": "two"}]
    (zip_,) = plan.parse_wishes(items, versions=True)
    assert (str(zip_), zip_.version) == ("zip=3.0-1 (one, two)", "3.0-1")
    with pytest.raises(AptError, match="is not the name"):
        plan.parse_wishes(items)
    with pytest.raises(AptError, match=r"zip=3.0-1 \(one\) is wanted, and zip=3.1\* \(two\) too"):
        plan.parse_wishes([items[0], {"value": "zip=3.1*", "origin": "two"}], versions=True)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [("less=668-1", []), ("less=668*", []), ("less=600-1", ["less=600-1"]), ("less=668-1+", ["less=668-1++"])],
)
def test_wanted_version_is_installed_if_it_is_another_one(spec, expected):
    wanted = plan.parse_wishes([{"value": spec, "origin": ""}], versions=True)
    assert plan.make_plan(HOST, wanted, []).arguments() == expected


def test_version_of_a_virtual_package_is_nobodys():
    wanted = plan.parse_wishes([{"value": "awk=1.3", "origin": ""}], versions=True)
    assert plan.make_plan(HOST, wanted, []).arguments() == ["awk=1.3"]


def test_holds_are_made_and_only_ours_released():
    holds = plan.plan_holds(HOST, [wish("less"), wish("tzdata"), wish("nosuch"), wish("telnet")], ["mawk"])
    assert holds == plan.Holds(("less",), ())
    assert not plan.plan_holds(HOST, [], [])
    holds = plan.plan_holds(HOST, [], ["tzdata", "less"])
    assert holds.lines() == ["= tzdata (no longer held)"]
    assert holds.selections() == "tzdata install\n"
    assert plan.make_plan(HOST.released(holds.release), [], [wish("tzdata")]).lines() == ["- tzdata"]


def test_versions_of_others_stay():
    output = (
        "The following packages will be DOWNGRADED:\n  zip libz\nThe following held packages will be changed:\n  a\n"
    )
    wanted = plan.parse_wishes([{"value": "zip=1", "origin": ""}], versions=True)
    with pytest.raises(AptError, match="installing zip=1 would also change the version of libz, a, which is held or"):
        apt.Simulation(0, output, "").check(plan.make_plan(HOST, wanted, []), [])


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
    assert simulation.news() == {"libpopt0"}


def test_removal_of_unlisted_packages_is_refused():
    host = Host((DPKG, Package("ii ", "postfix", "amd64", "3.10")))
    made = plan.make_plan(host, [wish("rsync", "one")], [wish("postfix", "two")])
    with pytest.raises(AptError) as caught:
        apt.Simulation(0, SIMULATED, "").check(made, [wish("postfix", "two")])
    assert str(caught.value) == (
        "installing rsync (one) and removing postfix (two) would also remove mailutils:i386, old, "
        "which nobody wants absent"
    )


def test_dependency_that_must_be_absent_is_refused():
    made = plan.make_plan(HOST, [wish("zip", "one")], [])
    with pytest.raises(AptError, match=r"zip \(one\) would bring libpopt0, but libpopt0 \(two\) must be absent"):
        apt.Simulation(0, "Inst libpopt0 (1.19 Debian [amd64])\n", "").check(made, [wish("libpopt0", "two")])


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
    (told,) = tools.waited
    assert told.startswith(f"process {process.pid} (python")
    assert told.endswith(f"which held {path}")
    assert not tools.wait([path])


def test_lock_held_too_long_is_an_error_with_its_holder(locked):
    path, process = locked
    with pytest.raises(AptError, match=rf"lock is held by process {process.pid} \(python.*after waiting 0 s"):
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
    with pytest.raises(AptError, match="gave up after waiting 0 s: dpkg: error: dpkg frontend lock"):
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
        self.told = []
        self.begun = []

    def __call__(self, command, data=None, **_):
        if data:
            self.told.append(data)
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
    monkeypatch.setattr(apt, "LISTS", str(lists))
    monkeypatch.setattr(apt_packages, "UPDATE_STAMP", str(tmp_path / "stamp"))
    monkeypatch.setattr(apt_packages, "JOURNAL", str(tmp_path / "updates"))
    monkeypatch.setattr(apt, "holder", lambda _: "")
    monkeypatch.setattr(policy, "PATH", str(tmp_path / "policy-rc.d"))

    def run(machine, wanted=(), absent=(), lists_max_age=3600, begun=None):
        wishes = Wishes(*([wish(name, "someone") for name in names] for names in (wanted, absent)), begun=begun)
        return Transaction(
            apt.Tools(machine, 0),
            wishes,
            begin=lambda news: machine.begun.append(sorted(news)),
            lists_max_age=lists_max_age,
            install_recommends=False,
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
    with pytest.raises(AptError, match=r"nosuch \(someone\) cannot be installed"):
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

    def __call__(self, command, environ_update=None, **_):
        if command[0] != "dpkg-query" and "--option=APT::Get::Simulate=true" not in command:
            there = Path(policy.PATH).exists()
            self.commands.append((command[0], there, (environ_update or {}).get("STRATA_NEW_PACKAGES")))
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


def test_policy_that_a_killed_run_left_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(policy, "PATH", str(tmp_path / "policy-rc.d"))
    with contextlib.suppress(KeyboardInterrupt), policy.services_wait(["rsync"]):
        left = (tmp_path / "policy-rc.d").read_bytes()
        raise KeyboardInterrupt
    (tmp_path / "policy-rc.d").write_bytes(left)
    (tmp_path / "policy-rc.d").chmod(0o755)
    (change,) = policy.left_behind()
    assert change.after is None


@pytest.mark.parametrize(
    ("new", "package", "expected"),
    [("a rsync", "rsync", 101), ("a rsync", "syn", 0), ("a rsync", "", 0), ("", "rsync", 0)],
)
def test_policy_forbids_new_packages_only(tmp_path, new, package, expected):
    path = tmp_path / "policy"
    path.write_bytes(policy.POLICY.content)
    environment = {"STRATA_NEW_PACKAGES": new, "DPKG_MAINTSCRIPT_PACKAGE": package}
    assert subprocess.run(["sh", path, "x.service", "start"], env=environment, check=False).returncode == expected


def test_answers_are_given_for_new_packages_only(transact):
    machine = Machine()
    transaction = transact(machine, ["rsync"])
    answers = [debconf.Answer(name, "q", "string", "v") for name in ("rsync", "less")]
    transaction.wishes = dataclasses.replace(transaction.wishes, answers=answers)
    transaction.execute()
    assert machine.told == ["rsync q string v\n"]


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


def test_what_is_to_come_is_told_before_dpkg_begins(transact):
    machine = Machine(known=["rsync", "zip"])
    machine.status["rsync"] = "iU "
    transaction = transact(machine, ["rsync", "zip"], begun=["less"])
    machine.install_answers = [(100, "", "E: No space left\n")]
    with pytest.raises(AptError, match="No space left"):
        transaction.execute()
    assert machine.begun == [["less", "rsync"], ["less", "rsync", "zip"]]
    assert transaction.newcomers() == ["less:amd64", "rsync:amd64"]


def test_refused_transaction_has_not_begun(transact):
    machine = Machine()
    with pytest.raises(AptError):
        transact(machine, ["nosuch"]).execute()
    assert machine.begun == []


def test_dpkg_of_a_killed_run_has_its_policy_until_it_ends(transact, monkeypatch):
    policy.files.apply([policy.files.Change(policy.PATH, None, policy.POLICY)])
    machine = Machine()
    machine.status["rsync"] = "iF "
    transaction = transact(machine, ["rsync"])

    def wait(*_):
        assert Path(policy.PATH).exists()
        machine.status["rsync"] = "ii "
        return True

    monkeypatch.setattr(transaction.tools, "wait", wait)
    assert transaction.execute() == ({}, {})
    assert machine.commands == []
    assert not Path(policy.PATH).exists()


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
    assert transact(machine, ["rsync"]).predict(known=True) == ({"rsync": "1"}, {}, "")
    assert machine.commands == ["simulate apt-get -q -y install -- rsync"]


def test_prediction_from_old_lists_asks_nobody(transact):
    machine = Machine()
    assert transact(machine, ["rsync"], ["less"], lists_max_age=-1).predict(known=True) == (
        {"rsync": ""},
        {"less": "1"},
        "",
    )
    assert machine.commands == []


def test_prediction_warns_of_an_unknown_package(transact):
    installed, _, warning = transact(Machine(), ["nosuch"]).predict(known=True)
    assert installed == {"nosuch": ""}
    assert warning.startswith("nosuch (someone) cannot be installed: Unable to locate package nosuch; a real run")
