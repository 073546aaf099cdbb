"""What no role or module can be called, and what is left when one cannot be written: nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from strata.errors import StrataError, UsageError
from strata.rules import architecture
from strata.skeleton import create
from strata.verbs import new

if TYPE_CHECKING:
    from pathlib import Path

FORM = "is not a name of small letters, digits and single underscores that begins with a letter and has at most 40"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Web-Cache", rf"^'Web-Cache' {FORM} characters: did you mean 'web_cache'\?$"),
        ("2fast", rf"^'2fast' {FORM} characters: did you mean 'fast'\?$"),
        ("web__cache_", rf"^'web__cache_' {FORM} characters: did you mean 'web_cache'\?$"),
        ("../web", r"did you mean 'web'\?$"),
        ("a" * 41, rf"did you mean '{'a' * 40}'\?$"),
        ("42", rf"^'42' {FORM} characters$"),
        ("lint", "^lint means something else to Ansible or to the tests: choose another name$"),
        ("no", "^no means something else"),
        ("ci_cache", "^ci_cache would be a ci role, and this makes service roles: choose a name such as cache$"),
    ],
)
def test_names_that_no_role_can_have(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        create.role(tmp_path, name)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("name", "package", "said"),
    [
        ("Cache-Settings", None, r"^'Cache-Settings' .*: did you mean 'cache_settings'\?$"),
        ("cache_settings", "Cache", r"^'Cache' .*: did you mean 'cache'\?$"),
        ("apt", None, "^apt is the name of one of ansible-core's modules or plugins: choose .* such as apt_settings$"),
        ("yaml", None, "^yaml is the name of a module of Python: choose another, such as yaml_settings$"),
        ("import", None, "^import is a word of Python: choose another name, such as import_settings$"),
        ("class_settings", None, "^class is a word of Python"),
    ],
)
def test_names_that_no_module_can_have(tmp_path: Path, name: str, package: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        create.module(tmp_path, name, package)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("there", ["roles/cache", "molecule/cache", "tests/testinfra/cache", "vendor/roles/cache"])
def test_a_role_takes_no_other_s_place(tmp_path: Path, there: str) -> None:
    (tmp_path / there).mkdir(parents=True)
    with pytest.raises(UsageError, match=rf"^{there} is there already: choose another name, or remove it$"):
        create.role(tmp_path, "cache")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("there", "advice"),
    [
        ("library/cache_settings.py", "choose another name"),
        ("action_plugins/cache_settings.py", "choose another name"),
        ("module_utils/strata/cache", "choose another package by --package"),
        ("module_utils/strata/cache.py", "choose another package by --package"),
        ("tests/unit/module_utils/cache", "choose another package by --package"),
    ],
)
def test_a_module_takes_no_other_s_place(tmp_path: Path, there: str, advice: str) -> None:
    (tmp_path / there).parent.mkdir(parents=True)
    (tmp_path / there).symlink_to("nowhere")
    with pytest.raises(UsageError, match=rf"^{there} is there already: {advice}, or remove it$"):
        create.module(tmp_path, "cache_settings")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_cannot_be_written_whole_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "tests").write_text("a file where a folder should be")
    with pytest.raises(StrataError, match=r"^the role cannot be written: .*tests/testinfra"):
        create.role(tmp_path, "cache")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "tests"]


def test_an_interrupted_module_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(root: Path) -> None:
        assert (root / "library/cache_settings.py").is_file()
        raise KeyboardInterrupt

    monkeypatch.setattr(architecture, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        create.module(tmp_path, "cache_settings")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("arguments", "first", "step"),
    [
        (["role", "cache"], "roles/cache", "bin/strata test cache lint"),
        (["module", "web_cache"], "library/web_cache.py", "module_utils/strata/web/plan.py: "),
        (
            ["module", "web_cache", "--package", "caches"],
            "library/web_cache.py",
            "module_utils/strata/caches/plan.py: ",
        ),
    ],
)
def test_what_to_do_next_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], first: str, step: str
) -> None:
    monkeypatch.setattr(new, "ROOT", tmp_path)
    done = CliRunner().invoke(new.command, arguments, catch_exceptions=False)
    assert done.output.startswith(f"wrote {tmp_path / first}\n")
    assert f"\n  {step}" in done.output
    assert "$" not in done.output
