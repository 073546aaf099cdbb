"""What becomes of twenty good sites when a change is bad, or ends in the middle."""

from __future__ import annotations

import re
import time

import pytest
from http_client import UNPROVEN, ask, ask_all, request

pytestmark = pytest.mark.spread

BAD = "bad.example.org"
TLS = "/etc/apache2/strata-tls"
OWED = "/run/strata/httpd-reload-owed"
EXTRA = 8088  # a port that only one of two sets of sites is served on
LISTEN_ON_8099 = """
import socket
taken = socket.create_server(("", 8099), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    taken.accept()[0].close()
"""


def sites(version):
    """Return twenty sites of three kinds, each with a folder of its own, below that of the version."""
    made = []
    for number in range(20):
        name, docroot = f"site{number}.example.org", f"/srv/sites/{version}/{number}"
        kind = number % 3
        if kind == 0:
            granted = f"<Directory {docroot}>\nRequire all granted\n</Directory>"
            made.append(raw(name, f"DocumentRoot {docroot}\n{granted}"))
        elif kind == 1:
            made.append({"name": name, "docroot": docroot})
        else:
            made.append({"name": name, "docroot": docroot, "ssl": True, "self_signed": True})
    return made


def raw(name, text, **more):
    """Return a vhost with raw content, `text` in it."""
    port = more.get("port", 80)
    content = f"<VirtualHost *:{port}>\n    ServerName {name}\n{text}\n</VirtualHost>\n"
    return {"name": name, "content": content, **more}


GOOD = sites("old")
SETS = {"old": GOOD, "new": [*sites("new"), {"name": "more.example.org", "docroot": "/srv/sites/new/0", "port": EXTRA}]}


def versions(machine, address):
    """Return the version of each of the twenty sites, as Apache answers it; asked from a machine."""
    requests = [request(address, site["name"], "/page", trusted=UNPROVEN if site.get("ssl") else None) for site in GOOD]
    found = []
    for number, answer in enumerate(ask_all(machine, *requests)):
        version, _, which = answer.get("text", "").strip().partition(" ")
        found.append(version if which == str(number) else str(answer))
    return found


def files_of(host):
    """Return each file and link of Apache's configuration with its content."""
    show = "find /etc/apache2 \\( -type f -exec sha256sum {} + \\) -o -type l -printf '%l %p\\n'"
    found = host.run(show)
    # A module at work renames its temporary files meanwhile.
    assert all("No such file" in line and ".strata-" in line for line in found.stderr.splitlines()), found.stderr
    return {line.split()[-1]: line for line in found.stdout.splitlines()}


def without_times(fingerprint):
    """Return a fingerprint in which a file that was restored, and a service that was restarted, are as before."""
    return {
        key: re.sub(r" \d+ (?=[0-9a-f]{64}$)", " ", value)
        for key, value in fingerprint.items()
        if key != "process of apache2.service"
    }


@pytest.fixture(scope="module")
def serve(begin):
    """Start a run of the role alone, without those below it, that makes Apache serve some sites."""
    return lambda sites, **more: begin("--tags=httpd,fingerprint", httpd_vhosts=sites, **more)


@pytest.fixture(scope="module")
def twenty(host, converge):
    """Serve the twenty sites; the scenario's own are back after the module's tests."""
    for version in SETS:
        for number in range(20):
            host.check_output(
                f"mkdir -p /srv/sites/{version}/{number} && echo {version} {number} >/srv/sites/{version}/{number}/page"
            )
    assert converge(httpd_vhosts=GOOD).rc == 0
    yield
    assert converge().rc == 0
    host.check_output("rm -r /srv/sites")


@pytest.fixture
def refused(serve, probe, address, host):
    """Make a run that must fail; return what it said, once all is known to be as before and to go on."""

    def refuse(*vhosts, undone=False, **more):
        run = serve([*GOOD, *vhosts], fingerprints=True, **more).end()
        assert versions(probe, address) == ["old"] * 20
        assert (run.rc, run.changed) == (2, 0), run.output
        again = serve(GOOD, fingerprints=True).end()
        assert (again.rc, again.changed) == (0, 0), again.output
        before, after = run.fingerprints[0], again.fingerprints[0]
        assert (without_times(after) == without_times(before)) if undone else after == before
        assert not host.file(OWED).exists
        return run.message

    return refuse


ENABLED = f"/etc/apache2/sites-enabled/25-{BAD}.conf"
# What configtest finds, before anything is touched.
BROKEN = {
    "syntax error": (raw(BAD, "<Directory /srv>"), "Expected </Directory>"),
    "unclosed section": ({"name": BAD, "content": "<VirtualHost *:80>"}, "was not closed"),
    "missing include": (raw(BAD, "Include /etc/no-such-file.conf"), "Could not open configuration file"),
    "duplicate listen": ({"name": BAD, "content": "Listen 80\n"}, "multiple Listeners"),
}


@pytest.mark.soak
@pytest.mark.usefixtures("twenty")
@pytest.mark.parametrize("case", BROKEN)
def test_broken_vhost_is_refused_before_anything_is_touched(refused, case):
    vhost, message = BROKEN[case]
    said = refused(vhost)
    for part in (f"vhost {BAD} (httpd_vhosts)", message, ENABLED):
        assert part in said
    assert "/run/strata-apache" not in said


@pytest.mark.usefixtures("twenty")
def test_all_modules_that_a_text_needs_are_named_at_once(refused):
    said = refused(raw(BAD, "RewriteEngine On\nProxyPass /a http://127.0.0.1:9/\nExpiresActive On"))
    assert "httpd_modules: [expires, rewrite] must be added" in said  # a site of the twenty is a proxy
    assert f"vhost {BAD} (httpd_vhosts) needs rewrite for 'RewriteEngine On'" in said


@pytest.mark.usefixtures("twenty")
def test_the_line_that_is_refused_is_quoted(refused):
    assert "(the line is 'SetEnvIf only-one')" in refused(raw(BAD, "SetEnvIf only-one"))


@pytest.mark.usefixtures("twenty")
def test_a_name_that_another_site_takes_over_is_refused(refused):
    wild = {"name": "a.example.net", "docroot": "/srv", "serveraliases": ["*.example.net"]}
    said = refused(wild, {"name": "www.example.net", "docroot": "/srv"})
    assert "vhost www.example.net (httpd_vhosts) never answers www.example.net on *:80: vhost a.example.net" in said


@pytest.mark.spread
@pytest.mark.usefixtures("twenty")
def test_a_port_that_only_another_text_defines_is_named(refused):
    other = raw("a.example.net", "") | {"priority": 10}
    said = refused(
        other | {"content": f"Define OTHER 8088\n{other['content']}"},
        {"name": BAD, "content": "<VirtualHost *:${OTHER}>\n  ServerName b.example.net\n</VirtualHost>\n"},
    )
    assert f"vhost {BAD} (httpd_vhosts) is served on port 8088, which its text takes from a variable" in said


@pytest.mark.usefixtures("twenty")
def test_a_text_is_served_on_its_own_port_and_told_what_has_no_effect(serve, host):
    content = (
        "Define PORT 8087\n<VirtualHost *:${PORT}>\n  ServerName app.example.org\n  DocumentRoot /srv/sites/old/0\n"
        "  <Directory /srv/sites/old/0>\n    Order allow,deny\n    Allow from all\n  </Directory>\n"
        "  <IfModule mod_nosuch.c>\n    NoSuch On\n  </IfModule>\n</VirtualHost>\n"
    )
    run = serve([*GOOD, {"name": "app.example.org", "content": content}], httpd_modules=["access_compat"]).end()
    assert run.rc == 0, run.output
    said = " ".join(run.output.split())
    assert "<IfModule mod_nosuch.c> does not hold, so 'NoSuch On' has no effect" in said
    assert "has access rules of Apache 2.2 alone" in said
    # From the host itself: the firewall is open for what a group of hosts has opened.
    assert ask(host, "127.0.0.1", "app.example.org", "/page", port=8087)["status"] == 403
    assert serve(GOOD).end().changed == 1


@pytest.mark.usefixtures("twenty")
def test_a_redirect_to_a_page_leads_to_the_page(serve, probe, address):
    targets = {
        "old.example.org": "https://www.example.org/moved.html",
        "find.example.org": "https://www.example.org/s?q=a",
    }
    run = serve([*GOOD, *({"name": name, "kind": "redirect", "dest": dest} for name, dest in targets.items())]).end()
    assert run.rc == 0, run.output
    for name, dest in targets.items():
        assert ask(probe, address, name, "/")["headers"]["Location"] == dest
        assert ask(probe, address, name, "/a/b?c=d")["headers"]["Location"].partition("?c=d")[0] == dest
    assert serve(GOOD).end().changed == 1


@pytest.mark.usefixtures("twenty")
def test_broken_vhost_is_found_in_check_mode(refused):
    assert "Invalid command 'Nonsense'" in refused(raw(BAD, "Nonsense On"), check=True)


@pytest.mark.soak
@pytest.mark.usefixtures("twenty")
@pytest.mark.parametrize("directive", ["ErrorLog /var/log/none/log", "CustomLog /var/log/none/log combined"])
def test_missing_log_folder(refused, directive):
    said = refused(raw(BAD, directive), undone="Custom" in directive)
    assert f"vhost {BAD} (httpd_vhosts)" in said
    assert "/var/log/none/" in said


@pytest.mark.soak
@pytest.mark.usefixtures("twenty")
def test_port_that_another_program_listens_on(host, refused):
    host.check_output("systemd-run --unit=taken python3 -c %s", LISTEN_ON_8099)
    try:
        said = refused(raw(BAD, "", port=8099))
    finally:
        host.check_output("systemctl stop taken")
    assert f"Apache cannot listen on port 8099 for vhost {BAD} (httpd_vhosts): process " in said
    assert "(python3) has tcp:8099 on IPv6; nothing was changed" in said


UNFIT = {
    "garbage certificate": ("/etc/hostname", f"{TLS}/25-site2.example.org.key", "is not a certificate in PEM form"),
    "garbage key": (f"{TLS}/25-site2.example.org.crt", "/etc/hostname", "is not a private key in PEM form"),
    "key of another": (
        f"{TLS}/25-site2.example.org.crt",
        f"{TLS}/25-site5.example.org.key",
        "does not belong to the certificate",
    ),
    "missing certificate": ("/etc/none", f"{TLS}/25-site2.example.org.key", "there is no file /etc/none"),
}


@pytest.mark.soak
@pytest.mark.usefixtures("twenty")
@pytest.mark.parametrize("case", UNFIT)
def test_unfit_certificate_is_refused_before_anything_is_touched(refused, case):
    certificate, key, message = UNFIT[case]
    said = refused({"name": BAD, "docroot": "/srv", "ssl": True, "certificate": certificate, "key": key})
    assert f"vhost {BAD} (httpd_vhosts): " in said
    assert message in said


@pytest.mark.soak
@pytest.mark.usefixtures("twenty")
@pytest.mark.parametrize(("modules", "action"), [([], "reload"), (["dav_fs"], "restart")], ids=["reload", "restart"])
def test_certificate_that_only_apache_sees_does_not_stay(host, refused, modules, action):
    ssl = "SSLEngine On\\nSSLCertificateFile /etc/garbage.pem\\nSSLCertificateKeyFile /etc/garbage.pem\\n"
    host.check_output(f"echo garbage >/etc/garbage.pem; printf '{ssl}' >/etc/hidden.inc")
    try:
        said = refused(raw(BAD, "Include /etc/hidden.inc", port=443), undone=True, httpd_modules=modules)
    finally:
        host.check_output("rm /etc/garbage.pem /etc/hidden.inc")
    for part in (f"vhost {BAD} (httpd_vhosts)", "check /etc/garbage.pem", "Apache serves with them", action):
        assert part in said


@pytest.mark.soak
@pytest.mark.usefixtures("twenty")
def test_site_broken_by_hand_is_named_as_such(host, serve, probe, address):
    path = "/etc/apache2/sites-enabled/99-by-hand.conf"
    host.check_output(f"echo Nonsense On > {path}")
    try:
        broken = files_of(host)
        run = serve([*GOOD, raw("good.example.org", "")]).end()
        assert run.rc == 2
        said = run.message
        assert f"was broken on this host before this run, in {path};" in said
        assert "good.example.org" not in said
        assert files_of(host) == broken
        assert versions(probe, address) == ["old"] * 20
    finally:
        host.check_output(f"rm {path}")


@pytest.mark.usefixtures("twenty")
def test_missing_folder_of_a_site_harms_no_other(serve, probe, address):
    run = serve([*GOOD, {"name": BAD, "docroot": "/srv/none"}]).end()
    assert run.rc == 0, run.output
    assert versions(probe, address) == ["old"] * 20
    assert ask(probe, address, BAD, "/page")["status"] == 403
    assert serve(GOOD).end().changed == 1


@pytest.fixture(scope="module")
def change(twenty, host, serve):
    """Two sets of sites with the files of each and how long a run takes from one to the other; the first is served."""
    assert twenty is None
    known, started = {}, time.monotonic()
    for version in ("new", "old"):
        assert serve(SETS[version]).end().rc == 0
        known[version] = files_of(host)
    yield {"order": ["old", "new"], "files": known, "seconds": (time.monotonic() - started) / 2}
    assert serve(GOOD).end().rc == 0


def assert_whole(host, change):
    """Assert that each file is that of one of both sets."""
    old, new = change["files"].values()
    for path, state in files_of(host).items():
        assert "/.strata-" in path or state in (old.get(path), new.get(path)), f"{path} is half-written"


def assert_next_run_completes(host, probe, address, serve, change, wanted, circumstance):
    """Assert that the next run brings the wanted set, and that then nothing is left to do."""
    done = serve(SETS[wanted]).end()
    assert done.rc == 0, f"{circumstance}: {done.output}"
    assert files_of(host) == change["files"][wanted], circumstance
    assert versions(probe, address) == [wanted] * 20, circumstance
    assert serve(SETS[wanted]).end().changed == 0, circumstance


@pytest.mark.soak(ordinary=5)
def test_run_killed_at_any_moment(host, probe, address, serve, idle, change, moment, repetition):
    served, wanted = change["order"]
    change["order"].reverse()
    seconds = moment * change["seconds"]
    serve(SETS[wanted]).kill_after(seconds)
    assert_whole(host, change)
    if repetition[0] % 2:  # else the next run meets what the killed one left at work
        idle()
        assert_whole(host, change)
        assert set(versions(probe, address)) in ({served}, {wanted}), f"killed after {seconds} s"
    assert_next_run_completes(host, probe, address, serve, change, wanted, f"killed after {seconds} s")


@pytest.mark.soak
def test_module_killed_on_the_host(host, probe, address, serve, change, moment, repetition, kill_module):
    def start():
        change["order"].reverse()
        return serve(SETS[change["order"][0]])

    kill_module(start, OWED, moment * 0.2 if repetition[0] > 1 else 0)
    assert_whole(host, change)
    wanted, served = change["order"]
    left = files_of(host)
    predicted = serve(SETS[wanted], check=True).end()
    assert (predicted.rc, files_of(host)) == (0, left), predicted.output
    assert set(versions(probe, address)) in ({served}, {wanted})
    assert_next_run_completes(host, probe, address, serve, change, wanted, "killed")
