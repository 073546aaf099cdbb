"""Which change is meant: ranges of git, files that are not committed, and what can't be a range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strata.affected.report import affected
from strata.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Repository


def test_without_a_range_it_is_all_since_the_branch_left_main(repository: Repository) -> None:
    base = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.touch("roles/httpd/tasks/main.yml")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.touch("roles/apt/tasks/main.yml")
    repository.commit()
    repository.git("checkout", "--quiet", "topic")
    repository.touch("LICENSE", "CHANGELOG.md")
    repository.git("add", "LICENSE")
    repository.write("docs/new page.md", "")
    found = affected(repository.root)
    assert found.base == base
    assert found.changed == ["CHANGELOG.md", "LICENSE", "docs/new page.md", "roles/httpd/tasks/main.yml"]


def test_the_branch_of_origin_comes_before_main(repository: Repository) -> None:
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repository.touch("LICENSE")
    repository.commit()
    assert affected(repository.root).changed == ["LICENSE"]


def test_a_range_leaves_files_that_are_not_committed_out(repository: Repository) -> None:
    repository.touch("roles/httpd/tasks/main.yml")
    first = repository.commit()
    repository.touch("roles/apt/tasks/main.yml")
    repository.commit()
    repository.touch("LICENSE")
    assert affected(repository.root, "main~2..main").changed == [
        "roles/apt/tasks/main.yml",
        "roles/httpd/tasks/main.yml",
    ]
    assert affected(repository.root, f"{first}..").changed == ["roles/apt/tasks/main.yml"]


def test_a_range_is_what_its_commits_bring(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.touch("LICENSE")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.touch("roles/apt/tasks/main.yml")
    repository.commit()
    assert affected(repository.root, "main..topic").changed == ["LICENSE"]


def test_nothing_changed(repository: Repository) -> None:
    found = affected(repository.root, "HEAD..HEAD")
    assert (found.changed, found.roles, found.parts, found.hosts) == ([], [], [], {})


def test_a_renamed_file_counts_with_both_names(repository: Repository) -> None:
    repository.git("mv", "roles/httpd/tasks/main.yml", "roles/project_static/tasks.yml")
    found = affected(repository.root)
    assert found.changed == ["roles/httpd/tasks/main.yml", "roles/project_static/tasks.yml"]
    assert found.roles == ["ci_static", "httpd", "project_static"]


def test_both_sides_count(repository: Repository) -> None:
    """A role that is gone, a dependency that is dropped, and a host that left."""
    repository.git("rm", "--quiet", "-r", "roles/ci_static", "molecule/ci_static")
    repository.write("roles/project_static/meta/main.yml", "dependencies: [project_server]\n")
    repository.write("inventories/sandbox/hosts.yml", "{static: {hosts: {static2: }}}\n")
    repository.commit()
    found = affected(repository.root, "HEAD~1..HEAD")
    assert (found.roles, found.scenarios) == (["ci_static", "project_static"], ["project_static"])
    assert found.hosts["sandbox"] == ["logs1", "static1", "static2"]


@pytest.mark.parametrize(
    "path", ["library/httpd_server.py", "filter_plugins/vhosts.py", "module_utils/strata/web/run.py"]
)
def test_what_is_gone_affects_those_that_name_it(repository: Repository, path: str) -> None:
    repository.git("rm", "--quiet", path)
    assert affected(repository.root).roles == ["ci_static", "httpd", "project_static"]


def test_a_test_that_is_gone_can_not_be_run(repository: Repository) -> None:
    repository.git("rm", "--quiet", "tests/unit/test_web.py")
    assert "tests/unit/test_web.py" not in affected(repository.root).unit_tests


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("main", "'main' is no range A..B of two revisions"),
        ("main...HEAD", "'main...HEAD' is no range A..B of two revisions"),
        ("a..b..c", "'a..b..c' is no range A..B of two revisions"),
        ("main..gone", "'main..gone': git knows no commit 'gone'"),
        ("--all..HEAD", "'--all..HEAD': git knows no commit '--all'"),
        ("main..HEAD:LICENSE", "'main..HEAD:LICENSE': git knows no commit 'HEAD:LICENSE'"),
    ],
)
def test_what_is_no_range_is_one_sentence(repository: Repository, given: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        affected(repository.root, given)
    assert str(error.value) == message


def test_without_main_a_range_is_needed(repository: Repository) -> None:
    repository.git("branch", "--move", "main", "trunk")
    with pytest.raises(UsageError, match=r"^there is no origin/main or main to compare with: name a range A\.\.B$"):
        affected(repository.root)


def test_histories_without_a_common_commit(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "--orphan", "other")
    repository.commit()
    with pytest.raises(UsageError, match=r"^main and HEAD have no commit in common"):
        affected(repository.root)


def test_a_shallow_clone_is_one_sentence(repository: Repository, tmp_path: Path) -> None:
    repository.commit()
    repository.git("clone", "--quiet", "--depth=1", repository.root.as_uri(), str(tmp_path / "shallow"))
    with pytest.raises(UsageError, match=r"^the clone is shallow, .*: git fetch --unshallow$"):
        affected(tmp_path / "shallow")


def test_a_folder_without_git_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no git repository"):
        affected(tmp_path)
