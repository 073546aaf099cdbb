"""What apt and dpkg print is understood, and what would do harm is refused."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata.apt.declared import parse_wishes
from ansible.module_utils.strata.apt.host import AptError, Host, Package
from ansible.module_utils.strata.apt.output import Result, Simulation
from ansible.module_utils.strata.apt.plan import make_plan

from .sample import DPKG, HOST, wish

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
    simulation = Simulation(0, SIMULATED, "")
    assert simulation.installs() == {"libpopt0": "1.19", "rsync": "3.5"}
    assert simulation.removes() == {"postfix": "3.10"}
    assert simulation.news() == {"libpopt0"}


def test_removal_of_unlisted_packages_is_refused():
    host = Host((DPKG, Package("ii ", "postfix", "amd64", "3.10")))
    plan = make_plan(host, [wish("rsync", "one")], [wish("postfix", "two")])
    with pytest.raises(AptError) as caught:
        Simulation(0, SIMULATED, "").check(plan, [wish("postfix", "two")])
    assert str(caught.value) == (
        "installing rsync (one) and removing postfix (two) would also remove mailutils:i386, old, "
        "which nobody wants absent"
    )


def test_dependency_that_must_be_absent_is_refused():
    plan = make_plan(HOST, [wish("zip", "one")], [])
    with pytest.raises(AptError, match=r"zip \(one\) would bring libpopt0, but libpopt0 \(two\) must be absent"):
        Simulation(0, "Inst libpopt0 (1.19 Debian [amd64])\n", "").check(plan, [wish("libpopt0", "two")])


def test_versions_of_others_stay():
    output = (
        "The following packages will be DOWNGRADED:\n  zip libz\nThe following held packages will be changed:\n  a\n"
    )
    wanted = parse_wishes([{"value": "zip=1", "origin": ""}], versions=True)
    with pytest.raises(AptError, match="installing zip=1 would also change the version of libz, a, which is held or"):
        Simulation(0, output, "").check(make_plan(HOST, wanted, []), [])


def test_unknown_packages_are_named_with_their_origins():
    errors = (
        "E: Unable to locate package nosuch\n"
        "E: Unable to locate package les.\nE: Couldn't find any package by glob 'les.'\n"
        "E: Package 'mta' has no installation candidate\n"
    )
    output = "Package mta is a virtual package provided by:\n  postfix 3.7\n  exim4 4.96 (= 4.96)\n\n"
    message = Simulation(100, output, errors).unknown([wish("nosuch", "one", "two"), wish("les."), wish("mta")])
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
    assert Result(7, output, errors).reason() == expected
