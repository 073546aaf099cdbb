"""All projects, ACLs and groups of a Gerrit: the host's half (action_plugins/gerrit_projects.py is the other one)."""

from __future__ import annotations

from ansible.module_utils.strata.gerrit.projects import run
from ansible.module_utils.strata.quiet import QuietModule

DOCUMENTATION = r"""
---
module: gerrit_projects
short_description: All projects, ACLs and groups of a Gerrit from a project-config tree
version_added: "0.1.0"
author: Strata contributors
description:
  - Makes a Gerrit on the host have the projects, ACLs and groups of the tree, in the format of C(gerrit/projects.yaml)
    and C(gerrit/acls/**.config). C(strata project-config check) checks the same tree. Nothing is ever deleted.
  - When nothing is to be done it takes one remote call and two requests to Gerrit, for its lists of projects and of
    groups; all else is read from the repositories on disk. Otherwise it takes a call for each O(seconds), and says
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
    push, is locked instead. If the ACL is refused all the same, the former one is restored.
  - A project that cannot be configured is named, with the file that it comes from; the others are configured, and the
    task fails. A run that was killed is completed by the next one.
  - "It does not matter how people sign in. The module connects to Gerrit's SSH with the server's own host key, which
    Gerrit takes for another daemon of the site: that may list, and act for others. What is to be made is made as
    O(account), which nobody can sign in to. If there is no such account, it is made and put into O(admin_group)."
options:
  tree:
    description: The project-config tree, a folder on the control side. Taken by the action plugin.
    type: path
    required: true
  manifest:
    description: The projects of the tree that have no errors, packed. Given by the action plugin.
    type: str
    required: true
  skip:
    description: Names of projects that earlier calls could not configure. Given by the action plugin.
    type: list
    elements: str
    default: []
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
    description: How long a call works before it says how far it is, and another call goes on.
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
- name: Configure the projects
  gerrit_projects:
    tree: /srv/project-config
    site: /srv/gerrit
"""

RETURN = r"""
changes:
  description: What was done, or would be, also by a call that fails.
  returned: always
  type: list
  elements: str
  sample: [group acme-core is made, project acme/anvil is made, project acme/rocket gets its ACL]
problems:
  description: Why projects are not applied, by name.
  returned: always
  type: dict
projects:
  description: How many projects are declared, and how many of them are applied now, or would be.
  returned: when the tree is valid and Gerrit answers
  type: dict
  sample: {declared: 255, applied: 255}
undeclared:
  description: Projects that Gerrit has and the tree has not. They are left as they are.
  returned: when the tree is valid and Gerrit answers
  type: list
  elements: str
left:
  description: How many projects are left for another call. Taken by the action plugin.
  returned: when Gerrit answers
  type: int
"""

ARGUMENTS = {
    # no_log keeps it, which is long, out of the journal and the result.
    "manifest": {"type": "str", "required": True, "no_log": True},
    "skip": {"type": "list", "elements": "str", "default": []},
    "site": {"type": "path", "required": True},
    "user": {"type": "str", "default": "gerrit"},
    "account": {"type": "str", "default": "strata-project-config"},
    "admin_group": {"type": "str", "default": "Administrators"},
    "external_groups": {"type": "dict", "default": {}},
    "seconds": {"type": "int", "default": 60},
}


def main() -> None:
    """Run the module."""
    QuietModule(ARGUMENTS).end("gerrit_projects", run.converge)


if __name__ == "__main__":
    main()
