"""gerrit_plan: which files a site gets, what is refused, and what needs a restart."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.strata import files
from ansible.module_utils.strata.gerrit import config as gerrit_config
from ansible.module_utils.strata.gerrit import declared as plan
from ansible.module_utils.strata.gerrit import service
from ansible.module_utils.strata.gerrit.config import ConfigError, entries
from ansible.module_utils.strata.gerrit.declared import Site, State


def run(command: list[str]) -> tuple[int, str, str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def made(tmp_path: Path) -> Any:
    """Make a site below a folder of its own."""

    def make(**given: Any) -> Site:
        (tmp_path / "site").mkdir(exist_ok=True)
        params = {"site": f"{tmp_path}/site", "config": {}, "secure_config": {}, "plugin_configs": {}, "files": []}
        return Site(params | {"unit": "[Service]\n"} | given, run, 1, 2)

    return make


def item(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "content": None, "secret_content": None, "mode": "0644", "origin": None} | more


def text(site: Site, name: str) -> str:
    state = site.desired([])[f"{site.path}/{name}"]
    assert isinstance(state, files.File)
    return state.content.decode()


def test_files_have_their_modes_and_secrets_are_secret(made: Any) -> None:
    site = made(
        config={"gerrit": {"basePath": "git"}},
        secure_config={"ldap": {"password": "x"}},
        plugin_configs={"replication": {"remote": {"a": {"url": "b"}}}},
        files=[item("hooks/one", content="#!/bin/sh\n", mode="0755"), item("etc/key", secret_content="k", mode="0600")],
    )
    found = {path.removeprefix(f"{site.path}/"): state for path, state in site.desired([]).items()}
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


def test_what_init_made_is_kept_unless_it_is_declared(made: Any, tmp_path: Path) -> None:
    etc = tmp_path / "site" / "etc"
    etc.mkdir(parents=True)
    (etc / "gerrit.config").write_text("[gerrit]\n\tserverId = made\n\tbasePath = other\n")
    (etc / "secure.config").write_text("[auth]\n\tregisterEmailPrivateKey = a/b==\n[old]\n\tkey = x\n")
    site = made(config={"gerrit": {"basePath": "git"}})
    assert text(site, "etc/gerrit.config").count("serverId = made") == 1
    assert "other" not in text(site, "etc/gerrit.config")
    assert "registerEmailPrivateKey = a/b==" in text(site, "etc/secure.config")
    assert "old" not in text(site, "etc/secure.config")
    site = made(config={"gerrit": {"serverid": "mine"}}, secure_config={"auth": {"registerEmailPrivateKey": "my"}})
    assert "made" not in text(site, "etc/gerrit.config")
    assert "a/b" not in text(site, "etc/secure.config")


def test_what_was_declared_before_goes(made: Any) -> None:
    site = made()
    assert site.desired(["hooks/old"])[f"{site.path}/hooks/old"] is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"config": {"auth": {"b@d": 1}}}, r"gerrit.config \(gerrit_config\): .*'b@d' is no name of a key"),
        ({"config": {"ldap": {"password": "x"}}}, "gerrit.config: ldap.password is a secret"),
        ({"secure_config": {"ldap": {"password": "a\nb"}}}, r"\(gerrit_secure_config\): ldap.password has"),
        ({"plugin_configs": {"x": {"remote": {"password": "x"}}}}, "x.config: remote.password is a secret"),
        ({"plugin_configs": {"gerrit": {}}}, "is no name of a plugin's file"),
        ({"plugin_configs": {"../x": {}}}, "etc/../x.config is no name of a plugin's file"),
        ({"files": [item("/etc/passwd", content="")]}, "must be below one of .ssh, etc, hooks, static"),
        ({"files": [item("static/../../x", content="")]}, "must be below one of"),
        ({"files": [item("git/x", content="", origin="gerrit_files")]}, r"the file git/x \(gerrit_files\) must be"),
        ({"files": [item("etc/secure.config", content="")]}, "no file that is declared elsewhere"),
        ({"files": [item("static/x")]}, "needs either content or secret_content"),
        ({"files": [item("static/x", content="", mode="rw")]}, "mode 'rw' must be octal"),
    ],
)
def test_what_makes_no_site_is_refused(made: Any, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        made(**given)


def test_no_value_of_a_secret_is_in_a_message(made: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        made(secure_config={"ldap": {"password": "canary\n"}})
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("folder", ["etc", "static", "plugins"])
def test_a_link_that_leads_out_of_the_site_is_refused(made: Any, tmp_path: Path, folder: str) -> None:
    site = made(files=[item("static/x", content="")])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "site" / folder).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=f"/{folder} is or passes a symbolic link"):
        site.desired([])


@pytest.mark.parametrize(
    ("name", "restart"),
    [
        ("etc/gerrit.config", True),
        ("etc/secure.config", True),
        ("etc/replication.config", True),
        ("etc/ssh_host_rsa_key", True),
        ("etc/mail/Footer.soy", True),
        ("etc/GerritSiteHeader.html", False),
        ("etc/GerritSite.css", False),
        ("static/robots.txt", False),
        ("hooks/patchset-created", False),
        (".ssh/known_hosts", False),
        ("../../systemd/system/gerrit.service", True),
    ],
)
def test_what_needs_a_restart(made: Any, name: str, restart: bool) -> None:
    site = made(config={"gerrit": {"basePath": "git"}})
    assert site.needs_restart([files.Change(f"{site.path}/{name}", None, files.File(b""))]) is restart


LINK = {"bug": {"match": "#([0-9]+)", "link": "https://bugs.example.org/$1"}}


@pytest.mark.parametrize(
    ("there", "wanted", "reload"),
    [
        ({}, {"commentlink": LINK}, True),
        ({"commentLink": LINK}, {}, True),
        ({"commentlink": LINK}, {"commentlink": {"other": LINK["bug"]}}, True),
        ({"commentlink": LINK, "user": {"eMail": "a"}}, {"commentlink": {}, "USER": {"email": "a"}}, True),
        ({"user": {"name": "a"}}, {"commentlink": LINK}, False),
        ({"download": {"scheme": ["ssh"]}}, {"commentlink": LINK, "download": {"scheme": ["ssh", "http"]}}, False),
        ({}, {"commentlink": LINK, "sshd": {"listenAddress": "off"}}, False),
    ],
)
def test_what_gerrit_takes_over_while_it_runs(made: Any, there: Any, wanted: Any, reload: bool) -> None:
    site = made(config=wanted)
    path = f"{site.path}/etc/gerrit.config"
    Path(path).parent.mkdir()
    Path(path).write_text(gerrit_config.render(entries(there)))
    changes = [files.Change(path, None, files.File(b""))]
    assert (site.needs_reload(changes), site.needs_restart(changes)) == (reload, not reload)
    assert not site.needs_reload([])


def test_removed_and_private_files_are_not_shown() -> None:
    old = files.File(b"canary", 0o600)
    changes = [files.Change("a", old, files.File(b"x")), files.Change("b", files.File(b"canary"), None)]
    assert "canary" not in str(files.diff(plan.masked(changes)))


def test_what_a_run_noted_is_read_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "STATE", str(tmp_path / "state.json"))
    assert State.read() == State()
    (tmp_path / "state.json").write_text("{half")
    assert State.read() == State()


@pytest.mark.parametrize(
    ("config", "addresses"),
    [
        ({}, ["http://localhost:8080", "ssh://localhost:29418"]),
        ({"httpd": {"listenUrl": "proxy-https://127.0.0.1:8081/"}}, ["http://127.0.0.1:8081", "ssh://localhost:29418"]),
        ({"httpd": {"listenUrl": ["https://*/r/", "http://x/"]}}, ["https://localhost:443/r", "ssh://localhost:29418"]),
        ({"sshd": {"listenAddress": "off"}}, ["http://localhost:8080"]),
        ({"sshd": {"listenAddress": ["[::1]:29", ":30"]}}, ["http://localhost:8080", "ssh://::1:29"]),
        (
            {"httpd": {"listenUrl": "http://[::]:80/"}, "sshd": {"listenAddress": ":9"}},
            ["http://::1:80", "ssh://localhost:9"],
        ),
    ],
)
def test_where_gerrit_is_asked(config: dict[str, Any], addresses: list[str]) -> None:
    assert [str(each) for each in service.addresses(entries(config))] == addresses


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"httpd": {"listenUrl": "127.0.0.1:8080"}}, "httpd.listenUrl '127.0.0.1:8080' is no URL"),
        ({"sshd": {"listenAddress": "here"}}, "sshd.listenAddress 'here' is no address"),
    ],
)
def test_an_address_that_cannot_be_asked_is_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        service.addresses(entries(config))


LOG = """[2026-11-28T08:16:25] [main] INFO  c.g.g.Daemon : Starting
[2026-11-28T08:16:35] [main] ERROR com.google.gerrit.pgm.Daemon : Unable to start daemon
java.lang.IllegalStateException: Cannot start HTTP daemon
\tat com.google.gerrit.pgm.http.jetty.JettyServer.start(JettyServer.java:170)
Caused by: java.io.IOException: Failed to bind to /127.0.0.1:8081
\t... 11 more
Caused by: java.net.BindException: Address already in use
"""


def test_of_a_log_only_what_tells_why_is_said() -> None:
    said = service.telling(LOG)
    assert said.endswith("Caused by: java.net.BindException: Address already in use")
    assert "Failed to bind to /127.0.0.1:8081" in said
    assert "JettyServer" not in said
    assert "INFO" not in said
