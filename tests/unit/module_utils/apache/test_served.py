"""Which site answers which name, as Apache says it."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata.apache.served import Vhost, parse, problems, unheard
from ansible.module_utils.strata.apache.vhosts import Site

DUMP = """\
VirtualHost configuration:
[2001:db8::1]:8087     x.example.org (/etc/apache2/sites-enabled/25-x.conf:5)
*:80                   is a NameVirtualHost
         default server example.org (/etc/apache2/sites-enabled/25-a.conf:1)
         port 80 namevhost example.org (/etc/apache2/sites-enabled/25-a.conf:1)
                 wild alias *.example.org
         port 80 namevhost www.example.org (/etc/apache2/sites-enabled/25-b.conf:1)
                 alias other.example.net
         port 80 namevhost deb13 (/etc/apache2/sites-enabled/25-b.conf:9)
"""
A = Vhost("*:80", "example.org", "25-a.conf", (), ("*.example.org",))
B = Vhost("*:80", "www.example.org", "25-b.conf", ("other.example.net",))


def site(file: str, text: str) -> Site:
    return Site(file[3:-5], file, (80,), text, "httpd_vhosts")


SITE_A = site("25-a.conf", "ServerName example.org\nServerAlias *.example.org\n")
SITE_B = site("25-b.conf", "ServerName WWW.example.org\nServerAlias other.example.net\n")


def test_apache_s_list_is_read() -> None:
    assert parse(DUMP) == [
        Vhost("[2001:db8::1]:8087", "x.example.org", "25-x.conf"),
        A,
        B,
        Vhost("*:80", "deb13", "25-b.conf"),
    ]
    assert [each.port for each in parse(DUMP)] == [8087, 80, 80, 80]


def test_a_wildcard_that_comes_first_takes_over_a_name() -> None:
    (text,) = problems([A, B], [SITE_A, SITE_B])
    assert text == (
        "vhost b (httpd_vhosts) never answers www.example.org on *:80: vhost a (httpd_vhosts) comes first with its "
        "alias *.example.org, so give that one a larger priority."
    )
    assert problems([B, A], [SITE_A, SITE_B]) == []


def test_a_site_that_nobody_declared_takes_over_too() -> None:
    (text,) = problems([Vhost("*:80", "www.example.org", "000-own.conf"), B], [SITE_B])
    assert "never answers www.example.org on *:80: 000-own.conf comes first, so" in text


@pytest.mark.parametrize("place", ["*:443", "192.0.2.1:80"])
def test_names_at_other_places_are_others(place: str) -> None:
    assert problems([A, Vhost(place, "www.example.org", "25-b.conf")], [SITE_A, SITE_B]) == []


def test_the_name_that_a_vhost_has_from_the_host_counts_only_if_it_has_no_other() -> None:
    nameless = [Vhost("*:80", "deb13", "25-a.conf"), Vhost("*:80", "deb13", "25-b.conf", ("b.example.org",))]
    assert problems(nameless, [SITE_A, site("25-b.conf", "ServerAlias b.example.org")]) == []
    (text,) = problems([nameless[0], Vhost("*:80", "deb13", "25-b.conf")], [SITE_A, site("25-b.conf", "")])
    assert text == (
        "vhost b (httpd_vhosts) has a <VirtualHost *:80> without a ServerName, and is not the first: nobody gets it."
    )


def test_a_name_with_a_dot_at_its_end_is_never_asked_for() -> None:
    (text,) = problems([Vhost("*:80", "a.example.org.", "25-a.conf")], [site("25-a.conf", "ServerName a.example.org.")])
    assert "has the name a.example.org., and Apache takes the dot" in text


def test_a_name_may_be_a_variable_of_the_text() -> None:
    variables = site("25-b.conf", "Define NAME www.example.org\nServerName ${NAME}\nServerAlias other.example.net\n")
    assert problems([A, B], [SITE_A, variables]) == problems([A, B], [SITE_A, SITE_B])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<VirtualHost *:8087>", True),
        ("Listen 8087\n", False),
        ("Listen ${PORT}\n", True),
        ("Define PORT 8087\nListen 192.0.2.1:${PORT}\n", False),
    ],
)
def test_a_port_that_the_text_does_not_tell_is_named(text: str, *, told: bool) -> None:
    vhosts = [Vhost("[2001:db8::1]:8087", "x.example.org", "25-x.conf"), Vhost("*:*", "y", "25-x.conf"), B]
    found = unheard(vhosts, [site("25-x.conf", text)], [80])
    said = [
        "vhost x (httpd_vhosts) is served on port 8087, which its text takes from a variable that it does not define"
    ]
    assert [each.partition(":")[0] for each in found] == (said if told else [])
    assert unheard(vhosts, [site("25-x.conf", text)], [80, 8087]) == []
