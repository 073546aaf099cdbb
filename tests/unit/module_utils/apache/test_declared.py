"""What the module's parameters declare, and what is refused of them."""

import pytest
from ansible.module_utils.strata.apache.declared import parse

from .samples import params, vhost


def test_ports_are_those_of_sites_and_the_declared_ones():
    sites = [vhost(docroot="/srv/docs", port=8080), vhost("b", docroot="/srv/docs", port=443)]
    assert parse(params(vhosts=sites, ports=[80, 443]), "web1").ports == [80, 443, 8080]


@pytest.mark.parametrize("ports", [[], [0], [65536]])
def test_ports_that_are_none_are_refused(ports):
    with pytest.raises(ValueError, match="port"):
        parse(params(ports=ports), "web1")


def test_site_cannot_be_declared_and_disabled():
    with pytest.raises(ValueError, match="vhost a is also among the disabled"):
        parse(params(vhosts=[vhost("a", docroot="/srv/docs")], disabled_sites=["25-a"]), "web1")


@pytest.mark.parametrize("name", ["../ports", "a/b", ""])
def test_hostile_disabled_site_is_refused(name):
    with pytest.raises(ValueError, match="is not the name of a site"):
        parse(params(disabled_sites=[name]), "web1")


@pytest.mark.parametrize("name", ["", "web1\nInclude /etc/shadow", "a b"])
def test_hostile_name_of_the_host_is_refused(name):
    with pytest.raises(ValueError, match=r"^this host: name .* is not a host name$"):
        parse(params(), name)
