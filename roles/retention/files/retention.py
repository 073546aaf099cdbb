#!/usr/bin/python3 -I
"""Remove files from trees: by age, by the size of a tree, and, oldest first, when a file system gets full.

`retention.py all` follows all rules, `watch` only those for full file systems, `check` only reads the configuration.
Whoever writes to a tree may be hostile: no symbolic link is followed, and names are printed quoted or not at all.
"""

import errno
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from operator import attrgetter
from typing import NamedTuple

CONFIG = "/etc/strata/retention.json"
#: For so many seconds after it was written, a file may be in use, and an empty folder may be about to be filled.
FRESH = 3600
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NOTICE, WARNING, ERROR = 5, 4, 3


class Tree(NamedTuple):
    """A folder and its rules, of which 0 is none: `max_age` in days, `max_size` in bytes, `min_free` in percent."""

    path: str
    max_age: int = 0
    max_size: int = 0
    min_free: int = 0
    keep: tuple[str, ...] = ()
    reopen: str = ""


class File(NamedTuple):
    """What is in a tree and is not a folder: when it was written, the space that it takes, its name below the tree."""

    when: float
    size: int
    name: str
    inode: int
    tree: Tree


class Space(NamedTuple):
    """Bytes and inodes of a file system, and those that are free; some have no number of inodes."""

    size: int
    free: int
    inodes: int
    free_inodes: int

    def short(self, percent: int) -> bool:
        """Return whether less than a percentage is free."""
        return self.free * 100 < self.size * percent or self.free_inodes * 100 < self.inodes * percent


def load(text: str) -> list[Tree]:
    """Return the configured trees; raise ValueError if one makes no sense."""
    trees = [Tree(**{**each, "keep": tuple(each["keep"])}) for each in json.loads(text)]
    for tree in trees:
        if not re.fullmatch(r"(/[\w.@+-]+){2,}", tree.path) or os.path.normpath(tree.path) != tree.path:
            raise ValueError(f"retention_trees: {tree.path} must be a plain absolute path of two folders or more")
        if min(tree.max_age, tree.max_size, tree.min_free, 50 - tree.min_free) < 0:
            raise ValueError(f"retention_trees: {tree.path}: a rule is not below 0, and min_free not above 50")
        if [each.path for each in trees].count(tree.path) > 1:
            raise ValueError(f"retention_trees: {tree.path} is declared twice")
    return trees


def outdated(tree: Tree, files: Iterable[File], now: float) -> list[File]:
    """Return what goes by age, and then by the size of the tree."""
    files = sorted(files, key=attrgetter("when"))
    excess = sum(file.size for file in files) - tree.max_size if tree.max_size else 0
    chosen = []
    for file in files:
        if (tree.max_age and file.when < now - tree.max_age * 86400) or (excess > 0 and file.when < now - FRESH):
            chosen.append(file)
            excess -= file.size
    return chosen


def relief(files: Iterable[File], space: Space) -> tuple[list[File], Space]:
    """Return what goes, oldest first, until there is enough space for each tree, and the space after that."""
    chosen = []
    for file in sorted(files, key=attrgetter("when")):
        if space.short(file.tree.min_free):
            chosen.append(file)
            space = space._replace(free=space.free + file.size, free_inodes=space.free_inodes + 1)
    return chosen, space


def written(info: os.stat_result) -> float:
    """Return when a file was written; a time in the future is not believed."""
    return info.st_mtime if info.st_mtime <= time.time() else info.st_ctime


def say(level: int, text: str) -> None:
    """Write a line to the journal."""
    sys.stderr.write(f"<{level}>{text}\n")


@contextmanager
def noting(faults: list[OSError]) -> Iterator[None]:
    """Note an error and go on; what others removed meanwhile is none."""
    try:
        yield
    except FileNotFoundError:
        pass
    except OSError as error:
        faults.append(error)


@contextmanager
def opened(tree: Tree, name: str = "") -> Iterator[int]:
    """Open a folder of a tree, on a way without symbolic links but those of root above the tree."""
    folder = os.open("/", FOLDER)
    try:
        for part in filter(None, tree.path.split("/")):
            outer, folder = folder, enter(part, folder)
            os.close(outer)
        for part in filter(None, name.split("/")):
            outer, folder = folder, os.open(part, FOLDER, dir_fd=folder)
            os.close(outer)
        yield folder
    finally:
        os.close(folder)


def enter(part: str, folder: int) -> int:
    """Open a folder in another one, also through a link of root."""
    link = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        info = os.fstat(link)
        follow = stat.S_ISLNK(info.st_mode) and info.st_uid == 0
        return os.open(os.readlink("", dir_fd=link) if follow else part, FOLDER, dir_fd=folder)
    finally:
        os.close(link)


def scan(tree: Tree, others: set[str], faults: list[OSError]) -> tuple[list[File], dict[str, float]]:
    """Return the files of a tree, and when its folders were written, outer ones first."""
    files, folders, todo = [], {}, [""]
    with opened(tree) as top:
        device = os.fstat(top).st_dev
    while todo:
        folder = todo.pop()
        with noting(faults), opened(tree, folder) as descriptor, os.scandir(descriptor) as entries:
            for entry in entries:
                name = os.path.join(folder, entry.name)
                if f"{tree.path}/{name}" in others or any(fnmatchcase(name, pattern) for pattern in tree.keep):
                    continue
                with noting(faults):
                    info = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(info.st_mode):
                        if info.st_dev == device:
                            todo.append(name)
                            folders[name] = written(info)
                    else:
                        size = info.st_blocks * 512 // max(info.st_nlink, 1)
                        files.append(File(written(info), size, name, info.st_ino, tree))
    return files, folders


def remove(files: Iterable[File], faults: list[OSError], why: str, level: int) -> set[File]:
    """Remove files, even those in use if it is a warning; tell how many of each tree, and return what is gone."""
    gone = defaultdict(set)
    for file in files:
        folder, name = os.path.split(file.name)
        with noting(faults), opened(file.tree, folder) as descriptor:
            info = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if info.st_ino == file.inode and (level == WARNING or written(info) == file.when):
                os.unlink(name, dir_fd=descriptor)
                gone[file.tree].add(file)
    for tree, those in gone.items():
        say(level, f"{tree.path}: {why}: {len(those)} files of {sum(file.size for file in those) / 1e6:.1f} MB removed")
    return set().union(*gone.values())


def prune(tree: Tree, folders: dict[str, float], faults: list[OSError]) -> None:
    """Remove folders that are empty and were not written lately, inner ones first."""
    for path in reversed([name for name, when in folders.items() if when < time.time() - FRESH]):
        folder, name = os.path.split(path)
        with noting(faults), opened(tree, folder) as descriptor:
            try:
                os.rmdir(name, dir_fd=descriptor)
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY}:
                    raise


def measure(tree: Tree) -> Space:
    """Return the space of the file system of a tree, as those who are not root see it."""
    with opened(tree) as top:
        info = os.statvfs(top)
    used = info.f_blocks - info.f_bfree
    return Space((used + info.f_bavail) * info.f_frsize, info.f_bavail * info.f_frsize, info.f_files, info.f_favail)


def apply_rules(trees: list[Tree], others: set[str], faults: list[OSError], *, watch: bool) -> bool:
    """Apply the rules of trees of one file system; return whether it is still full."""
    files, folders = [], {}
    for tree in trees:
        found, folders[tree] = scan(tree, others, faults)
        old = [] if watch else outdated(tree, found, time.time())
        gone = remove(old, faults, "by age or size", NOTICE)
        files += [file for file in found if file not in gone]
    chosen, space = relief(files, measure(trees[0]))
    gone = remove(chosen, faults, "the file system is nearly full", WARNING)
    for tree in trees:
        prune(tree, folders[tree], faults)
    # Else the space of a file that is still being written is not free yet.
    for unit in {file.tree.reopen for file in gone if file.tree.reopen}:
        subprocess.run(["systemctl", "kill", "--signal=HUP", unit], check=False)
    full = [tree.path for tree in trees if space.short(tree.min_free)]
    for path in full:
        say(ERROR, f"{path}: the file system is nearly full, and there is nothing left to remove")
    return bool(full)


def main(mode: str) -> int:
    """Read the configuration and apply it; return the exit status."""
    with open(CONFIG) as stream:
        trees = load(stream.read())
    faults: list[OSError] = []
    systems = defaultdict(list)
    for tree in trees:
        with noting(faults):
            space = measure(tree)
            if mode == "all" or (mode == "watch" and space.short(tree.min_free)):
                with opened(tree) as top:
                    systems[os.fstat(top).st_dev].append(tree)
    paths = {tree.path for tree in trees}
    full = [apply_rules(those, paths, faults, watch=mode == "watch") for those in systems.values()]
    if faults:
        say(ERROR, f"{len(faults)} errors, the first one: {faults[0]}")
    return int(bool(faults) or any(full))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))
