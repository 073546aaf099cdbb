"""A small repository that keeps every rule, for tests that break it."""

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from strata.repository import readme
from strata.repository.checkout import Repository
from strata.repository.source import Violation

Rule = Callable[[Repository], Iterator[Violation]]

SITE = """\
- name: Static
  hosts: static
  pre_tasks:
    - name: Preflight
      preflight:
      tags: always
  roles:
    - project_static
"""
INVENTORY = """\
all:
  children:
    static:
      hosts:
        static1.example.org:
"""
TASKS = """\
- name: Configure {name}
  tags: {name}
  block:
    - name: Configure it
      {name}_server:
        wanted: "{{{{ lookup('contributions', '{name}_wanted') }}}}"
      register: _{name}
      failed_when: _{name}.changed and _{name}.rc
"""
SPECS = """\
argument_specs:
  main:
    short_description: The role {name}
    description:
      - What it does.
      - "When the role is taken away: nothing stays."
    options:
"""
OPTION = """\
      {name}:
        description: What is wanted.
        type: list
        elements: str
"""


class Checkout:
    """A repository in a folder of its own; roles call what stands below them, and contribute to apt and httpd."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("site.yml", SITE)
        self.write("inventories/sandbox/hosts.yml", INVENTORY)
        self.role("apt", [], ["apt_wanted"])
        self.role("httpd", ["apt"], ["httpd_wanted", "httpd__apt_wanted"])
        self.role("ci_static", ["httpd"], ["ci_static_sites", "ci_static__httpd_wanted"])
        self.role("project_server", ["apt"], ["project_server__apt_wanted"])
        self.role("project_static", ["project_server", "ci_static"], ["project_static_sites"])
        self.write("roles/project_static/vars/main.yml", 'ci_static_sites: "{{ project_static_sites }}"\n')
        self.write("molecule/shared/converge.yml", "")
        readme.write(root)

    def role(self, name: str, dependencies: list[str], parameters: list[str]) -> None:
        """Write a role with list parameters, its scenario and its test."""
        self.write(f"roles/{name}/meta/main.yml", f"dependencies: [{', '.join(dependencies)}]\n")
        example = ", ".join(f"{parameter}: []" for parameter in parameters)
        self.write(f"roles/{name}/meta/strata.yml", f"version: 1.2.0\nexample: {{{example}}}\n")
        self.write(f"roles/{name}/defaults/main.yml", "".join(f"{name}: []\n" for name in parameters))
        options = "".join(OPTION.format(name=name) for name in parameters)
        self.write(f"roles/{name}/meta/argument_specs.yml", SPECS.format(name=name) + options)
        if f"{name}_wanted" in parameters:
            self.write(f"roles/{name}/tasks/main.yml", TASKS.format(name=name))
        for file, text in {"molecule.yml": "", "budget": "3\n"}.items():
            self.write(f"molecule/{name}/{file}", text)
        self.write(f"tests/testinfra/{name}/test_{name}.py", "def test_it(host): ...\n")

    def write(self, path: str, text: str) -> None:
        """Write a file, and its folders."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text))

    def append(self, path: str, text: str) -> None:
        """Add lines to a file."""
        self.write(path, (self.root / path).read_text() + text)

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands in a file once."""
        text = (self.root / path).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        self.write(path, text.replace(old, new))

    def broken(self, rule: Rule) -> list[str]:
        """Return what breaks a rule, as it is printed."""
        return sorted(str(violation) for violation in rule(Repository(self.root)))
