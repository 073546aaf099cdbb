"""Times catalogs of many hosts: compiled, and compared between two revisions.

`.strata/venv/bin/python benchmarks/catalogs/bench.py [HOSTS]`, by default 1,000 hosts of 15 roles with 5 tasks each.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strata.catalog import store
from strata.catalog.compile import Compiler
from strata.catalog.difference import Filter, groups
from strata.errors import StrataError
from strata.tables import show

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTS, ROLES, TASKS = 1000, 15, 5

TASK = """
- name: Configure {number}
  ansible.builtin.lineinfile:
    path: "/etc/{role}/{number}.conf"
    line: "{{{{ {role}_values[{number}] }}}} {{{{ inventory_hostname }}}} {{{{ {role}_port | int + {number} }}}}"
    mode: "{{{{ {role}_mode }}}}"
  when: {role}_enabled | bool
"""


def site(folder: Path, hosts: int) -> None:
    """Write a site whose hosts have the same roles, with values of their own."""
    roles = [f"role{number:02}" for number in range(ROLES)]
    for role in roles:
        for name in ("tasks", "defaults"):
            (folder / "roles" / role / name).mkdir(parents=True)
        tasks = "".join(TASK.format(role=role, number=number) for number in range(TASKS))
        (folder / "roles" / role / "tasks/main.yml").write_text(f"---{tasks}")
        listed = "".join(f"  - value {number} of {{{{ {role}_name }}}}\n" for number in range(TASKS))
        (folder / "roles" / role / "defaults/main.yml").write_text(
            f"{role}_enabled: true\n{role}_mode: '0644'\n{role}_name: '{{{{ organisation }}}} {role}'\n"
            f"{role}_port: 8000\n{role}_values:\n{listed}"
        )
    names = [f"host{number:04}" for number in range(hosts)]
    values = {name: {"role00_port": 9000 + number} for number, name in enumerate(names)}
    inventory = {"all": {"vars": {"organisation": "example.org"}, "children": {"web": {"hosts": values}}}}
    (folder / "hosts.yml").write_text(json.dumps(inventory))
    (folder / "site.yml").write_text(json.dumps([{"hosts": "web", "gather_facts": False, "roles": roles}]))
    (folder / "facts").mkdir()
    for name in names:
        (folder / "facts" / f"{name}.json").write_text('{"distribution": "Debian"}')


def compiled(folder: Path, out: Path) -> int:
    """Compile all catalogs, and return how many resources they have.

    Raises:
        StrataError: a host cannot be compiled.

    """
    compiler = Compiler(folder / "hosts.yml", tree=folder, playbook=folder / "site.yml", facts=folder / "facts")
    counts = []

    def texts() -> Iterator[tuple[str, str]]:
        for catalog in compiler.compiled(compiler.hosts):
            if catalog.refused:
                raise StrataError(f"{catalog.host}: {catalog.refused}")
            counts.append(len(catalog.resources))
            yield catalog.host, catalog.to_json()

    store.write(texts(), out)
    return sum(counts)


@click.command()
@click.argument("hosts", type=click.IntRange(min=1), default=HOSTS)
def main(hosts: int) -> None:
    """Time catalogs of HOSTS, each with 15 roles of 5 tasks, and show the largest process."""
    rows = []

    def row(what: str, start: float) -> None:
        rows.append((what, f"{time.monotonic() - start:.1f}"))

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        site(folder, hosts)
        for side in ("before", "after"):
            start = time.monotonic()
            resources = compiled(folder, folder / side)
            row(f"{hosts} hosts, {resources} resources", start)
            path = folder / "roles/role03/defaults/main.yml"
            path.write_text(path.read_text().replace("0644", "0600"))
        for what, side in (("nothing differs", "before"), ("each host differs", "after")):
            start = time.monotonic()
            groups(store.files(folder / "before"), store.files(folder / side), Filter())
            row(f"compared, {what}", start)
    show(("what", "seconds"), rows)
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    click.echo(f"largest process: {largest // 1024} MB")


if __name__ == "__main__":
    main()
