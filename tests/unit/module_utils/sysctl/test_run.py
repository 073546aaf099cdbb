"""sysctl_settings: names, what is compared, what is refused, and what is there after a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sysctl_settings
from sysctl_settings import SettingError, converge, dotted, slashed

if TYPE_CHECKING:
    from pathlib import Path

FORWARD = "net.ipv4.ip_forward"
MEMORY = "net.ipv4.tcp_rmem"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel of files, which takes everything but letters."""
    folder = tmp_path / "sys"
    (folder / "net/ipv4").mkdir(parents=True)
    (folder / "net/ipv4/ip_forward").write_text("0\n")
    (folder / "net/ipv4/tcp_rmem").write_text("4096\t131072\t6291456\n")
    monkeypatch.setattr(sysctl_settings, "KERNEL", str(folder))
    real = sysctl_settings.write

    def write(setting: sysctl_settings.Setting, value: str) -> None:
        if value.isalpha():
            raise SettingError(f"{setting}: no {value}")
        real(setting, value)

    monkeypatch.setattr(sysctl_settings, "write", write)
    return folder


def setting(name: str, value: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "optional": False, "origin": ""} | keys


def run(kernel: Path, *settings: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    return converge({"path": str(kernel.parent / "conf"), "settings": list(settings)}, check_mode=check_mode)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding"),
        ("net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding"),
    ],
)
def test_a_name_has_two_forms(name: str, path: str) -> None:
    assert slashed(name) == path
    assert slashed(dotted(path)) == path


def test_both_kernel_and_file_are_put_right(kernel: Path) -> None:
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


def test_what_is_not_taken_puts_all_back(kernel: Path) -> None:
    with pytest.raises(SettingError, match=r"^net.ipv4.tcp_rmem: no much; nothing is changed$"):
        run(kernel, setting(FORWARD, "1"), setting(MEMORY, "much"))
    assert (kernel / "net/ipv4/ip_forward").read_text() == "0\n"
    assert not (kernel.parent / "conf").exists()


def test_a_setting_that_another_changes_is_named(kernel: Path) -> None:
    (kernel / "net/ipv4/other").symlink_to("ip_forward")
    with pytest.raises(SettingError, match=r"^net.ipv4.ip_forward was set to 1, but the kernel has 2"):
        run(kernel, setting(FORWARD, "1"), setting("net.ipv4.other", "2"))
    assert (kernel / "net/ipv4/ip_forward").read_text() == "0\n"


def test_an_unknown_setting_is_named_with_the_nearest(kernel: Path) -> None:
    message = r"^net.ipv4.ip_foward \(router__sysctl_settings\): .* did you mean net.ipv4.ip_forward\?$"
    with pytest.raises(SettingError, match=message):
        run(kernel, setting("net.ipv4.ip_foward", "1", origin="router__sysctl_settings"))
    with pytest.raises(SettingError, match=r"no such setting: did you mean net.ipv4\?$"):
        run(kernel, setting("net.ipv5.ip_forward", "1"))


def test_an_optional_one_may_be_unknown(kernel: Path) -> None:
    assert run(kernel, setting("net.none", "1", optional=True))["changes"] == [str(kernel.parent / "conf")]
    assert (kernel.parent / "conf").read_text().endswith("\n-net.none = 1\n")


def test_contradictions_name_who_asked(kernel: Path) -> None:
    message = r"^net.ipv4.ip_forward \(a\) is to be 1, but net.ipv4.ip_forward \(b\) wants 0: "
    with pytest.raises(SettingError, match=message):
        run(kernel, setting(FORWARD, "1", origin="a"), setting("net/ipv4/ip_forward", "0", origin="b"))
    assert run(kernel, setting(FORWARD, "1", origin="a"), setting(FORWARD, " 1", origin="b"))["changed"]
