"""The real Apache of a host, asked from a second machine."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
import yaml
from http_client import ask, ask_all, request

SCENARIO = Path(__file__).parents[3] / "molecule" / "httpd" / "molecule.yml"
VHOSTS = yaml.safe_load(SCENARIO.read_text())["provisioner"]["inventory"]["group_vars"]["targets"]["httpd_vhosts"]
# Each site with a page that only this site has, and what stands in it.
PAGES = {
    "licences.example.org": ("/Apache-2.0", "Apache License"),
    "icons.example.org": ("/pictures/a.gif", "GIF8"),
    "static.example.org": ("/index.html", "Apache2 Debian Default Page"),
    "www.static.example.org": ("/", "Apache2 Debian Default Page"),
}
OWED = "/run/strata/httpd-reload-owed"
FINGERPRINT = "find /etc/apache2 \\( -type f -exec sha256sum {} + \\) -o -type l -printf '%p %l\\n' | sort"


def raw(name, text, **more):
    """Return a vhost with raw content, `text` in it."""
    port = more.get("port", 80)
    content = f"<VirtualHost *:{port}>\n    ServerName {name}\n{text}\n</VirtualHost>\n"
    return {"name": name, "content": content, **more}


def assert_old_sites_answer(machine, address):
    answers = ask_all(machine, *(request(address, host, path) for host, (path, _) in PAGES.items()))
    for (host, (_, text)), answer in zip(PAGES.items(), answers, strict=True):
        assert answer["status"] == 200, (host, answer)
        assert text in answer["text"], host


def files_of(host):
    return host.check_output(FINGERPRINT)


@pytest.fixture
def restored(converge):
    """Bring the scenario's own state back after the test."""
    yield
    assert converge().rc == 0


@pytest.fixture
def unharmed(host, probe, address):
    """Assert that a test left the files as they were and every site served."""
    before = files_of(host)
    yield
    assert files_of(host) == before
    assert_old_sites_answer(probe, address)
    assert not host.file(OWED).exists
    assert host.service("apache2").is_running


def test_each_site_answers_over_both_protocols(probe, address, address6):
    for each in (address, address6):
        assert_old_sites_answer(probe, each)


@pytest.mark.parametrize("site", ["licences.example.org", "icons.example.org", "static.example.org"])
def test_no_site_answers_with_pages_of_another(probe, address, site):
    others = [path for other, (path, _) in PAGES.items() if other not in (site, f"www.{site}") and path != "/"]
    answers = ask_all(probe, *(request(address, site, path) for path in others))
    assert [answer["status"] for answer in answers] == [404] * len(others)


def test_apache_runs_and_starts_at_boot(host):
    service = host.service("apache2")
    assert service.is_running
    assert service.is_enabled
    assert host.run("apache2ctl configtest").stderr.strip() == "Syntax OK"


def test_apache_serves_after_a_reboot(reboot, probe, address, address6):
    reboot()
    deadline = time.monotonic() + 60
    while ask(probe, address, "static.example.org", "/")["status"] != 200:
        assert time.monotonic() < deadline
    for each in (address, address6):
        assert_old_sites_answer(probe, each)


def test_nothing_else_listens(host):
    listening = host.check_output("ss -Hltnp").splitlines()
    assert {line.split()[3].rpartition(":")[2] for line in listening if "apache2" in line} == {"80", "443", "8443"}


def test_closed_port_is_refused(probe, address):
    assert ask(probe, address, "static.example.org", "/", port=444)["status"] == "refused"


def test_version_is_not_told(probe, address):
    for path in ("/", "/nothing-here"):
        answer = ask(probe, address, "static.example.org", path)
        assert answer["headers"]["Server"] == "Apache"
        assert not re.search(r"Apache/\d", answer["text"])


def test_trace_is_refused(probe, address):
    assert ask(probe, address, "static.example.org", "/", method="TRACE")["status"] == 405


def test_dot_files_and_listings_are_refused(host, probe, address):
    root = "/var/www/html"
    try:
        host.check_output(f"mkdir -p {root}/.git {root}/.well-known {root}/folder")
        for file in (".secret", ".git/config", ".well-known/security.txt", "folder/file"):
            host.check_output(f"echo text > {root}/{file}")
        statuses = {
            path: ask(probe, address, "static.example.org", path)["status"]
            for path in ("/.secret", "/.git/config", "/.well-known/security.txt", "/folder/file", "/folder/")
        }
    finally:
        host.check_output(f"rm -r {root}/.git {root}/.secret {root}/.well-known {root}/folder")
    assert statuses == {
        "/.secret": 403,
        "/.git/config": 403,
        "/.well-known/security.txt": 200,
        "/folder/file": 200,
        "/folder/": 403,
    }


@pytest.mark.spread
@pytest.mark.usefixtures("unharmed")
def test_file_that_may_yet_come_is_a_warning_in_check_mode(converge):
    run = converge(check=True, httpd_vhosts=[*VHOSTS, raw("new.example.org", "Include /etc/none.conf")])
    assert (run.rc, run.changed) == (0, 1)
    assert "Could not open configuration file /etc/none.conf" in run.said


@pytest.mark.usefixtures("unharmed")
def test_check_mode_predicts_and_touches_nothing(converge):
    run = converge(check=True, httpd_vhosts=VHOSTS[1:])
    assert (run.rc, run.changed) == (0, 1)


@pytest.mark.spread
@pytest.mark.parametrize("owed", ["reload", "restart"])
def test_owed_reload_is_made_up_for(host, converge, owed):
    main = "systemctl show apache2 --property=MainPID"
    before, written = host.check_output(main), host.file("/run/apache2/apache2.pid").mtime
    host.check_output(f"mkdir -p /run/strata && echo {owed} > {OWED}")
    predicted = converge(check=True)
    assert (predicted.rc, predicted.changed) == (0, 1)
    assert host.file(OWED).exists
    run = converge()
    assert (run.rc, run.changed) == (0, 1)
    assert not host.file(OWED).exists
    assert host.file("/run/apache2/apache2.pid").mtime > written
    assert (host.check_output(main) != before) == (owed == "restart")
    assert converge().changed == 0


def test_stopped_and_disabled_service_is_started_and_enabled(host, converge, probe, address):
    host.check_output("systemctl disable --now apache2")
    run = converge()
    assert (run.rc, run.changed) == (0, 1)
    assert host.service("apache2").is_enabled
    assert_old_sites_answer(probe, address)


@pytest.mark.usefixtures("restored")
def test_changed_site_is_served_without_losing_the_old_process(host, converge, probe, address):
    main = "systemctl show apache2 --property=MainPID"
    before = host.check_output(main)
    new = raw("new.example.org", "Redirect /there http://elsewhere.example.org/", port=8088)
    assert converge(httpd_vhosts=[*VHOSTS, new]).rc == 0
    answer = ask(host, address, "new.example.org", "/there", port=8088)
    assert answer["status"] == 302
    assert host.check_output(main) == before
    assert_old_sites_answer(probe, address)
    assert converge().rc == 0
    assert ask(host, address, "new.example.org", "/there", port=8088)["status"] == "refused"
    assert host.check_output(main) == before


def test_modules_come_with_their_dependencies(host, converge, declared):
    assert host.run("a2query -m dav").rc != 0
    try:
        run = converge(httpd_modules=[*declared["httpd_modules"], "dav_fs"])
        assert (run.rc, run.changed) == (0, 1)
        assert host.run("a2query -m dav").rc == 0
        assert host.file("/etc/apache2/mods-enabled/dav_fs.conf").is_symlink
        assert converge().changed == 0
        assert host.run("a2query -m dav").rc == 0
    finally:
        host.check_output("a2dismod -q -f dav_fs dav; systemctl restart apache2")


@pytest.mark.spread
@pytest.mark.usefixtures("unharmed")
def test_unknown_module_is_named(converge):
    run = converge(httpd_modules=["rewritee"])
    assert run.rc != 0
    assert "no Apache module rewritee on this host: did you mean 'rewrite'?" in run.said


@pytest.mark.spread
@pytest.mark.usefixtures("unharmed")
def test_two_vhosts_with_one_file_are_named(converge):
    run = converge(httpd_vhosts=[*VHOSTS, raw(VHOSTS[0]["name"], "")])
    assert run.rc != 0
    assert f"25-{VHOSTS[0]['name']}.conf, from httpd_vhosts and httpd_vhosts" in run.said


@pytest.mark.spread
@pytest.mark.usefixtures("restored")
def test_undeclared_site_goes_and_a_foreign_one_stays(host, converge, probe, address):
    foreign = "/etc/apache2/sites-available/30-foreign.conf"
    host.check_output(f"echo '# by hand' > {foreign} && a2ensite -q 30-foreign")
    try:
        assert converge(httpd_vhosts=VHOSTS[1:]).rc == 0
        assert host.file(foreign).exists
        assert host.file("/etc/apache2/sites-enabled/30-foreign.conf").exists
        for place in ("available", "enabled"):
            assert "25-licences.example.org.conf" not in host.file(f"/etc/apache2/sites-{place}").listdir()
        path, text = PAGES["licences.example.org"]
        assert text not in ask(probe, address, "licences.example.org", path)["text"]
    finally:
        host.check_output(f"a2dissite -q 30-foreign && rm {foreign} && systemctl reload apache2")
