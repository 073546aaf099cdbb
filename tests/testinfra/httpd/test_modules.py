"""Modules on and off, with their packages and settings."""

from __future__ import annotations

import pytest
from http_client import ask

pytestmark = pytest.mark.spread

WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"wsgi at " + environ["SCRIPT_NAME"].encode()]
"""
PACKAGE = "libapache2-mod-bw"
CONF = "/etc/apache2/conf-enabled/strata_module_bw.conf"


def test_module_of_a_known_package_works_with_its_conf(host, probe, address):
    host.check_output("printf %%s %s > /usr/local/lib/hello.wsgi", WSGI)
    try:
        answer = ask(probe, address, "static.example.org", "/wsgi")
    finally:
        host.check_output("rm /usr/local/lib/hello.wsgi")
    assert (answer["status"], answer["text"]) == (200, "wsgi at /wsgi")


def test_module_brings_the_package_that_it_names_and_its_conf(host, converge, declared):
    module = {"name": "bw", "package": PACKAGE, "conf": "BandWidthModule On\n"}
    modules = [*declared["httpd_modules"], module]
    try:
        predicted = converge(check=True, httpd_modules=modules)
        assert (predicted.rc, predicted.changed) == (0, 2)
        run = converge(httpd_modules=modules)
        assert (run.rc, run.changed) == (0, 2)
        assert predicted.results[-1]["paths"] == run.results[-1]["paths"]
        assert host.file(CONF).content_string.splitlines()[1] == "BandWidthModule On"
        assert "bw_module" in host.check_output("apache2ctl -M")
        assert converge(httpd_modules=modules).changed == 0
    finally:
        run = converge(apt_absent_packages=[PACKAGE])
    assert run.rc == 0
    assert not host.file(CONF).exists
    assert not host.file(CONF.replace("enabled", "available")).exists
    assert converge().changed == 0


@pytest.mark.usefixtures("original_configuration")
def test_disabled_module_goes_and_stays_away(host, converge, probe, address):
    run = converge(httpd_disabled_modules=["status", "autoindex", "rewrite"])
    assert (run.rc, run.changed, run.results[-1]["service"]) == (0, 1, ["restart"])
    loaded = host.check_output("apache2ctl -M")
    assert "status_module" not in loaded
    assert "autoindex_module" not in loaded
    assert ask(probe, address, "static.example.org", "/")["status"] == 200
    assert converge(httpd_disabled_modules=["status", "autoindex", "rewrite"]).changed == 0


@pytest.mark.usefixtures("original_configuration")
def test_another_way_to_run_processes_takes_the_place_of_the_first(host, converge, probe, address, declared):
    modules = [*declared["httpd_modules"], "mpm_prefork"]
    run = converge(httpd_modules=modules)
    assert run.rc != 0
    assert "mpm_prefork excludes mpm_event, which is enabled on this host" in run.said
    run = converge(httpd_modules=modules, httpd_disabled_modules=["mpm_event"])
    assert run.rc == 0
    assert "mpm_prefork_module" in host.check_output("apache2ctl -M")
    assert ask(probe, address, "static.example.org", "/")["status"] == 200


@pytest.fixture
def dav(host, original_configuration):  # noqa: ARG001
    """Enable a module by hand, and the one that it needs."""
    host.check_output("a2enmod -q dav_fs")


@pytest.mark.usefixtures("dav", "untouched")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"httpd_disabled_modules": ["mime"]}, "mime is needed by vhost "),
        ({"httpd_disabled_modules": ["dav"]}, "dav is needed by the module dav_fs, which is enabled on this host"),
        ({"httpd_disabled_modules": ["mpm_event"]}, "No MPM loaded"),
        ({"httpd_modules": [{"name": "status", "conf": "Nonsense On"}]}, "the conf of module status (httpd_modules)"),
    ],
)
def test_what_would_break_apache_is_refused_by_name(converge, values, message):
    run = converge(**values)
    assert run.rc != 0
    assert message in run.said
