"""The commands of trees, run after files changed; what is owed is on the disk until it has been run."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import shlex
import subprocess
import tempfile
from typing import TYPE_CHECKING

from ansible.module_utils.strata.owed import Owed
from ansible.module_utils.strata.trees import contents
from ansible.module_utils.strata.trees.declared import Tree, TreeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible.module_utils.strata.trees.plan import Plan

Command = tuple[str, ...]


class Commands:
    """What is to be run for the trees of plans: for each tree's place, its commands with the paths they are for."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        """Find out what is due because of the plans' steps, and what earlier runs still owe."""
        self.trees = [plan.tree for plan in plans]
        self.due: dict[str, dict[Command, list[str]]] = {plan.tree.place: _due(plan) for plan in plans}

    def listed(self) -> list[Command]:
        """Return the commands, each once."""
        return list(dict.fromkeys(command for commands in self.due.values() for command in commands))

    def note(self) -> None:
        """Put on the disk what is owed, before the first file is replaced."""
        for tree in self.trees:
            self._write(tree)

    def run(self) -> None:
        """Run each command once, with the paths on its standard input, each ended by a NUL.

        Raises:
            TreeError: a command failed; it and those behind it are still owed.

        """
        for command in self.listed():
            paths = sorted({path for commands in self.due.values() for path in commands.get(command, ())})
            tree = next(tree for tree in self.trees if command in self.due[tree.place])
            _execute(tree, command, paths)
            for tree in self.trees:
                if self.due[tree.place].pop(command, None):
                    self._write(tree)

    def _write(self, tree: Tree) -> None:
        due = [[command, paths] for command, paths in self.due[tree.place].items()]
        if due:
            _owed(tree).note(json.dumps(due).encode("ascii"))
        else:
            _owed(tree).forget()


def _owed(tree: Tree) -> Owed:
    return Owed(f"owed-{hashlib.sha256(os.fsencode(tree.place)).hexdigest()[:16]}", contents.state_folder())


def _due(plan: Plan) -> dict[Command, list[str]]:
    """Return what is due for a tree; of what earlier runs owe only what the tree still asks for."""
    tree = plan.tree
    declared = {command for _, command in tree.commands}
    owed = {tuple(command): paths for command, paths in json.loads(_owed(tree).read() or b"[]")}
    due = {command: paths for command, paths in owed.items() if command in declared}
    for step in plan.steps:
        if not (step.want and step.want.kind == "dir"):
            for pattern, command in tree.commands:
                if fnmatch.fnmatchcase(step.path, pattern):
                    due.setdefault(command, []).append(tree.full(step.path))
    return due


def _execute(tree: Tree, command: Command, paths: Sequence[str]) -> None:
    text = f"{tree}: the command {shlex.join(command)}, which the next run tries again,"
    # To a file: a command may start something that goes on and keeps its output open.
    with tempfile.TemporaryFile() as output:
        try:
            sent = b"".join(os.fsencode(path) + b"\0" for path in paths)
            done = subprocess.run(command, input=sent, stdout=output, stderr=subprocess.STDOUT, check=False)
        except OSError as error:
            raise TreeError(f"{text} cannot be run: {error.strerror}") from error
        if done.returncode:
            output.seek(0)
            said = output.read().decode("utf-8", "backslashreplace").strip()
            raise TreeError(f"{text} failed: {said or f'exit code {done.returncode}'}")
