"""All projects, ACLs and groups of a Gerrit: the host's half (action_plugins/gerrit_projects.py is the other one)."""

from __future__ import annotations

import base64
import json
import os
import time
import zlib
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.strata import locks
from ansible.module_utils.strata.gerrit.projects.plan import (
    Plan,
    ProjectsError,
    Server,
    Wanted,
    diff,
    groups_file,
    plan,
    read_groups,
    uuids,
)
from ansible.module_utils.strata.gerrit.projects.run import Settler, Work
from ansible.module_utils.strata.gerrit.projects.site import acting_as, read_projects, read_site, read_texts
from ansible.module_utils.strata.gerrit.projects.ssh import DownError, Gerrit

if TYPE_CHECKING:
    from ansible.module_utils.strata.gerrit.projects.site import Site

DOCUMENTATION = r"""
---
module: gerrit_projects
short_description: Settle all projects, ACLs and groups of a Gerrit from a project-config tree
version_added: "0.1.0"
author: Strata contributors
description:
  - Makes a Gerrit on the host have the projects, ACLs and groups of the tree, in the format of C(gerrit/projects.yaml)
    and C(gerrit/acls/**.config). C(strata project-config check) checks the same tree. Nothing is ever deleted.
  - When nothing is to be done it takes one remote call and two requests to Gerrit, for its lists of projects and of
    groups; all else is read from the repositories on disk. Otherwise it takes a call for each O(seconds), and tells
    after each how many projects are done.
  - A project's description, state, parent and ACL are one text, its C(project.config), which is pushed to
    C(refs/meta/config) with the file C(groups) when it is not already there letter for letter, so that Gerrit checks
    and announces it. Other files in C(refs/meta/config) stay.
  - "A project never stands open without its ACL, whenever the run, Gerrit or the host is killed: a new one is made
    aside, with its branches, and with an ACL by which only administrators may do anything; a rename puts it into its
    place; the push of its ACL opens it. (Gerrit's own C(create-project) makes the repository first and its ACL after
    that.) Gerrit announces such a project by C(ref-updated), not by C(project-created)."
  - Where Gerrit refuses the push of an ACL for want of a permission, as 3.13 does with the permissions that it begins
    with, administrators get that permission in the project for that moment. A read-only project, to which nobody may
    push, is locked instead. If the ACL is refused all the same, the former one is put back.
  - A project that cannot be settled is named, with the file that it comes from; the others are settled, and the task
    fails. A run that was killed is completed by the next one.
  - "It does not matter how people sign in. The module connects to Gerrit's SSH with the server's own host key, which
    Gerrit takes for another daemon of the site: that may list, and act for others. What is to be made is made as
    O(account), which nobody can sign in to. If there is no such account, it is made and put into O(admin_group)."
options:
  tree:
    description: The project-config tree, a folder on the control side.
    type: path
    required: true
  site:
    description: Gerrit's site, a folder on the host.
    type: path
    required: true
  user:
    description: The user that Gerrit runs as. All is done as this user.
    type: str
    default: gerrit
  account:
    description: The account of Gerrit that makes things.
    type: str
    default: strata-project-config
  admin_group:
    description: The group of Gerrit's administrators.
    type: str
    default: Administrators
  external_groups:
    description: The UUIDs, by name, of groups that ACLs name and that are not Gerrit's own, such as those of LDAP.
    type: dict
    default: {}
  seconds:
    description: How long a call works before it tells how far it is, and another call goes on.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
    description: Touches nothing and says what would change, also where Gerrit is not running or not there yet.
  diff_mode:
    support: full
    description: The two files of C(refs/meta/config) that change.
"""

EXAMPLES = r"""
- name: Settle the projects
  gerrit_projects:
    tree: /srv/project-config
    site: /srv/gerrit
"""

RETURN = r"""
changes:
  description: What was done, or would be.
  returned: always
  type: list
  elements: str
  sample: [group acme-core is made, project acme/anvil is made, project acme/rocket gets its ACL]
projects:
  description: How many projects are declared, and how many of them are right now, or would be.
  returned: always
  type: dict
  sample: {declared: 255, settled: 255}
undeclared:
  description: Projects that Gerrit has and the tree has not. They are left as they are.
  returned: success
  type: list
  elements: str
problems:
  description: Why projects are not settled, by name.
  returned: always
  type: dict
"""


def unpack(manifest: str) -> list[Wanted]:
    """Return the projects that the action packed."""
    projects = json.loads(zlib.decompress(base64.b64decode(manifest)))
    return [Wanted(**{**project, "groups": tuple(project["groups"])}) for project in projects]


def read_server(site: Site, gerrit: Gerrit, wanted: list[Wanted]) -> Server:
    """Return what Gerrit has. Raises ProjectsError."""
    return Server(
        listed=frozenset(gerrit.ask("gerrit", "ls-projects", "--all").splitlines()),
        projects=read_projects(site, [project.name for project in wanted]),
        groups=read_groups(gerrit.ask("gerrit", "ls-groups", "-v")),
        own=frozenset({site.root_project, site.users_project}),
        root=site.root_project,
    )


def read_disk(site: Site, wanted: list[Wanted]) -> Server:
    """Return what Gerrit has as far as its repositories tell. Raises ProjectsError."""
    projects = read_projects(site, [site.root_project, *(project.name for project in wanted)])
    groups: dict[str, str] = {}
    for _config, text in read_texts(site, projects).values():
        rows = [line.split("\t") for line in text.splitlines() if "\t" in line and not line.startswith("#")]
        groups |= {row[1].strip(): row[0].strip() for row in rows}
    own = frozenset({site.root_project, site.users_project})
    return Server(frozenset(projects), projects, groups, own, site.root_project)


def shown(site: Site | None, server: Server, found: Plan, external: dict[str, str]) -> list[dict[str, Any]]:
    """Return the change of both files of each project, for a person."""
    known = dict.fromkeys(found.groups, "(made by this run)") | uuids(server.groups, external)
    there = {each.name: server.projects[each.name] for each in found.configs if each.name in server.projects}
    before = read_texts(site, there) if site else {}
    changes = []
    for project in found.configs:
        config, groups = before.get(project.name, ("", ""))
        changes += diff(f"{project.name} project.config", config, project.config)
        changes += diff(f"{project.name} groups", groups, groups_file(project.groups, known))
    return changes


def predict(
    params: dict[str, Any], wanted: list[Wanted], *, with_diff: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the module's result in check mode, and its diff. Raises ProjectsError."""
    external = params["external_groups"]
    if not os.path.exists(os.path.join(params["site"], "etc", "gerrit.config")):
        found = plan(wanted, Server(), external)
        return result(wanted, found, found.changes), shown(None, Server(), found, external) if with_diff else []
    with acting_as(params["user"]):
        site = read_site(params["site"], params["user"])
        try:
            with Gerrit(site, params["account"]) as gerrit:
                server = read_server(site, gerrit, wanted)
        except DownError:
            server = read_disk(site, wanted)
        found = plan(wanted, server, external)
        return result(wanted, found, found.changes), shown(site, server, found, external) if with_diff else []


def settle(
    params: dict[str, Any], wanted: list[Wanted], changes: list[str], *, with_diff: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Do what is to be done until the time is up, note it in `changes`, and return the result, and the diff of all.

    Raises:
        ProjectsError: Gerrit does not answer any more, or nothing can be done.

    """
    deadline = time.monotonic() + params["seconds"]
    external = params["external_groups"]
    with acting_as(params["user"]):
        site = read_site(params["site"], params["user"])
        with Gerrit(site, params["account"]) as gerrit:
            server = read_server(site, gerrit, wanted)
            found = plan(wanted, server, external, params["skip"])
            differences = shown(site, server, found, external) if with_diff else []
            work = Work(found, changes, found.problems)
            Settler(gerrit, server, work, external, params["admin_group"]).settle(deadline)
    return result(wanted, found, changes, work.left), differences


def result(wanted: list[Wanted], found: Plan, changes: list[str], left: int = 0) -> dict[str, Any]:
    """Return the module's result; the action makes a failure of problems."""
    settled = len(wanted) - left - len(found.problems)
    return {
        "changed": bool(changes),
        "changes": changes,
        "projects": {"declared": len(wanted), "settled": settled},
        "undeclared": found.undeclared,
        "problems": found.problems,
        "left": left,
    }


def main() -> None:
    """Run the module with what the action sends: all projects in a packed manifest."""
    module = AnsibleModule(
        argument_spec={
            # no_log keeps it, which is long, out of the journal and the result.
            "manifest": {"type": "str", "required": True, "no_log": True},
            "site": {"type": "path", "required": True},
            "user": {"type": "str", "required": True},
            "account": {"type": "str", "required": True},
            "admin_group": {"type": "str", "required": True},
            "external_groups": {"type": "dict", "required": True},
            "skip": {"type": "list", "elements": "str", "default": []},
            "seconds": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    changes: list[str] = []
    try:
        wanted = unpack(module.params["manifest"])
        with locks.exclusive("gerrit_projects", check_mode=module.check_mode):
            if module.check_mode:
                told, differences = predict(module.params, wanted, with_diff=module._diff)  # noqa: SLF001
            else:
                told, differences = settle(module.params, wanted, changes, with_diff=module._diff)  # noqa: SLF001
    except (ProjectsError, TimeoutError) as error:
        module.fail_json(msg=str(error), changed=bool(changes), changes=changes)
    except OSError as error:
        module.fail_json(msg=f"the projects cannot be settled: {error}", changed=bool(changes), changes=changes)
    module.exit_json(**told, diff=differences)


if __name__ == "__main__":
    main()
