"""Lines of sshd_config, and the file that the role sshd makes of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.errors import AnsibleFilterError

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles/sshd"
spec = importlib.util.spec_from_file_location("sshd_lines", ROOT / "filter_plugins/sshd_lines.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
sshd_lines = module.FilterModule().filters()["sshd_lines"]


def config(**values: Any) -> list[str]:
    """Return the lines of the role's file."""
    defaults, own = (yaml.safe_load((ROLE / folder / "main.yml").read_text()) for folder in ("defaults", "vars"))
    environment = jinja2.Environment(trim_blocks=True)
    environment.filters["sshd_lines"] = sshd_lines
    template = environment.from_string((ROLE / "templates/strata.conf.j2").read_text())
    return template.render(defaults | own | values).splitlines()


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (True, ["X yes"]),
        (False, ["X no"]),
        (7, ["X 7"]),
        ("LANG LC_*", ["X LANG LC_*"]),
        (["LANG", "a b"], ["X LANG", "X a b"]),
        ([], []),
    ],
)
def test_a_setting_is_a_line_for_each_item(value: object, lines: list[str]) -> None:
    assert sshd_lines({"X": value}, "here") == lines


@pytest.mark.parametrize("name", ["AllowUsers", "DenyUsers", "allowgroups", "DenyGroups"])
@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("domain users", '"domain users"'),
        ("root", "root"),
        ("*@192.0.2.*", "*@192.0.2.*"),
        ("#1", '"#1"'),
        ("a\\b", '"a\\\\b"'),
        ('a "b"', '"a \\"b\\""'),
    ],
)
def test_an_item_that_is_a_name_is_one_word(name: str, value: str, word: str) -> None:
    assert sshd_lines({name: ["root", value]}, "here") == [f"{name} root", f"{name} {word}"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"passwordauthentication": True}, "here: passwordauthentication would not be in force: set there instead"),
        ({"UseDNS": True, "usedns": False}, "here: usedns and UseDNS are one setting: give one of them"),
        ({"Banner": None}, "here: Banner needs a text, a number, yes or no, or a list of them"),
        ({"Banner": {"a": 1}}, "here: Banner needs a text"),
        ({"Banner": "a\nPort 9"}, r'here: Banner: "a\\nPort 9" must be one line'),
        ({"DenyGroups": ["a\tb", ""]}, 'here: DenyGroups: "" must be one line, and not empty'),
        ({"Use DNS": True}, 'here: "Use DNS" is not the name of a setting'),
    ],
)
def test_what_sshd_would_not_see_as_it_is_declared_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(AnsibleFilterError, match=f"^{said}"):
        sshd_lines(settings, "here", {"PasswordAuthentication": "there"})


def test_a_group_with_a_blank_is_one_group() -> None:
    lines = config(sshd_allow_groups=["root", "sudo", "domain users"])
    assert [line for line in lines if line.startswith("AllowGroups")] == [
        "AllowGroups root",
        "AllowGroups sudo",
        'AllowGroups "domain users"',
    ]


@pytest.mark.parametrize("name", ["KbdInteractiveAuthentication", "UseDNS", "usedns", "LogLevel"])
def test_what_a_site_sets_comes_before_what_the_role_sets(name: str) -> None:
    lines = config(sshd_settings={name: "mine"})
    values = [line.split(" ", 1)[1] for line in lines if line.lower().startswith(name.lower())]
    assert values[0] == "mine"
    assert len(values) == 2


def test_no_free_setting_is_lost_to_a_parameter() -> None:
    """Each line of the file that a parameter makes belongs to one that is named in a message."""
    named = yaml.safe_load((ROLE / "vars/main.yml").read_text())["_sshd_parameters"]
    full = config(
        sshd_listen_addresses=["::"],
        sshd_allow_users=["a"],
        sshd_allow_groups=["b"],
        sshd_match=[{"criteria": "User c", "settings": {}}],
    )
    made = {line.split()[0] for line in full[: full.index("# Unless sshd_settings has them.")] if line[0] != "#"}
    assert made | {"Match"} == set(named)
    for name in made:
        with pytest.raises(AnsibleFilterError, match=f"sshd_settings: {name} would not be in force: set sshd_"):
            config(sshd_settings={name: "x"})


def test_a_match_of_a_site_comes_before_that_of_root_s_sources() -> None:
    lines = config(
        sshd_root_sources=["192.0.2.1", "2001:db8::1"],
        sshd_match=[{"criteria": "User jane", "settings": {"AuthenticationMethods": "publickey,keyboard-interactive"}}],
    )
    assert lines[-4:] == [
        "Match User jane",
        "    AuthenticationMethods publickey,keyboard-interactive",
        "Match Address 192.0.2.1,2001:db8::1",
        "    PermitRootLogin prohibit-password",
    ]
