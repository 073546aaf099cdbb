"""What sites of static files need of the roles below them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).parents[3]
DEFAULTS = yaml.safe_load((ROOT / "roles/ci_static_site/defaults/main.yml").read_text())

filter_loader.add_directory(str(ROOT / "filter_plugins"))


@pytest.fixture
def contributed() -> Any:
    """Return what evaluates a contribution of the role, with these sites."""

    def evaluate(name: str, sites: list[dict[str, Any]]) -> Any:
        variables = {
            key: trust_as_template(value) if isinstance(value, str) else value for key, value in DEFAULTS.items()
        }
        variables["ci_static_site_sites"] = sites
        templar = Templar(loader=DataLoader(), variables=variables)
        return templar.template(trust_as_template(f"{{{{ ci_static_site__{name} }}}}"))

    return evaluate


SITES = [
    {"name": "www.example.org", "source": "static/www"},
    {"name": "docs.example.org", "source": "static/docs", "serveraliases": ["doc.example.org"]},
]


def test_each_site_is_a_tree_of_files(contributed: Any) -> None:
    assert contributed("flat_files_trees", SITES) == [
        {"src": "static/www", "dest": "/srv/static/www.example.org", "purge": True},
        {"src": "static/docs", "dest": "/srv/static/docs.example.org", "purge": True},
    ]


def test_each_site_is_a_virtual_host(contributed: Any) -> None:
    assert contributed("httpd_vhosts", SITES) == [
        {"name": "www.example.org", "docroot": "/srv/static/www.example.org", "serveraliases": []},
        {"name": "docs.example.org", "docroot": "/srv/static/docs.example.org", "serveraliases": ["doc.example.org"]},
    ]


def test_no_sites_need_nothing(contributed: Any) -> None:
    assert [contributed(name, []) for name in ("flat_files_trees", "httpd_vhosts")] == [[], []]


@pytest.mark.parametrize("key", ["name", "source"])
def test_site_without_a_key_is_refused(key: str) -> None:
    site = {name: value for name, value in SITES[0].items() if name != key}
    with pytest.raises(AnsibleFilterError, match=f"a site has no {key}"):
        filter_loader.get("static_sites").j2_function([site], "/srv")
