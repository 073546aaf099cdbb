"""What sites, modules and ports mean for Apache's files, and what its messages mean for sites."""

import os
from pathlib import Path

import pytest
from ansible.module_utils.strata import apache, apache_host, vhosts
from ansible.module_utils.strata.files import Change, File, Link

ROOT = apache.ROOT
AVAILABLE, ENABLED = f"{ROOT}/sites-available", f"{ROOT}/sites-enabled"


def item(name="docs.example.org", **more):
    """Return a vhost as the module's parameters have it."""
    docroot = None if "content" in more else "/srv/docs"
    defaults = {key: option.get("default") for key, option in vhosts.OPTIONS.items()}
    return defaults | {"name": name, "docroot": docroot} | more


def desired(items=(), modules=(), ports=(80,), **more):
    modules = dict.fromkeys(modules, apache.Module()) if not isinstance(modules, dict) else modules
    rest = {"disabled": [], "owned": [], "links": {}, "server_name": "web1"} | more
    return apache.desired(vhosts.sites(items), modules, ports, **rest)


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
    links = {"25-old.conf": "25-old.conf", "by-hand.conf": "25-old.conf", "foreign.conf": "foreign.conf"}
    paths = desired([item("new")], owned=["25-old.conf", "25-new.conf"], links=links)
    gone = {path for path, state in paths.items() if state is None}
    assert gone == {f"{AVAILABLE}/25-old.conf", f"{ENABLED}/25-old.conf", f"{ENABLED}/by-hand.conf"}


def test_disabled_site_loses_only_its_link():
    paths = desired(disabled=["000-default"])
    assert paths[f"{ENABLED}/000-default.conf"] is None
    assert f"{AVAILABLE}/000-default.conf" not in paths


def test_site_cannot_be_declared_and_disabled():
    with pytest.raises(ValueError, match="also among the disabled"):
        desired([item("a")], disabled=["25-a"])


@pytest.mark.parametrize("name", ["../ports", "a/b", ""])
def test_hostile_disabled_site_is_refused(name):
    with pytest.raises(ValueError, match="is no name of a site"):
        desired(disabled=[name])


def test_module_is_enabled_with_its_settings_if_it_has_some():
    paths = desired(modules={"ssl": apache.Module(has_conf=True), "headers": apache.Module(), "unknown": None})
    enabled = {path.rpartition("/")[2]: state for path, state in paths.items() if "/mods-enabled/" in path}
    assert enabled == {
        name: Link(f"../mods-available/{name}") for name in ("ssl.load", "ssl.conf", "headers.load", "unknown.load")
    }


def test_load_file_says_what_a_module_needs():
    load = "# Depends: mime socache_shmcb\n# Conflicts: gnutls\nLoadModule ssl_module /usr/lib/mod_ssl.so\n"
    needs = apache.Module(("mime", "socache_shmcb"), ("gnutls",), has_conf=True)
    assert apache.parse_module(load, has_conf=True) == needs
    assert apache.parse_module("LoadModule x x.so\n", has_conf=False) == apache.Module()


def test_dependencies_come_along_even_in_circles():
    known = {
        "a": apache.Module(("b",)),
        "b": apache.Module(("c", "a")),
        "c": apache.Module(),
    }
    assert apache.close_over(["a", "nowhere"], known.get) == known | {"nowhere": None}


@pytest.mark.parametrize("name", ["../x", "a b", ""])
def test_hostile_module_is_refused(name):
    with pytest.raises(ValueError, match="is no name of an Apache module"):
        apache.close_over([name], lambda _: None)


def test_modules_that_exclude_each_other_are_refused():
    prefork = {"mpm_prefork": apache.Module(conflicts=("mpm_event", "mpm_worker"))}
    apache.check_conflicts(prefork, ["mpm_prefork", "ssl"])
    with pytest.raises(ValueError, match="mpm_prefork excludes mpm_event"):
        apache.check_conflicts(prefork, ["mpm_event"])


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
    for folder in ("sites-available", "sites-enabled", "mods-available"):
        (tmp_path / folder).mkdir()
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
    assert apache_host.read_owned(root) == ["25-ours.conf"]
    assert apache_host.read_links(root) == {"25-ours.conf": "25-ours.conf", "absolute.conf": "foreign.conf"}
    assert apache_host.read_module("ssl", root) == apache.Module(("mime",), has_conf=True)
    assert apache_host.read_module("none", root) is None


def test_host_without_apache_is_read(tmp_path):
    root = str(tmp_path / "none")
    assert (apache_host.read_owned(root), apache_host.read_links(root)) == ([], {})


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
    ]
    assert Path(staged, "ports.conf").exists()
    assert Path(root, "sites-enabled/25-ours.conf").is_symlink()
    assert not Path(root, "ports.conf").exists()
