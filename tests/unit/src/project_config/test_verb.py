"""The command, and the real tree of an organisation."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from strata.cli import cli
from strata.errors import UsageError
from strata.project_config.acl import parse
from strata.project_config.check import load
from strata.project_config.tree import Tree
from strata.suite import checks

from .conftest import ANVIL, FILE, Sample, git_reads
from .test_acl import reads

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[4]
DATA = ROOT.parent / "shared" / "data" / "project-config"
NEWER = DATA.with_name("project-config-2026")
LIMIT = 2.0


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["project-config", "check", *map(str, arguments)])


def test_clean(sample: Sample) -> None:
    done = run(sample.root)
    assert (done.exit_code, done.output) == (0, "2 projects, 1 ACLs: 0 errors, 0 warnings\n")


def test_warnings_are_no_failure(sample: Sample) -> None:
    sample.replace(FILE, "description", "descripton")
    done = run(sample.root)
    assert done.exit_code == 0
    assert done.output.startswith(f"{FILE}:2: warning: acme/anvil: descripton: is unknown")
    assert done.output.endswith("0 errors, 1 warnings\n")


def test_errors_then_fixed(sample: Sample) -> None:
    sample.replace(ANVIL, "abandon", "\tabandon")
    done = run(sample.root)
    assert done.exit_code == 1
    assert done.output.endswith("1 errors (1 of them fixed by --fix), 0 warnings\n")
    done = run(sample.root, "--fix")
    assert (done.exit_code, done.output.splitlines()[0]) == (0, f"wrote {ANVIL}")
    assert run(sample.root, "--fix").output == "2 projects, 1 ACLs: 0 errors, 0 warnings\n"


def test_what_fix_cannot_mend_stays_an_error(sample: Sample) -> None:
    sample.replace(ANVIL, "abandon = group", "abandon = grup")
    assert run(sample.root, "--fix").exit_code == 1


def test_wrong_use(sample: Sample, tmp_path: Path) -> None:
    assert run(tmp_path / "none").exit_code == 2
    assert run(sample.root / FILE).exit_code == 2
    assert run().exit_code == 2
    done = run(tmp_path)
    assert isinstance(done.exception, UsageError)
    assert done.exception.exit_code == 2
    assert "has no gerrit/projects.yaml" in str(done.exception)


def test_lint_checks_our_own_tree(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    check = next(check for check in checks.checks() if check.name == "project-config")
    assert check.run([]) == ""
    monkeypatch.setattr(checks, "FLAT", Tree(sample.root))
    sample.replace(ANVIL, "abandon", "\tabandon")
    assert check.run([]).startswith(f"project-config/{ANVIL}:2: `abandon = group anvil-core` must begin without")


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared data absent")


@needs_data
def test_the_real_tree() -> None:
    """Nothing is wrong there; old ways of labels, and groups of a project that was renamed, are worth a warning."""
    begin = time.process_time()
    found = load(Tree(DATA))
    assert time.process_time() - begin < LIMIT
    assert (len(found.projects), len(found.acls)) == (255, 181)
    labels, gear = "gerrit/acls/opendev/infra-specs.config", "gerrit/acls/windmill/ansible-role-gear.config"
    copied = "copyAllScoresOnTrivialRebase is refused by Gerrit 3.7 and newer: say changekind:TRIVIAL_REBASE in"
    assert [str(finding) for finding in found.findings] == [
        f"{labels}:8: warning: {copied} copyCondition",
        f"{labels}:18: warning: {copied} copyCondition",
        f"{labels}:20: warning: the function AnyWithBlock is refused by Gerrit 3.7 and newer: use a submit-requirement",
        f"{gear}:2: warning: the group ansible-role-gearman-core is named like no project",
        f"{gear}:7: warning: the group ansible-role-gearman-release is named like no project",
    ]


@pytest.mark.skipif(not NEWER.is_dir(), reason="shared data absent")
def test_the_real_tree_of_eleven_years_later(tmp_path: Path) -> None:
    """Its entries are indented by a tab, as git itself writes them; what `--fix` writes is the same, to the byte."""
    found = load(Tree(NEWER))
    assert (len(found.projects), len(found.acls), found.errors) == (298, 200, [])
    copy = Path(shutil.copytree(NEWER, tmp_path / "copy"))
    name = "gerrit/acls/zuul/zuul.config"
    (copy / name).write_text((copy / name).read_text().replace("\n\t", "\n"))
    assert run(copy).exit_code == 1
    assert run(copy, "--fix").output.splitlines()[0] == f"wrote {name}"
    assert files(copy) == files(NEWER)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA, tmp_path / "copy"))


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@needs_data
def test_fix_changes_nothing_in_the_real_tree(copy: Path) -> None:
    assert run(copy, "--fix").exit_code == 0
    assert files(copy) == files(DATA)


@needs_data
def test_the_real_acls_are_read_as_git_reads_them() -> None:
    for path in sorted(DATA.rglob("*.config")):
        assert reads(parse(path.read_text())) == git_reads(path), path
        assert parse(path.read_text()).render() == path.read_text()


def disorder(lines: list[str], chance: random.Random) -> Iterator[str]:
    """Shuffle the sections of an ACL and the entries in them, and write these badly."""
    sections = "".join(lines).split("\n[")
    chance.shuffle(sections)
    for section in sections:
        header, *entries = section.strip("\n").split("\n")
        chance.shuffle(entries)
        yield "\n".join([f"[{header.removeprefix('[')}", *(f"{entry}  " for entry in entries), "\n"])


@needs_data
def test_fix_puts_a_shuffled_real_tree_in_order(copy: Path) -> None:
    """Projects and entries shuffled, white space behind entries: what --fix writes is the real tree, to the byte."""
    chance = random.Random(1)
    projects = (copy / FILE).read_text().split("\n- ")
    projects[0] = projects[0].removeprefix("- ")
    projects[-1] = projects[-1].removesuffix("\n")
    chance.shuffle(projects)
    (copy / FILE).write_text("".join(f"- {project}\n" for project in projects))
    for path in copy.rglob("*.config"):
        text = "".join(disorder(path.read_text().splitlines(keepends=True), chance))
        path.write_text(text.rstrip("\n") + "\n")
    assert run(copy).exit_code == 1
    done = run(copy, "--fix")
    assert done.exit_code == 0, done.output
    assert done.output.count("wrote ") == 182
    assert files(copy) == files(DATA)


@needs_data
@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        (FILE, "zuul.config", "zul.config", "there is no gerrit/acls/zuul/zul.config: did you mean 'gerrit/acls/zuul/"),
        (FILE, "  description: RETIRED", "  upstream: ext::sh\n  description: RETIRED", "names a transport helper"),
        (
            "gerrit/acls/zuul/zuul.config",
            "refs/tags/*",
            "refs/tags*",
            ":10: refs/tags* has * elsewhere than in /* at its end",
        ),
        ("gerrit/acls/zuul/zuul.config", "-2..+2 group", "-2..+2 grp", "-2..+2 grp zuul-core is not a rule"),
    ],
)
def test_one_fault_in_the_real_tree_is_one_error(copy: Path, path: str, old: str, new: str, message: str) -> None:
    text = (copy / path).read_text()
    assert old in text
    (copy / path).write_text(text.replace(old, new, 1))
    (error,) = load(Tree(copy)).errors
    assert message in str(error)
