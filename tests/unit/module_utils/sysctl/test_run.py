"""The kernel's settings: what is changed, what is refused, and what is there after a failure."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata.errors import DeclarationError, StrataError
from ansible.module_utils.strata.sysctl import host
from ansible.module_utils.strata.sysctl import run as subject

if TYPE_CHECKING:
    from pathlib import Path

    from ansible.module_utils.strata.sysctl.declared import Setting

FORWARD = "net.ipv4.ip_forward"
MEMORY = "net.ipv4.tcp_rmem"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel of files, which takes everything but letters."""
    folder = tmp_path / "sys"
    (folder / "net/ipv4").mkdir(parents=True)
    (folder / "net/ipv4/ip_forward").write_text("0\n")
    (folder / "net/ipv4/tcp_rmem").write_text("4096\t131072\t6291456\n")
    monkeypatch.setattr(host, "KERNEL", str(folder))
    real = subject.write

    def write(setting: Setting, value: str) -> None:
        if value.isalpha():
            raise StrataError(f"{setting}: no {value}")
        real(setting, value)

    monkeypatch.setattr(subject, "write", write)
    return folder


def setting(name: str, value: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "optional": False, "origin": ""} | keys


def run(kernel: Path, *settings: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    params = {"path": str(kernel.parent / "conf"), "settings": list(settings)}
    return subject.converge(SimpleNamespace(params=params, check_mode=check_mode))


def test_both_kernel_and_file_are_changed(kernel: Path) -> None:
    result = run(kernel, setting(FORWARD, "1"), setting(MEMORY, "4096 131072  6291456"))
    assert result["changes"] == [str(kernel.parent / "conf"), FORWARD]
    assert (kernel / "net/ipv4/ip_forward").read_text() == "1\n"
    expected = f"# Strata keeps this file.\n{FORWARD} = 1\n{MEMORY} = 4096 131072 6291456\n"
    assert (kernel.parent / "conf").read_text() == expected
    assert not run(kernel, setting(FORWARD, "1"), setting(MEMORY, "4096 131072 6291456"))["changed"]
    (kernel / "net/ipv4/ip_forward").write_text("0\n")
    assert run(kernel, setting(FORWARD, "1"), setting(MEMORY, "4096 131072 6291456"))["changes"] == [FORWARD]


def test_check_mode_says_the_same_and_touches_nothing(kernel: Path) -> None:
    predicted = run(kernel, setting(FORWARD, "1"), check_mode=True)
    assert (kernel / "net/ipv4/ip_forward").read_text() == "0\n"
    assert not (kernel.parent / "conf").exists()
    assert predicted == run(kernel, setting(FORWARD, "1"))


def test_what_is_not_taken_rolls_all_back(kernel: Path) -> None:
    with pytest.raises(StrataError, match=r"^net.ipv4.tcp_rmem: no much; nothing is changed$"):
        run(kernel, setting(FORWARD, "1"), setting(MEMORY, "much"))
    assert (kernel / "net/ipv4/ip_forward").read_text() == "0\n"
    assert not (kernel.parent / "conf").exists()


def test_a_setting_that_another_changes_is_named(kernel: Path) -> None:
    (kernel / "net/ipv4/other").symlink_to("ip_forward")
    with pytest.raises(StrataError, match=r"^net.ipv4.ip_forward was set to 1, but the kernel has 2"):
        run(kernel, setting(FORWARD, "1"), setting("net.ipv4.other", "2"))
    assert (kernel / "net/ipv4/ip_forward").read_text() == "0\n"


def test_an_unknown_setting_is_named_with_the_nearest(kernel: Path) -> None:
    message = (
        r"^net.ipv4.ip_foward \(router__sysctl_settings\): .* no 'ip_foward' in net.ipv4: did you mean 'ip_forward'\?$"
    )
    with pytest.raises(StrataError, match=message):
        run(kernel, setting("net.ipv4.ip_foward", "1", origin="router__sysctl_settings"))
    with pytest.raises(StrataError, match=r"the kernel of this host has no 'ipv5' in net: did you mean 'ipv4'\?$"):
        run(kernel, setting("net.ipv5.ip_forward", "1"))
    with pytest.raises(
        StrataError, match=r"^nat.ipv4.ip_forward: the kernel of this host has no 'nat': did you mean 'net'\?$"
    ):
        run(kernel, setting("nat.ipv4.ip_forward", "1"))


def test_an_optional_one_may_be_unknown(kernel: Path) -> None:
    assert run(kernel, setting("net.none", "1", optional=True))["changes"] == [str(kernel.parent / "conf")]
    assert (kernel.parent / "conf").read_text().endswith("\n-net.none = 1\n")


def test_what_cannot_be_read_is_named(kernel: Path) -> None:
    (kernel / "net/ipv4/ip_forward").unlink()
    (kernel / "net/ipv4/ip_forward").symlink_to("/proc/self/mem")
    with pytest.raises(StrataError, match=r"^net.ipv4.ip_forward can't be read: Input/output error$"):
        run(kernel, setting(FORWARD, "1"))


def test_contradictions_name_who_asked(kernel: Path) -> None:
    message = r"^net.ipv4.ip_forward \(a\) is to be 1, but net.ipv4.ip_forward \(b\) wants 0: "
    with pytest.raises(DeclarationError, match=message):
        run(kernel, setting(FORWARD, "1", origin="a"), setting("net/ipv4/ip_forward", "0", origin="b"))
    assert run(kernel, setting(FORWARD, "1", origin="a"), setting(FORWARD, " 1", origin="b"))["changed"]


@pytest.mark.parametrize("forward", ["0", "1"])
@pytest.mark.parametrize("text", [None, "", "net.ipv4.ip_forward = 0\n", "what is declared"])
def test_check_mode_touches_nothing_in_between_either(kernel: Path, forward: str, text: str | None) -> None:
    declared, path = setting(FORWARD, "1"), kernel.parent / "conf"
    if text == "what is declared":
        run(kernel, declared)
    elif text is not None:
        path.write_text(text)
    (kernel / "net/ipv4/ip_forward").write_text(f"{forward}\n")
    before = path.read_bytes() if path.exists() else None
    run(kernel, declared, check_mode=True)
    assert (path.read_bytes() if path.exists() else None) == before
    assert (kernel / "net/ipv4/ip_forward").read_text() == f"{forward}\n"
