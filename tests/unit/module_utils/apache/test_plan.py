"""What sites, modules and ports mean for Apache's files, on a host where others stand already."""

from functools import partial

import pytest
from ansible.module_utils.strata.apache import plan
from ansible.module_utils.strata.apache.declared import parse
from ansible.module_utils.strata.apache.host import ROOT, Host
from ansible.module_utils.strata.apache.modules import Module
from ansible.module_utils.strata.files import Change, File, Link

from .samples import params, vhost

AVAILABLE, ENABLED = f"{ROOT}/sites-available", f"{ROOT}/sites-enabled"
item = partial(vhost, docroot="/srv/docs")


def desired(items=(), host=None, **more):
    """Return the paths of the declarations; `host` are arguments of what stands there."""
    declared = parse(params(vhosts=items, **{"disabled_sites": []} | more), "web1")
    return plan.desired(declared, Host(**(host or {})), {})


def test_content_is_the_whole_file_below_the_header():
    paths = desired(
        [item("docs.example.org", content="<VirtualHost *:80>\n</VirtualHost>", origin="gerrit__httpd_vhosts")]
    )
    assert paths[f"{AVAILABLE}/25-docs.example.org.conf"] == File(
        b"# Managed by Strata (gerrit__httpd_vhosts): changes made here are overwritten\n"
        b"<VirtualHost *:80>\n</VirtualHost>\n"
    )
    assert paths[f"{ENABLED}/25-docs.example.org.conf"] == Link("../sites-available/25-docs.example.org.conf")


def test_apache_listens_on_all_ports():
    paths = desired([item(port=8080), item("b", port=443)], ports=[80, 443])
    assert paths[f"{ROOT}/ports.conf"].content.splitlines()[1:] == [b"Listen 80", b"Listen 443", b"Listen 8080"]


def test_undeclared_site_of_ours_goes_with_all_its_links():
    enabled = {"25-old.conf": "25-old.conf", "by-hand.conf": "25-old.conf", "foreign.conf": "foreign.conf"}
    host = {
        "owned": {"sites-available/25-old.conf", "sites-available/25-new.conf", "conf-available/strata_module_x.conf"},
        "links": {f"sites-enabled/{link}": f"sites-available/{file}" for link, file in enabled.items()}
        | {"conf-enabled/strata_module_x.conf": "conf-available/strata_module_x.conf"},
    }
    paths = desired([item("new")], host=host)
    assert {path for path, state in paths.items() if state is None} == {
        f"{AVAILABLE}/25-old.conf",
        f"{ENABLED}/25-old.conf",
        f"{ENABLED}/by-hand.conf",
        f"{ROOT}/conf-available/strata_module_x.conf",
        f"{ROOT}/conf-enabled/strata_module_x.conf",
    }


def test_disabled_site_loses_only_its_link():
    paths = desired(disabled_sites=["000-default"])
    assert paths[f"{ENABLED}/000-default.conf"] is None
    assert f"{AVAILABLE}/000-default.conf" not in paths


LINK = Link("../elsewhere")
HAND = File(b"# by hand\n", 0o600, 1, 2)
FOREIGN = {
    "sites-enabled/30-foreign.conf": LINK,
    "sites-enabled/25-a.conf": LINK,
    "sites-enabled/hand.conf": HAND,
    "mods-enabled/status.load": LINK,
    "mods-enabled/status.conf": LINK,
    "mods-enabled/env.load": LINK,
    "conf-enabled/charset.conf": LINK,
    "conf-enabled/strata.conf": LINK,
}


def gone(paths):
    return {path.removeprefix(f"{ROOT}/") for path, state in paths.items() if state is None}


@pytest.mark.parametrize(
    ("more", "removed"),
    [
        ({}, set()),
        ({"purge": ["sites"]}, {"sites-enabled/30-foreign.conf", "sites-enabled/hand.conf"}),
        ({"purge": ["confs"]}, {"conf-enabled/charset.conf"}),
        ({"disabled_modules": ["status"]}, {"mods-enabled/status.load", "mods-enabled/status.conf"}),
        ({"purge": ["modules"]}, {path for path in FOREIGN if path.startswith("mods-enabled/")}),
        ({"disabled_sites": ["hand"]}, {"sites-enabled/hand.conf"}),
    ],
)
def test_purge_removes_what_is_enabled_and_undeclared(more, removed):
    host = {"enabled": FOREIGN}
    paths = desired([item("a")], host=host, **more)
    assert gone(paths) == removed
    left = plan.foreign(Host(**host), paths)
    assert left == sorted(f"{ROOT}/{path}" for path in FOREIGN.keys() - removed - OURS)


OURS = {"sites-enabled/25-a.conf", "conf-enabled/strata.conf"}


def test_file_that_has_no_other_copy_moves_when_it_is_disabled():
    host = Host(enabled={"sites-enabled/hand.conf": HAND})
    path = f"{AVAILABLE}/hand.conf"
    assert desired(host={"enabled": host.enabled}, purge=["sites"])[path] == HAND
    plan.check_no_overwrite([Change(path, None, HAND), Change(f"{ENABLED}/hand.conf", HAND, None)], host)
    with pytest.raises(ValueError, match="remove one of them; nothing was changed"):
        plan.check_no_overwrite([Change(path, File(b"another"), HAND)], host)


def test_module_is_enabled_with_its_settings_if_it_has_some():
    host = {"modules": {"ssl": Module(has_conf=True), "headers": Module(), "unknown": None}}
    paths = desired(modules=["ssl", "headers", "unknown"], host=host)
    enabled = {path.rpartition("/")[2]: state for path, state in paths.items() if "/mods-enabled/" in path}
    assert enabled == {name: Link(f"../mods-available/{name}") for name in ("ssl.load", "ssl.conf", "headers.load")}


def test_declared_settings_of_a_module_come_after_ours():
    paths = desired(modules=[{"name": "wsgi", "conf": "WSGIRestrictStdout Off", "origin": "app__httpd_modules"}])
    assert paths[f"{ROOT}/conf-available/strata_module_wsgi.conf"] == File(
        b"# Managed by Strata (app__httpd_modules): changes made here are overwritten\nWSGIRestrictStdout Off\n"
    )
    confs = sorted(path.rpartition("/")[2] for path in paths if "/conf-enabled/" in path)
    assert confs == ["strata.conf", "strata_module_wsgi.conf"]


def test_certificates_are_among_the_paths():
    path = f"{ROOT}/strata-tls/old.key"
    assert plan.desired(parse(params(), "web1"), Host(), {path: None})[path] is None


def test_what_stands_in_files_of_keys_is_secret():
    assert plan.is_secret(f"{ROOT}/strata-tls/25-a.example.org.key")
    assert not plan.is_secret(f"{ROOT}/sites-available/strata-tls.conf")


@pytest.mark.parametrize(
    ("paths", "action"),
    [
        ([], None),
        (["sites-enabled/a.conf", "ports.conf"], "reload"),
        (["mods-enabled/ssl.load", "ports.conf"], "restart"),
    ],
)
def test_new_modules_need_a_restart(paths, action):
    assert plan.action_for([Change(f"{ROOT}/{path}", None, None) for path in paths]) == action
