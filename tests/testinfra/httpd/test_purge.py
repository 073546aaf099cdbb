"""What nobody declared is named, and goes when that is asked for."""

from __future__ import annotations

import pytest
from http_client import ask

pytestmark = pytest.mark.spread

ROOT = "/etc/apache2"
FOREIGN = f"{ROOT}/sites-enabled/30-foreign.conf"
HAND = f"{ROOT}/sites-enabled/40-hand.conf"
STATUS = f"{ROOT}/mods-enabled/status.load"
CHARSET = f"{ROOT}/conf-enabled/charset.conf"


@pytest.fixture
def foreign(host, original_configuration):  # noqa: ARG001
    """Enable a site by hand, and put another one where a link should be."""
    host.check_output(f"echo 'Define FOREIGN' > {ROOT}/sites-available/30-foreign.conf && a2ensite -q 30-foreign")
    host.check_output(f"echo 'Define HAND' > {HAND}")


@pytest.mark.usefixtures("foreign")
def test_foreign_things_are_named_and_go_when_asked(host, converge, fingerprint, probe, address):
    run = converge()
    assert (run.rc, run.changed) == (0, 0)
    named = run.results[-1]["foreign"]
    assert {FOREIGN, HAND, STATUS, CHARSET} < set(named)
    assert not any("strata" in path or "static.example.org" in path for path in named)

    before = fingerprint()
    purge = ["sites", "modules", "confs"]
    predicted = converge(check=True, httpd_purge=purge)
    assert fingerprint() == before

    run = converge(httpd_purge=purge)
    assert (run.rc, run.changed) == (0, 1)
    for key in ("changes", "paths", "service", "foreign"):
        assert predicted.results[-1][key] == run.results[-1][key]
    assert {FOREIGN, HAND, STATUS, CHARSET} < set(run.results[-1]["paths"])
    assert run.results[-1]["service"] == ["restart"]
    assert run.results[-1]["foreign"] == [f"{ROOT}/mods-enabled/mpm_event.{end}" for end in ("conf", "load")]
    for path in (FOREIGN, HAND, STATUS, CHARSET):
        assert not host.file(path).exists
        assert host.file(path.replace("-enabled/", "-available/")).exists
    assert host.file(f"{ROOT}/sites-available/40-hand.conf").content_string == "Define HAND\n"
    assert ask(probe, address, "static.example.org", "/")["headers"]["Content-Type"] == "text/html"
    assert converge(httpd_purge=purge).changed == 0


@pytest.mark.usefixtures("foreign")
def test_purge_that_apache_refuses_touches_nothing(host, converge, fingerprint, probe, address):
    host.check_output(f"echo 'IndexIgnore *.bak' > {ROOT}/sites-available/30-foreign.conf")
    before = fingerprint()
    run = converge(httpd_purge=["modules"])
    assert run.rc != 0
    assert "Invalid command 'IndexIgnore'" in " ".join(run.output.split())
    assert fingerprint() == before
    assert ask(probe, address, "static.example.org", "/")["status"] == 200


@pytest.mark.usefixtures("foreign")
def test_file_that_would_meet_another_one_is_left_alone(host, converge, fingerprint):
    host.check_output(f"echo '# another' > {ROOT}/sites-available/40-hand.conf")
    before = fingerprint()
    run = converge(httpd_purge=["sites"])
    assert run.rc != 0
    assert "40-hand.conf is another one: remove one of them" in " ".join(run.output.split())
    assert fingerprint() == before
