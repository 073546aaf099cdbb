"""Foreign architectures come and go as they are declared, but not from under packages."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata.apt.architectures import Architectures, apply, plan
from ansible.module_utils.strata.apt.host import AptError, Package
from ansible.module_utils.strata.apt.output import Result
from ansible.module_utils.strata.errors import DeclarationError

LIBC = Package("ii", "libc6", "i386", "2.41")


class Dpkg:
    """Has some foreign architectures."""

    def __init__(self, *there: str, refuses: str = "") -> None:
        self.there, self.refuses, self.commands = list(there), refuses, []

    def read(self, command: list[str]) -> Result:
        self.commands.append(" ".join(command))
        return Result(0, "".join(f"{name}\n" for name in self.there), "")

    def write(self, command: list[str]) -> Result:
        self.commands.append(" ".join(command))
        return Result(2, "", self.refuses) if self.refuses else Result(0, "", "")


@pytest.mark.parametrize(
    ("there", "wanted", "owned", "expected"),
    [
        ([], ["i386"], [], Architectures(["i386"], [], ["i386"])),
        (["i386"], ["i386", "amd64"], ["i386"], Architectures([], [], ["i386"])),
        (["i386", "arm64"], ["i386"], ["arm64"], Architectures([], ["arm64"], [])),
        (["i386"], [], [], Architectures()),
        ([], [], ["i386"], Architectures([], [], [])),
    ],
    ids=["new", "there", "declared no longer", "the host's own", "gone already"],
)
def test_what_is_declared_comes_and_what_we_added_goes(there, wanted, owned, expected) -> None:
    dpkg = Dpkg(*there)
    assert plan(dpkg, wanted, owned, "amd64", [Package("ii", "less", "amd64", "1")]) == expected
    apply(dpkg, "add", expected.add)
    apply(dpkg, "remove", expected.remove)
    orders = [line.replace("+ ", "dpkg --add-").replace("- ", "dpkg --remove-") for line in expected.lines()]
    assert dpkg.commands[-len(orders) :] == orders or not orders


def test_a_host_without_any_is_not_asked() -> None:
    dpkg = Dpkg("i386")
    assert plan(dpkg, ["amd64"], [], "amd64", []).lines() == []
    assert dpkg.commands == []


def test_one_with_packages_does_not_go() -> None:
    with pytest.raises(AptError, match=r"^the architecture i386 is declared no longer, but libc6:i386 is installed: "):
        plan(Dpkg("i386"), [], ["i386"], "amd64", [LIBC])


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"^'I386; rm' in apt_architectures is not the name"):
        plan(Dpkg(), ["I386; rm"], [], "amd64", [])


def test_what_dpkg_refuses_is_told() -> None:
    with pytest.raises(AptError, match=r"^dpkg does not remove the architecture i386: .*in use"):
        apply(Dpkg(refuses="dpkg: error: in use"), "remove", ["i386"])
