"""The upgrades that a host makes by itself: each parameter has its setting, by the name that the program reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.strata.apt import conf
from jinja2.nativetypes import NativeEnvironment

ROLE = Path(__file__).parents[3] / "roles/apt"


def settings(**values: Any) -> str:
    """Return the text of the file of apt's configuration."""
    defaults, own = (yaml.safe_load((ROLE / folder / "main.yml").read_text()) for folder in ("defaults", "vars"))
    render = NativeEnvironment().from_string
    upgrades = own["_apt_upgrades"]
    rendered = {
        name: render(value).render(defaults | values) if isinstance(value, str) else value
        for name, value in upgrades["settings"].items()
    }
    text: str = conf.conf_file(upgrades | {"settings": rendered})[1]
    return text


def test_by_default_root_gets_no_mail_and_the_host_does_not_reboot() -> None:
    text = settings()
    assert "\nUnattended-Upgrade::Mail" not in text.replace("Unattended-Upgrade::MailReport", "")
    assert '\nUnattended-Upgrade::Automatic-Reboot "false";\n' in text


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"apt_unattended_mail": "root"}, 'Mail "root";'),
        ({}, 'MailReport "only-on-error";'),
        ({"apt_unattended_mail_report": "on-change"}, 'MailReport "on-change";'),
        ({"apt_unattended_reboot": True}, 'Automatic-Reboot "true";'),
        ({"apt_unattended_reboot_time": "now"}, 'Automatic-Reboot-Time "now";'),
        ({"apt_unattended_reboot_with_users": False}, 'Automatic-Reboot-WithUsers "false";'),
        ({"apt_unattended_remove_unused": True}, 'Remove-Unused-Dependencies "true";'),
    ],
)
def test_each_parameter_has_its_setting(values: dict[str, Any], line: str) -> None:
    assert f"\nUnattended-Upgrade::{line}\n" in settings(**values)
