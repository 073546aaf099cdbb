"""What tests read in the checkout that they belong to: the paths that they name below its root."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.affected.code import Code
    from strata.affected.tree import Tree

PATHS = "src/strata/paths.py"
#: Where ROOT is the root of the checkout; a module's ROOT is that of a host.
OWN_ROOT = re.compile(r"^(?:ROOT = Path\(__file__\).*|from strata\.paths import .*\bROOT\b.*)\n", re.MULTILINE)
NAMED = re.compile(
    r'(?:\bROOT|\bPath\(__file__\)(?:\.resolve\(\))?\.parents\[(\d+)\])((?:\s*/\s*(?:f?"[^"\n]*"|[a-z_]\w*))+)'
    r"(\)\.(?:r?glob|iterdir)\b)?"
)
STEP = re.compile(r'/\s*(?:f?"([^"\n]*)"|(\w+))')
IN_TEXT = re.compile(r"\{ROOT\}((?:/[\w.{}-]+)+)")
#: The root itself, handed to something that may read any file.
BARE = re.compile(r'(?<!["\w.])ROOT\b(?!["\w]|\.parent\b)')
FIELD = re.compile(r"\{[^}]*\}")
QUOTED = re.compile(r'"([^"\n]+)"')


class Reading:
    """What the tests of a tree read."""

    def __init__(self, tree: Tree, code: Code) -> None:
        """Look for it in the texts of all tests."""
        self._tree, self._code = tree, code
        self._paths: dict[str, set[str]] = {}
        self._patterns: dict[re.Pattern[str], set[str]] = {}
        #: Unit tests that are handed the whole checkout, or run a verb that is.
        self.whole: set[str] = set()
        for test, text in tree.texts(path for path in tree.python if path.startswith("tests/")):
            named = set(_named(tree, test, text))
            if test.startswith("tests/unit/") and ("" in named or _hands_over(text) or self._runs_over(test)):
                self.whole.add(test)
            for path in named:
                if "*" in path:
                    self._patterns.setdefault(_pattern(path), set()).add(test)
                else:
                    self._paths.setdefault(path, set()).add(test)

    def readers(self, path: str) -> set[str]:
        """Return the files of tests that name a file, or a folder that it is in."""
        above = (str(each) for each in [PurePosixPath(path), *PurePosixPath(path).parents][:-1])
        tests = [self._paths.get(each, set()) for each in above]
        return set().union(*tests, *(tests for pattern, tests in self._patterns.items() if pattern.match(path)))

    def _runs_over(self, test: str) -> bool:
        files = self._code.below(self._code.verbs.get(test, set())) - {PATHS}
        return any(_hands_over(self._tree.text(path)) for path in files)


def _hands_over(text: str) -> bool:
    own = "ROOT" in text and OWN_ROOT.search(text)
    return bool(own) and bool(BARE.search(IN_TEXT.sub("", NAMED.sub("", OWN_ROOT.sub("", text)))))


def _named(tree: Tree, test: str, text: str) -> Iterator[str]:
    """Yield the paths that a test names below the root, "*" for what is not said, "" for any path.

    A folder at the top that is only named is one in which Python or Ansible looks for what is named elsewhere.
    """
    if "ROOT" not in text and "parents[" not in text:
        return
    own = OWN_ROOT.search(text) is not None
    for level, steps, listed in NAMED.findall(text):
        if own if not level else int(level) == test.count("/"):
            first, *rest = (FIELD.sub("*", said) or "*" for said, _ in STEP.findall(steps))
            firsts = [first] if first != "*" else _said_elsewhere(tree, text) or [""]
            named = ["/".join([each, *rest]).rstrip("/") if each else "" for each in firsts]
            yield from (path for path in named if listed or path not in tree.top_folders)
    if own:
        said = (FIELD.sub("*", steps[1:]) for steps in IN_TEXT.findall(text))
        yield from (path for path in said if path not in tree.top_folders)


def _said_elsewhere(tree: Tree, text: str) -> list[str]:
    """Return the paths that stand in a file by themselves: what a step that is a variable may be."""
    return [word for word in QUOTED.findall(NAMED.sub("", text)) if word in tree.paths or word in tree.folders]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\*", "[^/]*") + "(?:/|$)")
