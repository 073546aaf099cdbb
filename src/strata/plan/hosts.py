"""Planning hosts: their catalogs, and what each of them answers."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strata.errors import StrataError, UsageError, nearest
from strata.paths import STATE
from strata.plan.ask import ask
from strata.plan.result import HostPlan, host_plan, not_asked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from strata.catalog.compile import Compiler
    from strata.catalog.core.connections import Way
    from strata.catalog.core.payloads import Packed
    from strata.catalog.resource import Catalog, Resource

#: Where the files of modules are kept for the next plan.
KEPT = STATE / "plan"

#: Where hosts keep them: root's, and those of another user who may not be root.
FOLDER, HOME_FOLDER = "/var/lib/strata/plan", "~/.local/state/strata/plan"

ROOT_USER = "root"


def plan(compiler: Compiler, hosts: Sequence[str], at_once: int, tags: frozenset[str] = frozenset()) -> list[HostPlan]:
    """Compile the catalogs of hosts, ask each host what of its own is not so, and return their plans in the same order.

    Args:
        compiler: what catalogs are compiled of.
        hosts: their names.
        at_once: how many hosts are asked at the same time.
        tags: of which resources must carry one; without any, all are asked for.

    Raises:
        UsageError: there is no such host, or nothing carries one of the tags.
        StrataError: a module cannot be packed.

    """
    from strata.catalog.core.payloads import packed  # noqa: PLC0415 - slow, as all of Ansible

    known: set[str] = set()
    plans: dict[str, Future[HostPlan]] = {}
    with ThreadPoolExecutor(at_once) as pool:
        for catalog in compiler.compiled(hosts):
            known.update(tag for resource in catalog.resources for tag in resource.tags)
            # Of all resources of a host, so that the files are the same ones whatever is asked for.
            files = packed({each.module for each in catalog.resources if not not_asked(each)}, KEPT)
            chosen = replace(catalog, resources=tuple(_tagged(catalog.resources, tags)))
            plans[catalog.host] = pool.submit(_plan, chosen, _way(compiler, catalog), files)
    for tag in sorted(tags - known - {"all"}) if known else ():
        raise UsageError(f"--tags: nothing carries {tag}{nearest(tag, known)}")
    return [plans[host].result() for host in hosts]


def _plan(catalog: Catalog, way: Way | str, files: Packed) -> HostPlan:
    return HostPlan(catalog.host, wrong=way) if isinstance(way, str) else _asked(catalog, way, files)


def _tagged(resources: Iterable[Resource], tags: frozenset[str]) -> Iterator[Resource]:
    """Give the resources that a run with these tags would apply."""
    for resource in resources:
        if not tags or tags & {*resource.tags, "all"} or "always" in resource.tags:
            yield resource


def _way(compiler: Compiler, catalog: Catalog) -> Way | str:
    """Return how a host is reached, or why it is not asked."""
    if catalog.refused:
        return f"not plannable: {catalog.refused}"
    if not catalog.resources:
        return "the playbook applies nothing to it: is it in a play?"
    try:
        return compiler.way(catalog.host)
    except StrataError as error:
        return str(error)


def _asked(catalog: Catalog, way: Way, files: Packed) -> HostPlan:
    """Ask a host for what can be asked for."""
    resources = tuple(replace(each, reason=_reason(each, way, files)) for each in catalog.resources)
    wanted = [each for each in resources if not not_asked(each)]
    sudo = way.user != ROOT_USER and any(each.become for each in wanted)
    request = {
        "folder": FOLDER if sudo or way.user == ROOT_USER else HOME_FOLDER,
        "version": catalog.core,
        "sudo": sudo,
        "resources": [_request(each) for each in wanted],
    }
    python = f"sudo -n {shlex.quote(way.python)}" if sudo else shlex.quote(way.python)
    return host_plan(replace(catalog, resources=resources), ask(way.command, python, request, files))


def _reason(resource: Resource, way: Way, files: Packed) -> str:
    """Return why only Ansible can run a resource, "" if it need not."""
    method = resource.become["method"] if resource.become else "sudo"
    if not resource.reason and method.rpartition(".")[2] != "sudo" and way.user != ROOT_USER:
        return f"it is run by {method}, so only Ansible knows"
    if not resource.reason and not not_asked(resource) and resource.module not in files.modules:
        return f"there is no module {resource.module} in Python, so only Ansible knows"
    return resource.reason


def _request(resource: Resource) -> dict[str, Any]:
    return {
        "module": resource.module,
        "args": resource.args,
        "environment": {name: f"{value}" for name, value in resource.environment.items()},
        "user": f"{resource.become['user'] or ROOT_USER}" if resource.become else "",
    }
