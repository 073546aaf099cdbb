"""Filter plugin: what sites of static files need of flat_files and httpd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DOCUMENTATION = """
name: static_sites
author: Strata contributors
short_description: What sites of static files need of flat_files and httpd
description:
  - Returns a tree of files and a virtual host for each site, which has a folder of its name.
positional: _input, root
options:
  _input:
    description: The sites, as in C(ci_static_site_sites).
    type: list
    elements: dict
    required: true
  root:
    description: The folder of all sites on the host.
    type: str
    required: true
"""

EXAMPLES = """
- name: Show the virtual hosts
  ansible.builtin.debug:
    msg: "{{ ([{'name': 'www.example.org', 'source': 'static/www'}] | static_sites('/srv/static')).vhosts }}"
"""

RETURN = """
_value:
  description: The lists C(trees), for C(flat_files_trees), and C(vhosts), for C(httpd_vhosts).
  type: dict
"""


class FilterModule:
    """See DOCUMENTATION."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"static_sites": static_sites}


def static_sites(sites: Iterable[Mapping[str, Any]], root: str) -> dict[str, list[dict[str, Any]]]:
    """Return the trees of files and the virtual hosts of sites that have their folders in `root`.

    Raises:
        AnsibleFilterError: a site has no name or no source.

    """
    trees, vhosts = [], []
    for site in sites:
        missing = [key for key in ("name", "source") if key not in site]
        if missing:
            raise AnsibleFilterError(f"static_sites: a site has no {missing[0]}: {dict(site)}")
        folder = f"{root}/{site['name']}"
        trees.append({"src": site["source"], "dest": folder, "purge": True})
        vhosts.append({"name": site["name"], "docroot": folder, "serveraliases": site.get("serveraliases", [])})
    return {"trees": trees, "vhosts": vhosts}
