"""Credentials of repositories: what apt makes of them, and that nobody else sees them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.strata import files
from ansible.module_utils.strata.apt import credentials, settings
from ansible.module_utils.strata.apt.credentials import Credentials, credentials_file
from ansible.module_utils.strata.apt.declared import parse_settings
from ansible.module_utils.strata.apt.record import Record
from ansible.module_utils.strata.errors import DeclarationError

from .sample import SOURCE

ITEM = {
    "name": "packages",
    "machine": "packages.example.org/debian",
    "login": "host",
    "password": "canary",
    "origin": "web__apt_credentials",
}


def declared(*items: dict[str, Any]) -> Any:
    return parse_settings({"sources": [SOURCE], "keys": [], "pins": [], "conf": [], "credentials": items})


def test_only_root_reads_the_file_and_no_diff_shows_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "FOLDER", str(tmp_path))
    path = tmp_path / "packages.conf"
    wanted = declared(ITEM)
    assert wanted.files[str(path)].mode == 0o600
    assert wanted.files[str(path)].content == b"machine packages.example.org/debian\nlogin host\npassword canary\n"
    path.write_text("machine packages.example.org/debian\nlogin host\npassword old-canary\n")
    for changes in (
        settings.plan(wanted, Record(), []),
        settings.plan(declared(), Record((str(path),)), []),
    ):
        change = next(change for change in changes if change.path == str(path))
        assert "canary" not in str(files.diff([change]))


@pytest.mark.parametrize(
    ("machine", "uri", "used"),
    [
        ("packages.example.org", "https://packages.example.org/debian", True),
        ("packages.example.org", "http://packages.example.org/debian", False),
        ("http://packages.example.org", "http://packages.example.org/debian", True),
        ("packages.example.org/other", "https://packages.example.org/debian", False),
    ],
)
def test_sources_are_asked_again_when_their_credentials_change(machine: str, uri: str, used: bool) -> None:
    assert Credentials("/x", machine).fit(uri) == used
    settings = parse_settings(
        {
            "sources": [SOURCE | {"uris": [uri]}],
            "keys": [],
            "pins": [],
            "conf": [],
            "credentials": [ITEM | {"machine": machine}],
        }
    )
    change = files.Change(f"{credentials.FOLDER}/packages.conf", None, None)
    assert [source.name for source in settings.changed_sources([change])] == (["example"] if used else [])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"password": "canary two"}, "need a password without blanks"),
        ({"login": ""}, "need a login without blanks"),
        ({"machine": "https://me:canary@packages.example.org"}, "need a machine such as"),  # pragma: allowlist secret
        ({"name": "a.b"}, "must have a name without points"),
    ],
)
def test_what_apt_would_read_otherwise_is_refused_and_not_shown(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(DeclarationError, match=said) as caught:
        credentials_file(ITEM | wrong)
    assert "canary" not in str(caught.value)
