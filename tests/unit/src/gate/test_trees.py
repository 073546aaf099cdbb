"""Trees of other revisions: made of what is asked for, and gone in the end."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from strata.affected.change import changed
from strata.errors import StrataError, UsageError
from strata.gate import trees
from strata.gate.trees import Tree, Trees, worktree
from strata.processes import Interrupted

if TYPE_CHECKING:
    from pathlib import Path

    from ..affected.conftest import Repository


@pytest.fixture(autouse=True)
def here(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have trees made of the small repository."""
    monkeypatch.setattr(trees, "ROOT", repository.root)
    monkeypatch.setattr(trees, "STATE", repository.root / ".strata")
    repository.write(".gitignore", "/.strata/\n")
    repository.commit()


def made(repository: Repository, folder: Path, given: str | None) -> str:
    """Return where a change is judged: `here`, or the text of a file in the tree that is made for it."""
    with changed(repository.root, given) as change, trees.trees(folder, change) as found:
        return "here" if found.head == Tree(repository.root) else (found.head.root / "docs/read.md").read_text()


def listed(repository: Repository) -> int:
    return len(repository.git("worktree", "list").splitlines())


def test_the_files_are_judged_where_they_stand(repository: Repository, tmp_path: Path) -> None:
    repository.touch("docs/read.md")
    assert made(repository, tmp_path, None) == "here"


def test_what_is_checked_out_is_judged_where_it_stands(repository: Repository, tmp_path: Path) -> None:
    assert made(repository, tmp_path, "main..HEAD") == "here"
    repository.touch("docs/read.md")
    assert made(repository, tmp_path, "main..HEAD") == ""


def test_another_revision_is_judged_in_a_tree_of_its_own(repository: Repository, tmp_path: Path) -> None:
    repository.write("docs/read.md", "first")
    first = repository.commit()
    repository.write("docs/read.md", "second")
    repository.commit()
    assert made(repository, tmp_path, f"{first}~..{first}") == "first"
    assert listed(repository) == 1


@pytest.mark.parametrize("error", [StrataError("failed"), Interrupted(2)])
def test_a_tree_is_removed_whatever_happens(repository: Repository, tmp_path: Path, error: BaseException) -> None:
    with suppress(StrataError, Interrupted), worktree("HEAD", tmp_path / "tree") as tree:
        assert (tree.root / "docs/read.md").exists()
        assert (tree.root / ".strata").is_symlink()
        raise error
    assert not (tmp_path / "tree").exists()
    assert listed(repository) == 1


def test_a_mixed_tree_has_what_is_judged_but_for_some_paths(repository: Repository, tmp_path: Path) -> None:
    for path in ("docs/read.md", "pyproject.toml"):
        repository.write(path, "changed")
    repository.write("docs/new.md", "new")
    repository.write("src/strata/rules/new.py", "new")
    (repository.root / "tests/unit/test_web.py").unlink()
    with changed(repository.root, None) as change:
        former = ["pyproject.toml", "src/strata/rules/new.py", "tests/unit/test_web.py"]
        with Trees(tmp_path, Tree(repository.root), change).mixed("mixed", former) as tree:
            texts = {
                path: (tree.root / path).read_text()
                for path in ("docs/read.md", "docs/new.md", "pyproject.toml", "tests/unit/test_web.py")
            }
            assert not (tree.root / "src/strata/rules/new.py").exists()
    assert texts["docs/read.md"] == "changed"
    assert texts["docs/new.md"] == "new"
    assert texts["pyproject.toml"] == ""
    assert texts["tests/unit/test_web.py"].startswith("from ansible")
    assert (repository.root / "pyproject.toml").read_text() == "changed"
    assert listed(repository) == 1


def test_conflicts_are_no_change(repository: Repository, tmp_path: Path) -> None:
    repository.git("checkout", "-q", "-b", "other")
    repository.write("docs/read.md", "one")
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.write("docs/read.md", "two")
    repository.commit()
    with suppress(Exception):
        repository.git("merge", "other")
    with pytest.raises(UsageError, match=r"^docs/read\.md: the merge has conflicts"):
        made(repository, tmp_path, None)


def test_other_requirements_need_another_environment(repository: Repository, tmp_path: Path) -> None:
    repository.write("requirements.txt", "more")
    tip = repository.commit()
    repository.git("checkout", "-q", "HEAD~")
    with pytest.raises(UsageError, match=r"another requirements\.txt"):
        made(repository, tmp_path, f"HEAD..{tip}")


def test_one_gate_at_a_time() -> None:
    with trees.locked():  # noqa: SIM117 - the second is not to be entered
        with pytest.raises(StrataError, match="another gate is at work"), trees.locked():
            pass
