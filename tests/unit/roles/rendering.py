"""Templates of roles, rendered by Ansible's own engine without a play."""

from __future__ import annotations

from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader, lookup_loader
from ansible.template import Templar, trust_as_template

from strata.paths import ROOT

filter_loader.add_directory(str(ROOT / "filter_plugins"))
lookup_loader.add_directory(str(ROOT / "lookup_plugins"))


def variables(role: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of a role alone, on a host that sets `values`."""
    loader = DataLoader()
    paths = [ROOT / "roles" / role / folder / "main.yml" for folder in ("defaults", "vars")]
    files = [loader.load_from_file(str(path), trusted_as_template=True) if path.exists() else {} for path in paths]
    names = {"inventory_hostname": "web.example.org", "ansible_role_names": [role]}
    return {**names, **files[0], **files[1], **values}


def evaluate(role: str, expression: str, **values: Any) -> Any:
    """Return what an expression of Jinja is, such as the name of a variable."""
    templar = Templar(loader=DataLoader(), variables=variables(role, values))
    return templar.template(trust_as_template(f"{{{{ {expression} }}}}"))


def render(role: str, template: str, **values: Any) -> list[str]:
    """Return the lines of a template of a role."""
    text = (ROOT / "roles" / role / "templates" / template).read_text()
    templar = Templar(loader=DataLoader(), variables=variables(role, values))
    rendered: str = templar.template(trust_as_template(text), escape_backslashes=False)
    return rendered.splitlines()
