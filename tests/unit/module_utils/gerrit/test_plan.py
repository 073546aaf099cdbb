"""What a change needs of a running Gerrit, and what is done, in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.strata import files
from ansible.module_utils.strata.gerrit import plan
from ansible.module_utils.strata.gerrit.config import entries, render
from ansible.module_utils.strata.gerrit.host import Host, Record

WAR = "0" * 64
#: A site whose Gerrit serves, and has all that `made` declares.
SERVING = Host(Record(WAR), {}, {"bin/gerrit.war": WAR}, set(), active=True, enabled=True, pending=False)
PLUGIN = {"name": "x", "core": False, "url": None, "sha256": "1" * 64}


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
    changes = [files.Change(f"{site.path}/{name}", None, files.File(b""))]
    assert plan.needs_restart(site, SERVING, changes) is restart


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
def test_what_gerrit_takes_over_while_it_runs(made: Any, present: Any, there: Any, wanted: Any, reload: bool) -> None:
    site = made(config=wanted)
    path = Path(site.path, "etc/gerrit.config")
    path.parent.mkdir()
    path.write_text(render(entries(there)))
    found = replace(SERVING, configs=present(site))
    changes = [files.Change(str(path), None, files.File(b""))]
    assert (plan.needs_reload(site, found, changes), plan.needs_restart(site, found, changes)) == (reload, not reload)
    assert not plan.needs_reload(site, found, [])
    assert plan.plan(site, found, changes).action == ("reload" if reload else "restart")


@pytest.mark.parametrize(
    ("there", "plugins", "action"),
    [
        ({}, [], ""),
        ({"active": False}, [], "start"),
        ({"pending": True}, [], "restart"),
        ({"record": Record()}, [], "restart"),
        ({}, [PLUGIN], ""),
        ({"jars": {"bin/gerrit.war": WAR, "plugins/x.jar": "2" * 64}}, [], "restart"),
        ({"jars": {"bin/gerrit.war": WAR, "plugins/y.jar": "2" * 64}}, [PLUGIN], ""),
        ({"jars": {"bin/gerrit.war": WAR, "lib/y.jar": "2" * 64}}, [], "restart"),
    ],
)
def test_what_becomes_of_the_daemon(made: Any, there: dict[str, Any], plugins: list[Any], action: str) -> None:
    assert plan.plan(made(plugins=plugins), replace(SERVING, **there), []).action == action


def test_what_is_done_is_said_in_its_order(made: Any) -> None:
    site = made()
    found = Host(Record(), {}, {}, set(site.folders()) - {site.path}, active=False, enabled=False, pending=False)
    changes = [files.Change(f"{site.path}/etc/gerrit.config", None, files.File(b""))]
    assert plan.plan(site, found, changes).changes == [
        f"{site.path}/etc/gerrit.config",
        f"{site.path}: folder",
        f"bin/gerrit.war: sha256 none -> {WAR}",
        "init",
        "gerrit.service: start",
        "gerrit.service: enable",
    ]


@pytest.mark.parametrize(
    ("frequency", "seconds"),
    [(None, 60), ("0", 0), ("2 s", 2), ("5 min", 300), ("1 hours", 3600), ("500 ms", 0.5), ("x", 0)],
)
def test_how_often_gerrit_looks_for_plugins(made: Any, frequency: str | None, seconds: float) -> None:
    config = {"plugins": {"checkFrequency": frequency}} if frequency else {}
    assert plan.scan_interval(made(config=config)) == seconds
