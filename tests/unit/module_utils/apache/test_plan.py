"""What sites, modules and ports mean for Apache's files, and what its messages mean for sites."""

import os
from pathlib import Path

import pytest
from ansible.module_utils.strata.apache import host as apache_host
from ansible.module_utils.strata.apache import plan as apache
from ansible.module_utils.strata.apache import vhosts
from ansible.module_utils.strata.apache.modules import Module, Settings
from ansible.module_utils.strata.files import Change, File, Link

ROOT = apache.ROOT
AVAILABLE, ENABLED = f"{ROOT}/sites-available", f"{ROOT}/sites-enabled"


def item(name="docs.example.org", **more):
    """Return a vhost as the module's parameters have it."""
    docroot = None if "content" in more else "/srv/docs"
    defaults = {key: option.get("default") for key, option in vhosts.OPTIONS.items()}
    return defaults | {"name": name, "docroot": docroot} | more


def desired(items=(), modules=(), ports=(80,), host=None, **more):
    """Return the paths of the declarations; `host` are arguments of what stands there."""
    modules = dict.fromkeys(modules, Module()) if not isinstance(modules, dict) else modules
    declared = apache.Declared(vhosts.sites(items), modules, ports, "web1", **more)
    return apache.desired(declared, apache.Host(**(host or {})))


def change(path, after=None):
    return Change(f"{ROOT}/{path}", None, after)


def test_content_is_the_whole_file_below_the_header():
    paths = desired([item(content="<VirtualHost *:80>\n</VirtualHost>", origin="gerrit__httpd_vhosts")])
    assert paths[f"{AVAILABLE}/25-docs.example.org.conf"] == File(
        b"# Managed by Strata (gerrit__httpd_vhosts): changes made here are overwritten\n"
        b"<VirtualHost *:80>\n</VirtualHost>\n"
    )
    assert paths[f"{ENABLED}/25-docs.example.org.conf"] == Link("../sites-available/25-docs.example.org.conf")


def test_static_site_has_name_aliases_folder_and_port():
    site = vhosts.sites(
        [item(serveraliases=["www.example.org", "*.docs.example.org"], port=8080, docroot="/srv/docs/")]
    )
    lines = {line.strip() for line in site[0].text.splitlines()}
    assert lines >= {
        "<VirtualHost *:8080>",
        "ServerName docs.example.org",
        "ServerAlias www.example.org",
        "ServerAlias *.docs.example.org",
        'DocumentRoot "/srv/docs"',
        '<Directory "/srv/docs">',
        "AllowOverride None",
        "Require all granted",
        'ErrorLog "${APACHE_LOG_DIR}/docs.example.org_error.log"',
    }


@pytest.mark.parametrize(
    ("priority", "file"), [(5, "05-a.conf"), (25, "25-a.conf"), (0, "00-a.conf"), (99, "99-a.conf")]
)
def test_priority_orders_files(priority, file):
    assert vhosts.sites([item("a", priority=priority)])[0].file == file


HOSTILE = ["a b", "a\nInclude /etc/shadow", 'a"', "a'", "../a", "a/b", "", "${PATH}", "a>", "-a", "a\\", "é", "a\n"]


@pytest.mark.parametrize(
    "bad",
    [
        *({"name": value} for value in HOSTILE),
        *({"serveraliases": ["fine", value]} for value in HOSTILE),
        *(
            {"docroot": value}
            for value in [*HOSTILE, "srv", "/", "/srv/../etc", "/srv/*", '/srv"\n', "/srv/a b", "/a//b"]
        ),
        {"docroot": None},
        {"content": " \n"},
        {"content": "text", "docroot": "/srv/\n"},
        {"port": 0},
        {"port": 65536},
        {"priority": -1},
        {"priority": 100},
        {"origin": "a\nInclude /etc/shadow"},
    ],
)
def test_hostile_values_are_refused_by_name(bad):
    name = bad.get("name", "docs.example.org")
    with pytest.raises(ValueError, match=r"^vhost ") as refused:
        vhosts.sites([item(**{"origin": "httpd_vhosts"} | bad)])
    assert repr(name) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_two_items_with_one_file_name_both_origins():
    with pytest.raises(ValueError, match=r"25-a\.conf, from role_a__httpd_vhosts and role_b__httpd_vhosts"):
        vhosts.sites([item("a", origin="role_a__httpd_vhosts"), item("a", origin="role_b__httpd_vhosts", port=443)])


def test_ports_are_those_of_sites_and_the_declared_ones():
    paths = desired([item(port=8080), item("b", port=443)], ports=[80, 443])
    assert paths[f"{ROOT}/ports.conf"].content.splitlines()[1:] == [b"Listen 80", b"Listen 443", b"Listen 8080"]


@pytest.mark.parametrize("ports", [[], [0], [65536]])
def test_ports_that_are_none_are_refused(ports):
    with pytest.raises(ValueError, match="port"):
        desired(ports=ports)


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


def test_site_cannot_be_declared_and_disabled():
    with pytest.raises(ValueError, match="vhost a is also among the disabled"):
        desired([item("a")], disabled_sites=["25-a"])


@pytest.mark.parametrize("name", ["../ports", "a/b", ""])
def test_hostile_disabled_site_is_refused(name):
    with pytest.raises(ValueError, match="is no name of a site"):
        desired(disabled_sites=[name])


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
        ({"off": {"status"}}, {"mods-enabled/status.load", "mods-enabled/status.conf"}),
        ({"disabled_sites": ["hand"]}, {"sites-enabled/hand.conf"}),
    ],
)
def test_purge_removes_what_is_enabled_and_undeclared(more, removed):
    host = {"enabled": FOREIGN}
    paths = desired([item("a")], host=host, **more)
    assert gone(paths) == removed
    left = apache.foreign(apache.Host(**host), paths)
    assert left == sorted(f"{ROOT}/{path}" for path in FOREIGN.keys() - removed - OURS)


OURS = {"sites-enabled/25-a.conf", "conf-enabled/strata.conf"}


def test_file_that_has_no_other_copy_moves_when_it_is_disabled():
    host = apache.Host(enabled={"sites-enabled/hand.conf": HAND})
    path = f"{AVAILABLE}/hand.conf"
    assert desired(host={"enabled": host.enabled}, purge=["sites"])[path] == HAND
    apache.check_moves([Change(path, None, HAND), Change(f"{ENABLED}/hand.conf", HAND, None)], host)
    with pytest.raises(ValueError, match="remove one of them; nothing was changed"):
        apache.check_moves([Change(path, File(b"another"), HAND)], host)


def test_module_is_enabled_with_its_settings_if_it_has_some():
    paths = desired(modules={"ssl": Module(has_conf=True), "headers": Module(), "unknown": None})
    enabled = {path.rpartition("/")[2]: state for path, state in paths.items() if "/mods-enabled/" in path}
    assert enabled == {name: Link(f"../mods-available/{name}") for name in ("ssl.load", "ssl.conf", "headers.load")}


def test_declared_settings_of_a_module_come_after_ours():
    settings = Settings("wsgi", "WSGIRestrictStdout Off\n", "app__httpd_modules")
    paths = desired(settings=[settings])
    assert paths[f"{ROOT}/conf-available/strata_module_wsgi.conf"] == File(
        b"# Managed by Strata (app__httpd_modules): changes made here are overwritten\nWSGIRestrictStdout Off\n"
    )
    confs = sorted(path.rpartition("/")[2] for path in paths if "/conf-enabled/" in path)
    assert confs == ["strata.conf", "strata_module_wsgi.conf"]
    text = f"AH00526: Syntax error on line 2 of {ROOT}/conf-enabled/strata_module_wsgi.conf:\nInvalid command"
    assert str(apache.blamed(text, [settings])) == "the conf of module wsgi (app__httpd_modules)"


@pytest.mark.parametrize(
    ("paths", "action"),
    [
        ([], ""),
        (["sites-enabled/a.conf", "ports.conf"], "reload"),
        (["mods-enabled/ssl.load", "ports.conf"], "restart"),
    ],
)
def test_new_modules_need_a_restart(paths, action):
    assert apache.action_for(map(change, paths)) == action


STAGED = "/run/strata-apache-x/apache2"
SYNTAX = f"""AH00526: Syntax error on line 3 of {STAGED}/sites-enabled/25-a.conf:
Invalid command 'Nonsense', perhaps misspelled
Action '-t' failed.
The Apache error log may have more information.
"""
NESTED = (
    f"apache2: Syntax error on line 225 of {ROOT}/apache2.conf: "
    f"Syntax error on line 1 of {ROOT}/sites-enabled/25-a.conf: Syntax error on line 7 of /etc/own.inc: Could not open"
)
UNCLOSED = (
    f"apache2: Syntax error on line 225 of {ROOT}/apache2.conf: "
    f"{ROOT}/sites-enabled/25-a.conf:2: <VirtualHost> was not closed."
)


def test_message_is_apaches_own_with_real_paths():
    assert apache.message(SYNTAX, STAGED) == (
        f"AH00526: Syntax error on line 3 of {ROOT}/sites-enabled/25-a.conf:\n"
        "Invalid command 'Nonsense', perhaps misspelled"
    )


@pytest.mark.parametrize(
    ("text", "file", "site"),
    [
        (apache.message(SYNTAX, STAGED), f"{ENABLED}/25-a.conf", "a"),
        (NESTED, "/etc/own.inc", "a"),
        (UNCLOSED, f"{ENABLED}/25-a.conf", "a"),
        (f"AH00526: Syntax error on line 1 of {ENABLED}/99-hand.conf:\nBad", f"{ENABLED}/99-hand.conf", None),
        ("AH00534: apache2: Configuration error: More than one MPM loaded.", "", None),
    ],
)
def test_message_is_mapped_to_file_and_site(text, file, site):
    found = apache.blamed(text, vhosts.sites([item("b"), item("a")]))
    assert apache.location(text) == file
    assert (found.name if found else None) == site


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("(98)Address already in use: AH00072: make_sock: could not bind to address [::]:8081", ["b", "listens"]),
        ("AH02572: Failed to configure at least one certificate and key for a.example.org:443", ["a.example.org"]),
        ("AH02562: Failed to configure certificate x:443:0, check /etc/ssl/b.pem", ["b"]),
        ("AH00020: Configuration Failed, exiting", ["changed"]),
    ],
)
def test_dying_words_are_mapped_to_sites(text, names):
    declared = vhosts.sites(
        [
            item("a.example.org"),
            item("b", port=8081, content="SSLCertificateFile /etc/ssl/b.pem"),
            item("changed"),
            item("listens", content="  Listen 192.0.2.1:8081"),
        ]
    )
    found = apache.suspects(text, declared, [change("sites-available/25-changed.conf")])
    assert [site.name for site in found] == names


def test_error_log_is_read_for_apaches_own_faults():
    stamp = "[Sat Nov 21 12:05:41.218804 2026]"
    log = "\n".join(
        [
            f"{stamp} [mpm_event:notice] [pid 1:tid 1] AH00493: SIGUSR1 received.  Doing graceful restart",
            f"{stamp} [ssl:emerg] [pid 1:tid 1] AH02562: Failed to configure certificate",
            f"{stamp} [core:error] [pid 1:tid 1] [client 192.0.2.1:99] AH00037: Symbolic link not allowed",
            "(98)Address already in use: AH00072: make_sock: could not bind",
            f"{stamp} [:emerg] [pid 1:tid 1] AH00020: Configuration Failed, exiting",
        ]
    )
    assert apache.log_messages(log) == [
        "AH02562: Failed to configure certificate",
        "(98)Address already in use: AH00072: make_sock: could not bind",
        "AH00020: Configuration Failed, exiting",
    ]


def test_sites_error_logs_are_known():
    text = 'ErrorLog ${APACHE_LOG_DIR}/a.log\n errorlog "/srv/b.log"\nErrorLog "|/usr/bin/rotate"\nErrorLog syslog\n'
    assert apache.error_logs(vhosts.sites([item(content=text)])) == ["/var/log/apache2/a.log", "/srv/b.log"]


@pytest.fixture
def root(tmp_path):
    """Make a small /etc/apache2."""
    for folder in ("sites-available", "sites-enabled", "mods-available", "mods-enabled", "conf-available"):
        (tmp_path / folder).mkdir()
    (tmp_path / "conf-available/strata_module_x.conf").write_text("# Managed by Strata: changes ...\n")
    (tmp_path / "conf-available/strata.conf").write_text("# Managed by Strata: changes ...\n")
    (tmp_path / "mods-enabled/hand.conf").touch()
    (tmp_path / "sites-enabled/folder.conf").mkdir()
    (tmp_path / "sites-available/25-ours.conf").write_text("# Managed by Strata (x): changes ...\n")
    (tmp_path / "sites-available/foreign.conf").write_text("# not managed by Strata\n")
    (tmp_path / "sites-available/empty.conf").touch()
    (tmp_path / "sites-enabled/25-ours.conf").symlink_to("../sites-available/25-ours.conf")
    (tmp_path / "sites-enabled/absolute.conf").symlink_to(tmp_path / "sites-available/foreign.conf")
    (tmp_path / "sites-enabled/elsewhere.conf").symlink_to("/etc/hostname")
    (tmp_path / "sites-enabled/file.conf").touch()
    (tmp_path / "mods-available/ssl.load").write_text("# Depends: mime\n")
    (tmp_path / "mods-available/ssl.conf").touch()
    return str(tmp_path)


def test_host_is_read(root):
    host = apache_host.read(root)
    assert host.owned == {"sites-available/25-ours.conf", "conf-available/strata_module_x.conf"}
    assert host.links["sites-enabled/25-ours.conf"] == "sites-available/25-ours.conf"
    assert host.links["sites-enabled/absolute.conf"] == "sites-available/foreign.conf"
    assert host.links.keys() == {f"sites-enabled/{name}.conf" for name in ("25-ours", "absolute", "elsewhere")}
    assert host.enabled["sites-enabled/absolute.conf"] == Link(f"{root}/sites-available/foreign.conf")
    assert isinstance(host.enabled["sites-enabled/file.conf"], File)
    assert host.modules() == ["hand"]
    assert apache_host.read_module("ssl", root) == Module(("mime",), has_conf=True)
    assert apache_host.read_module("none", root) is None


def test_host_without_apache_is_read(tmp_path):
    assert apache_host.read(str(tmp_path / "none")) == apache.Host()


def test_staged_copy_has_the_changes_and_the_original_has_not(root, tmp_path):
    staged, own = f"{tmp_path}-staged", (os.getuid(), os.getgid())
    changes = [
        Change(f"{root}/ports.conf", None, File(b"Listen 80\n", 0o644, *own)),
        Change(f"{root}/sites-enabled/25-ours.conf", Link("../sites-available/25-ours.conf"), None),
    ]
    apache_host.stage(changes, staged, root)
    assert sorted(path.name for path in Path(staged, "sites-enabled").iterdir()) == [
        "absolute.conf",
        "elsewhere.conf",
        "file.conf",
        "folder.conf",
    ]
    assert Path(staged, "ports.conf").exists()
    assert Path(root, "sites-enabled/25-ours.conf").is_symlink()
    assert not Path(root, "ports.conf").exists()
