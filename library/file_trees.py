"""Folders of the control side on a host: the host's half (action_plugins/file_trees.py is the other one)."""

from __future__ import annotations

from ansible.module_utils.strata.quiet import QuietModule
from ansible.module_utils.strata.trees import contents, run

DOCUMENTATION = r"""
---
module: file_trees
short_description: Copy folders of the control side to places on the host
version_added: "0.1.0"
author: Strata contributors
description:
  - Makes folders on the host equal to folders of the control side. It takes one remote call when nothing changed, and a
    second one, which carries the missing contents, when something did. Contents that are more than 4 MB when they are
    compressed go ahead of it in a call of their own (one for each 64 MB), so that no side needs much memory.
  - The contents, modes, owners and kinds of all files are really compared on the host in each run.
  - All contents are written beside their places and checked before the first file is replaced, each file is replaced
    atomically, and what a killed run left (files whose names begin with C(.strata-)) is removed by the next one.
    (What it had sent ahead is removed by a run that is at least 15 minutes later.)
  - Runs that copy to one host at the same time wait for each other.
  - Folders that are nested deeper than 200 are refused.
  - Below O(trees[].dest) no symbolic link of the host is ever followed. A link on the way to it (or in its place) is
    followed if it belongs to root or to the user that the module runs as, and refused otherwise.
  - Symbolic links of the source are kept if they are relative and stay inside the tree. Other links, and files that are
    neither regular nor folders, are refused.
  - A file that its owner may execute in the source is executable on the host for everyone who may read it there.
options:
  root:
    description: The folder that a relative O(trees[].src) starts from. Taken by the action plugin.
    type: path
  trees:
    description:
      - The folders to copy.
      - One tree's destination may be inside another's. The inner tree then decides on its folders, and neither purges
        the other's files. Two trees with the same destination, or with different things at one path, are an error.
        Taken by the action plugin.
    type: list
    elements: dict
    required: true
    suboptions:
      src:
        description: The folder to copy from, absolute or relative to O(root).
        type: str
        required: true
      dest:
        description:
          - The folder to copy to, absolute. It is made with its parents if it is missing.
          - It is part of the tree; it gets O(trees[].dir_mode), O(trees[].owner) and O(trees[].group) too.
        type: str
        required: true
      owner:
        description: Owner of everything in the tree, name or number.
        type: str
        default: root
      group:
        description: Group of everything in the tree, name or number.
        type: str
        default: root
      file_mode:
        description: Mode of the files, octal and in quotes.
        type: str
        default: "0644"
      dir_mode:
        description: Mode of the folders, octal and in quotes.
        type: str
        default: "0755"
      include:
        description:
          - Shell patterns of paths relative to O(trees[].src). If there are any, only what matches one of them is
            copied, with all below it and the folders that lead to it; the source counts as if it had nothing else.
            C(*) matches slashes too. If nothing matches, it is an error.
        type: list
        elements: str
        default: []
      exclude:
        description:
          - Shell patterns of paths relative to O(trees[].src) that are neither copied nor purged, with all below them,
            whatever O(trees[].include) says. C(*) matches slashes too. Whatever is named C(.git) is always excluded.
        type: list
        elements: str
        default: []
      purge:
        description:
          - Remove from O(trees[].dest) what the source does not have, and whatever stands where the tree needs
            something of another kind. Without it, the latter is an error.
        type: bool
        default: false
      validate:
        description:
          - Checks of new contents on the host, run before anything there is changed. One that fails makes the module
            fail with the file's name and what the command said. They are not run in check mode, as the contents are not
            sent then, nor for files that are already there.
        type: list
        elements: dict
        default: []
        suboptions:
          pattern:
            description: Shell pattern of the paths relative to O(trees[].src) that are checked; C(*) matches slashes.
            type: str
            required: true
          command:
            description:
              - The command, in which C(%s) stands for a copy of the file that has the file's name but stands elsewhere.
                It is run without a shell.
            type: str
            required: true
      commands:
        description:
          - What is run after files changed, for example to reload the service that reads them. A command is run once,
            even if several trees name it.
          - It gets the absolute paths that were created, changed or removed on its standard input, each ended by a NUL
            as C(xargs -0) reads them. (An argument or a variable could not take 10,000 paths, or one with a newline.)
          - A command that fails makes the module fail. It is then still owed, as it is after a run that was killed, and
            run by the next run, even if no file changes in that.
        type: list
        elements: dict
        default: []
        suboptions:
          pattern:
            description: Shell pattern of the paths relative to O(trees[].src) that matter. C(*) matches slashes too.
            type: str
            required: true
          command:
            description: The program and its arguments. It is run without a shell.
            type: list
            elements: str
            required: true
      origin:
        description: Where the tree was asked for; error messages name it.
        type: str
        default: ""
  manifest:
    description: The trees and what is in them, packed. Given by the action plugin.
    type: str
    required: true
  archive:
    description: The contents that the host lacks, packed. Given by the action plugin.
    type: str
  uploaded:
    description: The file with the contents that the host lacks, if they were sent ahead. Given by the action plugin.
    type: str
attributes:
  check_mode:
    support: full
    description: Touches nothing and says what would change.
  diff_mode:
    support: full
    description: Lists paths, never contents (they may be secret).
"""

EXAMPLES = r"""
- name: Copy the ACLs and the static pages
  file_trees:
    root: /srv/project-config
    trees:
      - src: gerrit/acls
        dest: /etc/gerrit/acls
        group: gerrit
        file_mode: "0640"
      - src: static
        dest: /srv/static/www
        exclude: ["*.md"]
        purge: true
        validate:
          - pattern: "*.json"
            command: python3 -m json.tool %s
        commands:
          - pattern: conf/*
            command: [systemctl, reload, apache2]
"""

RETURN = r"""
changes:
  description: What was changed in each tree, and the commands that were run, or what would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["/srv/static/www: 1 created, 2 updated, 1 removed", run systemctl reload apache2]
trees:
  description: For each tree, in the order of the task, how many paths (files, folders and links) were in which case.
  returned: success
  type: list
  elements: dict
  sample: [{dest: /srv/static/www, created: 1, updated: 2, metadata: 0, removed: 1, unchanged: 496}]
changed_files:
  description: Absolute paths that were created, updated or got another mode or owner; the first 1000.
  returned: success
  type: list
  elements: str
removed_files:
  description: Absolute paths that were removed; the first 1000.
  returned: success
  type: list
  elements: str
commands:
  description: The commands that were run because of what changed, or would be.
  returned: success
  type: list
  elements: str
  sample: [systemctl reload apache2]
"""

ARGUMENTS = {
    # no_log keeps both, which are long and may hold secrets, out of the journal and the result.
    "manifest": {"type": "str", "required": True, "no_log": True},
    "archive": {"type": "str", "no_log": True},
    "uploaded": {"type": "str"},
}


def main() -> None:
    """Run the module."""
    module = QuietModule(ARGUMENTS)
    with contents.dropped(module.params["uploaded"]):  # also if another run on the host does not end
        module.end(run.SUBJECT, run.converge)


if __name__ == "__main__":
    main()
