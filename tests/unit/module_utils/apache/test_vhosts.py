"""What a declared vhost of each kind means for its file, its ports and Apache's modules."""

import re
from functools import partial
from unittest.mock import ANY

import pytest
from ansible.module_utils.strata.apache import vhosts

from .samples import vhost

item = partial(vhost, origin="httpd_vhosts")


def lines(**more):
    (site,) = vhosts.sites([item(**more)])
    return [line.strip() for line in site.text.splitlines()]


def test_static_site_has_name_aliases_folder_and_port():
    aliases = ["www.example.org", "*.docs.example.org"]
    (site,) = vhosts.sites([item("docs.example.org", serveraliases=aliases, port=8080, docroot="/srv/docs/")])
    assert {line.strip() for line in site.text.splitlines()} >= {
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
    ("dest", "permanent", "line"),
    [
        ("http://b.example.org", False, 'Redirect temp "/" "http://b.example.org/"'),
        ("https://b.example.org/c/", True, 'Redirect permanent "/" "https://b.example.org/c/"'),
        ("https://b.example.org/c.d/", True, 'Redirect permanent "/" "https://b.example.org/c.d/"'),
        ("https://b.example.org/m.html", True, 'RedirectMatch permanent "^" "https://b.example.org/m.html"'),
        ("https://b.example.org/s?q=a", False, 'RedirectMatch temp "^" "https://b.example.org/s?q=a"'),
    ],
)
def test_redirect(dest, permanent, line):
    (site,) = vhosts.sites([item(kind="redirect", dest=dest, permanent=permanent)])
    assert line in site.text
    assert (site.file, site.modules) == ("10-a.example.org.conf", ("alias",))


def test_proxy_excludes_before_it_passes_on():
    found = lines(kind="proxy", dest="http://[::1]:8080/x", exclusions=["/static"], websocket=True, timeout=7)
    start = found.index('ProxyPass "/static" "!"')
    assert found[start + 1 : start + 3] == [
        'ProxyPass "/" "http://[::1]:8080/x/" upgrade=websocket timeout=7',
        'ProxyPassReverse "/" "http://[::1]:8080/x/"',
    ]
    assert "ProxyPreserveHost Off" in found
    assert "ProxyPreserveHost On" in lines(kind="proxy", dest="http://b", preserve_host=True)


def test_backend_of_tls_must_prove_itself():
    found = lines(kind="proxy", dest="https://b.example.org/x")
    assert {
        "SSLProxyEngine On",
        "SSLProxyVerify require",
        'SSLProxyCACertificateFile "/etc/ssl/certs/ca-certificates.crt"',
        'ProxyPass "/" "https://b.example.org/x/"',
    } < set(found)
    assert 'SSLProxyCACertificateFile "/etc/own.pem"' in lines(kind="proxy", dest="https://b", dest_ca="/etc/own.pem")
    (site,) = vhosts.sites([item(kind="proxy", dest="https://b")])
    assert "ssl" in site.modules


def test_backend_of_tls_is_believed_only_if_asked():
    found = set(lines(kind="proxy", dest="https://b", dest_verify=False))
    assert {"SSLProxyVerify none", "SSLProxyCheckPeerName Off", "SSLProxyCheckPeerExpire Off"} < found
    assert not any(line.startswith("SSLProxyCACertificateFile") for line in found)


@pytest.mark.parametrize(("dest", "target"), [("ws://b/x", "http://b/x/"), ("wss://b:1", "https://b:1/")])
def test_websocket_backend_is_an_http_one_that_changes(dest, target):
    found = lines(kind="proxy", dest=dest)
    assert f'ProxyPass "/" "{target}" upgrade=websocket' in found
    assert ("SSLProxyEngine On" in found) == dest.startswith("wss")


@pytest.mark.parametrize(
    ("dest", "target"),
    [("/run/a.sock", "unix:/run/a.sock|uwsgi://a.example.org/"), ("127.0.0.1:9000", "uwsgi://127.0.0.1:9000/")],
)
def test_uwsgi(dest, target):
    assert f'ProxyPass "/" "{target}"' in lines(kind="uwsgi", dest=dest)


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_a_proxy_leads_to_a_socket(scheme):
    (site,) = vhosts.sites([item(kind="proxy", dest=f"unix:/run/my app/web.sock|{scheme}://localhost")])
    more = " upgrade=websocket" if scheme == "ws" else ""
    assert f'    ProxyPass "/" "unix:/run/my app/web.sock|http://localhost/"{more}\n' in site.text
    assert '    ProxyPassReverse "/" "http://localhost/"\n' in site.text
    assert "proxy_http" in site.modules


def test_paths_with_blanks_are_in_quotes_wherever_they_stand():
    paths = {key: f"/srv/my {key}" for key in ("docroot", "logroot", "certificate", "key", "chain")}
    (site,) = vhosts.sites([item(ssl=True, auth={"name": "x", "user_file": "/srv/my users"}, **paths)])
    bare = [line for line in site.text.splitlines() if "/srv/my " in re.sub('"[^"]*"', "", line)]
    assert not bare
    directives = ["DocumentRoot", "<Directory", "ErrorLog", "CustomLog", "SSLCertificateFile", "SSLCertificateKeyFile"]
    for directive in [*directives, "SSLCertificateChainFile", "AuthUserFile"]:
        assert f'{directive} "/srv/my ' in site.text


def test_addresses_options_and_logs():
    found = lines(
        docroot="/srv/a",
        addresses=["192.0.2.1", "2001:db8::1"],
        options=["+Indexes"],
        logroot="/srv/logs",
        log_format='%h "%r"',
    )
    assert found[0] == "<VirtualHost 192.0.2.1:80 [2001:db8::1]:80>"
    assert 'ErrorLog "/srv/logs/a.example.org_error.log"' in found
    assert 'CustomLog "/srv/logs/a.example.org_access.log" "%h \\"%r\\""' in found
    assert "Options +Indexes" in found
    assert not any(line.startswith("Options") for line in lines(docroot="/srv/a", options=[]))


def test_auth_covers_the_whole_site_and_needs_its_modules():
    (site,) = vhosts.sites([item(docroot="/srv/a", auth={"name": "Staff", "user_file": "/etc/users"})])
    assert '<Location "/">' in site.text
    assert "Require valid-user" in site.text
    assert {"auth_basic", "authn_file", "authz_user"} < set(site.modules)


def test_content_wins_over_every_kind():
    (site,) = vhosts.sites([item(kind="proxy", content="# mine", dest="nonsense", timeout=0)])
    assert (site.text, site.file, site.modules) == ("# mine\n", "25-a.example.org.conf", ())


def test_absent_site_needs_only_a_name_and_collides_with_a_present_one():
    assert vhosts.sites([item(ensure="absent")]) == []
    with pytest.raises(ValueError, match="two vhosts have the same file"):
        vhosts.sites([item(ensure="absent"), item(docroot="/srv/a")])


TLS = {"docroot": "/srv/a", "ssl": True}


def test_ssl_site_has_its_lines_its_port_and_its_modules():
    (site,) = vhosts.sites([item(**TLS, certificate="/etc/a.crt", key="/etc/a.key", chain="/etc/c.crt", hsts=60)])
    found = [line.strip() for line in site.text.splitlines()]
    assert {
        "<VirtualHost *:443>",
        "SSLEngine On",
        'SSLCertificateFile "/etc/a.crt"',
        'SSLCertificateKeyFile "/etc/a.key"',
        'SSLCertificateChainFile "/etc/c.crt"',
        'Header always set Strict-Transport-Security "max-age=60"',
    } < set(found)
    assert site.ports == (443,)
    assert {"ssl", "headers"} < set(site.modules)


def test_plain_http_leads_each_name_to_itself():
    (site,) = vhosts.sites(
        [
            item(
                **TLS,
                self_signed=True,
                redirect_ssl=True,
                port=8443,
                serveraliases=["b.example.org", "*.c.example.org"],
            )
        ]
    )
    _, *plain = site.text.split("<VirtualHost ")[1:]
    assert [[line.strip() for line in each.splitlines()][:4] for each in plain] == [
        ["*:80>", "ServerName b.example.org", 'Redirect permanent "/" "https://b.example.org:8443/"', ANY],
        [
            "*:80>",
            "ServerName a.example.org",
            "ServerAlias *.c.example.org",
            'Redirect permanent "/" "https://a.example.org:8443/"',
        ],
    ]
    assert site.ports == (80, 8443)
    assert site.certificate.names == ("a.example.org", "b.example.org", "*.c.example.org")


@pytest.mark.parametrize(
    ("priority", "file"), [(5, "05-a.conf"), (25, "25-a.conf"), (0, "00-a.conf"), (99, "99-a.conf")]
)
def test_priority_orders_files(priority, file):
    assert vhosts.sites([item("a", docroot="/srv/docs", priority=priority)])[0].file == file


HOSTILE = ["a b", "a\nInclude /etc/shadow", 'a"', "a'", "../a", "a/b", "", "${PATH}", "a>", "-a", "a\\", "é", "a\n"]


@pytest.mark.parametrize(
    "bad",
    [
        *({"name": value} for value in HOSTILE),
        *({"serveraliases": ["fine", value]} for value in HOSTILE),
        *(
            {"docroot": value}
            for value in [*HOSTILE, "srv", "/", "/srv/../etc", "/srv/*", '/srv"\n', "/srv/a ", "/srv/ b", "/a//b"]
        ),
        {"name": "a.example.org."},
        {"serveraliases": ["www.example.org."]},
        {"serveraliases": ["www..example.org"]},
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
    name = bad.get("name", "a.example.org")
    with pytest.raises(ValueError, match=r"^vhost ") as refused:
        vhosts.sites([item(**{"docroot": "/srv/docs"} | bad)])
    assert repr(name) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_two_items_with_one_file_name_both_origins():
    with pytest.raises(ValueError, match=r"25-a\.conf, from role_a__httpd_vhosts and role_b__httpd_vhosts"):
        vhosts.sites(
            [
                item("a", docroot="/srv/docs", origin="role_a__httpd_vhosts"),
                item("a", docroot="/srv/docs", origin="role_b__httpd_vhosts", port=443),
            ]
        )


INJECTION = '"\n Include /etc/shadow'


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"kind": "redirect"}, "is of kind redirect and has no dest"),
        ({"kind": "redirect", "dest": "b.example.org"}, "dest 'b.example.org' must be a URL"),
        ({"kind": "redirect", "dest": "http://b" + INJECTION}, "must be a URL"),
        ({"kind": "redirect", "dest": "http://b", "docroot": "/srv"}, "docroot means nothing for a vhost of kind red"),
        ({"kind": "redirect", "dest": "http://b", "auth": {"name": "x", "user_file": "/x"}}, "auth means nothing"),
        ({"kind": "proxy", "dest": "fcgi://b"}, "must be an http://, https://, ws:// or wss:// URL"),
        ({"kind": "proxy", "dest": "/run/app.sock"}, "or unix:PATH|http://NAME/ of a socket"),
        ({"kind": "proxy", "dest": "unix:/run/app.sock"}, "or unix:PATH|http://NAME/ of a socket"),
        ({"kind": "proxy", "dest": "unix:/run/app.sock|https://b/"}, "or unix:PATH|http://NAME/ of a socket"),
        ({"kind": "proxy", "dest": "tcp:/run/app.sock|http://b/"}, "or unix:PATH|http://NAME/ of a socket"),
        ({"kind": "proxy", "dest": "unix:/run/../x|http://b/"}, "must be a path without . and .."),
        ({"kind": "proxy", "dest": f"unix:/run{INJECTION}|http://b/"}, "must be an absolute path"),
        ({"kind": "proxy", "dest": f"unix:/run/{'x' * 103}|http://b/"}, "a socket with more than 107 letters"),
        ({"kind": "uwsgi", "dest": f"/run/{'x' * 103}"}, "a socket with more than 107 letters"),
        ({"kind": "proxy", "dest": "http://b", "dest_ca": "/a"}, "dest_ca means nothing without a dest of https://"),
        ({"kind": "proxy", "dest": "ws://b", "dest_verify": False}, "dest_verify means nothing without a dest of"),
        ({"kind": "redirect", "dest": "https://b", "dest_ca": "/a"}, "dest_ca means nothing"),
        ({"docroot": "/srv", "dest_verify": False}, "dest_verify means nothing"),
        ({"kind": "proxy", "dest": "https://b", "dest_ca": "a"}, "dest_ca 'a' must be an absolute path"),
        ({"kind": "proxy", "dest": "http://b", "permanent": True}, "permanent means nothing"),
        ({"kind": "proxy", "dest": "http://b", "exclusions": ["static"]}, "exclusion 'static' must be the path"),
        ({"kind": "proxy", "dest": "http://b", "timeout": 0}, "timeout 0 is less than a second"),
        ({"kind": "uwsgi", "dest": "9000"}, "must be the path of a socket or host:port"),
        ({"kind": "uwsgi", "dest": "/run/../x"}, "must be a path without . and .."),
        ({"docroot": "/srv", "websocket": True}, "websocket means nothing for a vhost of kind static"),
        ({"docroot": "/srv", "options": ["Everything"]}, "option 'Everything' is not an option"),
        ({"docroot": "/srv", "addresses": ["a.example.org"]}, "is not an IP address"),
        ({"docroot": "/srv", "logroot": "logs"}, "logroot 'logs' must be an absolute path"),
        ({"docroot": "/srv", "log_format": INJECTION}, "must be one line without backslashes"),
        ({"docroot": "/srv", "hsts": 60}, "hsts means nothing without ssl"),
        (TLS, "ssl takes one of"),
        (TLS | {"self_signed": True, "certificate": "/a", "key": "/b"}, "ssl takes one of"),
        (TLS | {"certificate": "/a"}, "certificate and key must both be given"),
        (TLS | {"key_content": "x"}, "certificate_content and key_content must both be given"),
        (TLS | {"certificate": "/a", "key": "b" + INJECTION}, "key "),
        (TLS | {"self_signed": True, "hsts": -1}, "hsts -1 is less than 0"),
        (TLS | {"self_signed": True, "redirect_ssl": True, "port": 80}, "redirect_ssl needs port 80 for itself"),
        ({"docroot": "/srv", "auth": {"name": INJECTION, "user_file": "/x"}}, "auth name"),
        ({"docroot": "/srv", "auth": {"name": "x", "user_file": "x"}}, "auth user_file 'x' must be an absolute path"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(more, message):
    with pytest.raises(ValueError, match=r"^vhost 'a.example.org' \(httpd_vhosts\)") as refused:
        vhosts.sites([item(**more)])
    assert message in str(refused.value)
