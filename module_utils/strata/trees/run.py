"""Bring trees of files to a host: ask for the contents that it lacks, or write them, and run what is due then."""

from __future__ import annotations

import dataclasses
import os
import shlex
from typing import IO, TYPE_CHECKING, Any

from ansible.module_utils.strata import quiet
from ansible.module_utils.strata.trees import checks, contents, host, write
from ansible.module_utils.strata.trees.commands import Commands
from ansible.module_utils.strata.trees.declared import TreeError, read_manifest, show
from ansible.module_utils.strata.trees.plan import Plan, diff, lines, missing, plan, resolve_overlaps, summary

if TYPE_CHECKING:
    from ansible.module_utils.strata.quiet import QuietModule

SUBJECT = "file_trees"
LISTED = 1000


def converge(module: QuietModule) -> dict[str, Any]:
    """Bring the host to what the manifest says and return the module's result.

    If contents are missing and none came, nothing is touched; the result names them in `missing`, and in `upload` the
    place for an archive that is too big for a call.

    Raises:
        StrataError: the trees cannot be brought to this host.

    """
    try:
        with contents.received(module.params["archive"], module.params["uploaded"]) as archive:
            return _converge(module, archive)
    except OSError as error:
        name = f": {show(os.fsdecode(error.filename))}" if isinstance(error.filename, str | bytes) else ""
        raise TreeError(f"the trees cannot be copied: {error.strerror}{name}") from error


def _converge(module: QuietModule, archive: IO[bytes] | None) -> dict[str, Any]:
    trees = read_manifest(module.params["manifest"], check=module.check_mode)
    trees = [dataclasses.replace(tree, place=host.resolve(tree)) for tree in trees]
    order = {tree.place: index for index, tree in enumerate(trees)}
    trees = resolve_overlaps(trees)
    plans = [plan(tree, host.scan(tree, trees)) for tree in trees]
    commands = Commands(plans)
    due = [shlex.join(command) for command in commands.listed()]
    lacking = sorted(missing(plans))
    if not (module.check_mode or archive):
        contents.forget_uploads()
        if lacking:
            return quiet.result([], [], missing=lacking, upload=contents.upload())
    if not module.check_mode:
        if lacking and archive:
            checks.validate(plans, archive)
            archive.seek(0)
        if any(each.steps for each in plans):
            write.apply(plans, archive if lacking else None, commands.note)
        commands.run()
    plans.sort(key=lambda each: order[each.tree.place])
    shown = [diff(each) for each in plans if each.steps]
    if due:
        shown.append({"prepared": "".join(f"! {show(command)}\n" for command in due)})
    return quiet.result(
        [*lines(plans), *(f"run {show(command)}" for command in due)],
        shown if module._diff else [],  # noqa: SLF001
        trees=[summary(each) for each in plans],
        changed_files=_changed_paths(plans, {"create", "update", "metadata"}),
        removed_files=_changed_paths(plans, {"remove"}),
        commands=due,
    )


def _changed_paths(plans: list[Plan], actions: set[str]) -> list[str]:
    """Return the first of the absolute paths that the steps with one of `actions` are about."""
    paths = {show(each.tree.full(step.path)) for each in plans for step in each.steps if step.action in actions}
    return sorted(paths)[:LISTED]
