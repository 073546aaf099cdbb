"""What the module's parameters declare: which files a site gets, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.strata.errors import DeclarationError


def item(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "content": None, "secret_content": None, "mode": "0644", "origin": None} | more


def test_files_have_their_modes_and_secrets_are_secret(made: Any) -> None:
    site = made(
        config={"gerrit": {"basePath": "git"}},
        secure_config={"ldap": {"password": "x"}},
        plugin_configs={"replication": {"remote": {"a": {"url": "b"}}}},
        files=[item("hooks/one", content="#!/bin/sh\n", mode="0755"), item("etc/key", secret_content="k", mode="0600")],
    )
    found = {path.removeprefix(f"{site.path}/"): state for path, state in site.desired({}).items()}
    modes = {path: (oct(state.mode), state.uid, state.secret) for path, state in found.items()}
    assert modes == {
        "etc/gerrit.config": ("0o644", 1, False),
        "etc/secure.config": ("0o600", 1, True),
        "etc/replication.config": ("0o644", 1, False),
        "hooks/one": ("0o755", 1, False),
        "etc/key": ("0o600", 1, True),
        "/etc/systemd/system/gerrit.service": ("0o644", 0, False),
    }
    assert site.declared() == ["etc/key", "etc/replication.config", "hooks/one"]


def test_only_gerrit_reads_a_secret_whose_mode_is_not_declared(made: Any) -> None:
    files = [item("etc/page", content="p", mode=None), item("etc/key", secret_content="k", mode=None)]
    found = made(files=files).desired({})
    modes = {path.rpartition("/")[2]: oct(state.mode) for path, state in found.items()}
    assert (modes["page"], modes["key"]) == ("0o644", "0o600")


def test_what_was_declared_before_goes(made: Any) -> None:
    site = made()
    assert site.desired({}, ["hooks/old"])[f"{site.path}/hooks/old"] is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"config": {"auth": {"b@d": 1}}}, r"gerrit.config \(gerrit_config\): .*'b@d' is not a valid name of a key"),
        ({"config": {"ldap": {"password": "x"}}}, "gerrit.config: ldap.password is a secret"),
        ({"secure_config": {"ldap": {"password": "a\nb"}}}, r"\(gerrit_secure_config\): ldap.password has"),
        ({"plugin_configs": {"x": {"remote": {"password": "x"}}}}, "x.config: remote.password is a secret"),
        ({"plugin_configs": {"gerrit": {}}}, "is not a valid name of a plugin's file"),
        ({"plugin_configs": {"../x": {}}}, "etc/../x.config is not a valid name of a plugin's file"),
        ({"files": [item("/etc/passwd", content="")]}, "must be below one of .ssh, etc, hooks, static"),
        ({"files": [item("static/../../x", content="")]}, "must be below one of"),
        ({"files": [item("git/x", content="", origin="gerrit_files")]}, r"the file git/x \(gerrit_files\) must be"),
        ({"files": [item("etc/secure.config", content="")]}, "no file that is declared elsewhere"),
        ({"files": [item("static/x")]}, "needs either content or secret_content"),
        ({"files": [item("static/x", content="", mode="rw")]}, "mode 'rw' must be octal"),
    ],
)
def test_what_makes_no_site_is_refused(made: Any, given: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        made(**given)


def test_no_value_of_a_secret_is_in_a_message(made: Any) -> None:
    with pytest.raises(DeclarationError) as refused:
        made(secure_config={"ldap": {"password": "canary\n"}})
    assert "canary" not in str(refused.value)
