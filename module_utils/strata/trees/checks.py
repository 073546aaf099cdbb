"""The validate commands of trees, run on new contents before anything on the host is changed."""

from __future__ import annotations

import fnmatch
import os
import shlex
import subprocess
import tempfile
from typing import IO, TYPE_CHECKING

from ansible.module_utils.strata.trees.contents import copy, unpack
from ansible.module_utils.strata.trees.declared import Tree, TreeError, show
from ansible.module_utils.strata.trees.plan import Plan, content

if TYPE_CHECKING:
    from collections.abc import Iterable


def validate(plans: Iterable[Plan], archive: IO[bytes]) -> None:
    """Run each command on each new content that it is for, under the file's own name in a private folder.

    Raises:
        TreeError: a command failed or cannot be run; it names the file and says what the command said.

    """
    waiting: dict[str, list[tuple[Tree, str, str]]] = {}
    for tree, step in ((plan.tree, step) for plan in plans for step in plan.steps):
        if want := content(step):
            commands = [command for pattern, command in tree.validate if fnmatch.fnmatchcase(step.path, pattern)]
            waiting.setdefault(want.detail, []).extend((tree, step.path, command) for command in commands)
    if not any(waiting.values()):
        return
    with tempfile.TemporaryDirectory(prefix="strata-", dir="/var/tmp") as folder:
        for name, stream in unpack(archive):
            for tree, path, command in waiting.get(name, ()):
                staged = os.path.join(folder, os.path.basename(path))
                stream.seek(0)
                with open(staged, "wb") as target:
                    copy(stream, target)
                _check(tree, path, command, staged)
                os.unlink(staged)


def _check(tree: Tree, path: str, command: str, staged: str) -> None:
    words = [word.replace("%s", staged) for word in shlex.split(command)]
    full = show(tree.full(path))
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise TreeError(f"{tree}: {full} cannot be validated by {command}: {error.strerror}") from error
    if done.returncode:
        said = os.fsdecode(done.stderr + done.stdout).strip() or f"exit code {done.returncode}"
        said = said.replace(os.path.dirname(staged), os.path.dirname(tree.full(path)))
        raise TreeError(f"{tree}: {full} is refused by {command}: {said.encode('utf-8', 'backslashreplace').decode()}")
