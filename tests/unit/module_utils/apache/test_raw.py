"""What the text of a site needs of Apache's modules, and what of it has no effect."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata.apache import directives, raw, text
from ansible.module_utils.strata.apache.vhosts import Site

LISTED = """\
<Directory (core.c)
\tContainer for directives
Listen (event.c)
Order (mod_access_compat.c)
RewriteEngine (mod_rewrite.c)
\tOn or Off to enable or disable (default) the whole rewriting engine
RewriteRule (mod_rewrite.c)
ProxyPass (mod_proxy.c)
<Proxy (mod_proxy.c)
Header (mod_headers.c)
SSLEngine (mod_ssl.c)
LDAPCacheEntries (util_ldap.c)
"""
AVAILABLE = ["access_compat", "headers", "ldap", "mpm_event", "proxy", "proxy_http", "rewrite", "ssl"]
KNOWN = directives.parse(LISTED, AVAILABLE)


def site(content: str) -> Site:
    return Site("a", "25-a.conf", (80,), content, "", raw=True)


def needs(content: str, *on: str) -> dict[str, str]:
    return {name: each.text for name, each in raw.needs(site(content), KNOWN, set(on)).items()}


def test_directives_belong_to_modules_by_apache_s_own_list() -> None:
    assert KNOWN["rewriteengine"] == {"rewrite"}
    assert KNOWN["ldapcacheentries"] == {"ldap"}
    assert KNOWN["<proxy"] == {"proxy"}
    assert not {"listen", "<directory"} & KNOWN.keys(), "those of Apache itself"


def test_all_modules_that_a_text_needs_are_found_at_once() -> None:
    content = """\
<VirtualHost *:80>
    # Header set X y
    rewriteengine on
    RewriteRule ^/x http://127.0.0.1:8080/x [P]
    RewriteRule ^/y https://www.example.org/y [R]
    ProxyPass / \\
        http://127.0.0.1:8080/
    <Directory /srv>
        Order allow,deny
    </Directory>
</VirtualHost>
"""
    assert needs(content, "headers") == {
        "rewrite": "rewriteengine on",
        "proxy_http": "RewriteRule ^/x http://127.0.0.1:8080/x [P]",
        "proxy": "ProxyPass / http://127.0.0.1:8080/",
        "access_compat": "Order allow,deny",
    }
    assert needs(content, "rewrite", "proxy", "proxy_http", "access_compat") == {}


@pytest.mark.parametrize(
    ("line", "modules"),
    [
        ("ProxyPass / https://b/", {"proxy", "proxy_http", "ssl"}),
        ("ProxyPass / ws://b/", {"proxy", "proxy_wstunnel"}),
        ('SetHandler "proxy:unix:/run/php.sock|fcgi://localhost/"', {"proxy_fcgi"}),
        ("ProxyPass / unix:/run/a.sock|uwsgi://a/", {"proxy", "proxy_uwsgi"}),
        ("<Proxy balancer://a>", {"proxy"}),
        ("ServerName a", set()),
        ("Define BACKEND http://b\nProxyPass / ${BACKEND}/", {"proxy", "proxy_http"}),
    ],
)
def test_backends_need_the_modules_of_their_schemes(line: str, modules: set[str]) -> None:
    assert needs(line).keys() == modules


@pytest.mark.parametrize("condition", ["mod_ssl.c", "ssl_module", "!mod_rewrite.c", '"mod_ssl.c"'])
def test_what_a_condition_hides_needs_nothing_and_is_told(condition: str) -> None:
    content = f"<IfModule {condition}>\n<Location />\nSSLEngine on\n</Location>\n</IfModule>\nRewriteEngine on\n"
    assert needs(content, "rewrite") == {}
    (said,) = raw.without_effect(site(content), {"rewrite"})
    plain = condition.strip('"')
    assert said.startswith(f"vhost a: <IfModule {plain}> does not hold, so '<Location />' has no effect")
    assert raw.without_effect(site(content), {"ssl", *([] if "!" in plain else ["rewrite"])}) == []


@pytest.mark.parametrize("name", ["mpm_event.c", "event.c", "mpm_event_module"])
def test_the_module_that_runs_processes_has_several_names(name: str) -> None:
    content = f"<IfModule {name}>\nRewriteEngine on\n</IfModule>\n"
    assert raw.without_effect(site(content), {"mpm_event"}) == []


OLD = "<Directory {path}>\nOrder allow,deny\nAllow from all\n{more}</Directory>\n"


def test_old_access_rules_alone_are_told_where_all_are_denied() -> None:
    (said,) = raw.without_effect(site(OLD.format(path="/srv/www", more="")), set())
    assert said.startswith("vhost a: <Directory /srv/www> has access rules of Apache 2.2 alone")


@pytest.mark.parametrize(("path", "more"), [("/var/www/a", ""), ("/srv", "Require all granted\n")])
def test_old_access_rules_that_work_are_not_told(path: str, more: str) -> None:
    assert raw.without_effect(site(OLD.format(path=path, more=more)), set()) == []


@pytest.mark.parametrize(
    ("content", "port", "ports"),
    [
        ("ServerName a", None, (80,)),
        ("<VirtualHost *:8087>", None, (8087,)),
        ("<VirtualHost *:80 [2001:db8::1]:443>\n<virtualhost 192.0.2.1:8080>", None, (80, 443, 8080)),
        ("<VirtualHost *:443>", 80, (80, 443)),
        ("Listen 8087\nListen 192.0.2.1:8088\n<VirtualHost *:8087 *:8088 *:8089>", None, (8089,)),
        ("# <VirtualHost *:443>", None, (80,)),
        ("Define PORT 8087\n<VirtualHost *:${PORT}>", None, (8087,)),
        ("Define PORT 8087\nListen ${PORT}\n<VirtualHost *:${PORT} *:8088>", None, (8088,)),
    ],
)
def test_a_text_s_ports_are_listened_on(content: str, port: int | None, ports: tuple[int, ...]) -> None:
    assert text.ports(f"{content}\n", port) == ports


def test_files_of_others_that_set_what_ours_do_are_told() -> None:
    own = "ServerTokens Prod\nTraceEnable Off\nRequestHeader unset Proxy early\n"
    own += "<IfModule ssl_module>\nSSLProtocol -all\n</IfModule>\n"
    other = "# theirs\nservertokens Full\nTraceEnable  Off\nRequestHeader set A b\nKeepAlive On\nSSLProtocol all\n"
    other += "<Directory /srv>\nServerTokens OS\n</Directory>\n<IfModule mod_a.c>\nServerTokens OS\n</IfModule>\n"
    told = raw.overruled("/zz.conf", other, own)
    assert [text.partition(": Apache reads ")[0] for text in told] == ["/zz.conf:2", "/zz.conf:6", "/zz.conf:11"]
    assert "'servertokens Full' after Strata's own 'ServerTokens Prod'" in told[0]
