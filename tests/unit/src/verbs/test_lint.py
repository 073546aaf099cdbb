"""`strata lint` of single checks and single files."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from strata.cli import cli
from strata.errors import UsageError
from strata.suite.checks import Check, checks
from strata.verbs import lint as verb

FILE = "src/strata/errors.py"


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have two checks: one of single files, which finds all wrong, and one of the whole, which finds nothing."""
    found = [
        Check("files", lambda paths: "\n".join(f"{path}: wrong" for path in paths or ["all"]), reads=r".+\.py"),
        Check("whole", lambda _: "", whole=r"src/.+"),
    ]
    monkeypatch.setattr(verb, "checks", lambda: iter(found))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["lint", *arguments])


@pytest.mark.parametrize(
    ("arguments", "output", "code"),
    [
        ([], "failed  files\nall: wrong\nok      whole\n", 1),
        (["--only=whole"], "ok      whole\n", 0),
        ([FILE], f"failed  files\n{FILE}: wrong\nok      whole\n", 1),
        (["--only=whole", FILE], "ok      whole\n", 0),
        (["LICENSE"], "", 0),
    ],
)
def test_what_is_checked(arguments: list[str], output: str, code: int) -> None:
    result = run(*arguments)
    assert (result.output, result.exit_code) == (output, code)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only=hole"], "there is no check 'hole': did you mean 'whole'?: choose from files, whole"),
        (["none.py"], "none.py: there is no such file below "),
    ],
)
def test_what_is_not_there(arguments: list[str], message: str) -> None:
    error = run(*arguments).exception
    assert isinstance(error, UsageError)
    assert str(error).startswith(message)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("docs/data.md", "secrets"),
        ("roles/httpd/README.md", "secrets, layer rules"),
        ("roles/httpd/defaults/main.yml", "yamllint, secrets, layer rules, example: preflight, ansible-lint"),
        ("library/apache_server.py", "ruff check, ruff format, secrets, layer rules, mypy, example: preflight"),
        ("modules.env", "secrets, layer rules, modules"),
        (".ci/run", "shellcheck, secrets, layer rules"),
    ],
)
def test_what_the_change_of_a_file_concerns(path: str, names: str) -> None:
    concerned = [check.name for check in checks() if check.concerned([path], [path]) is not None]
    assert ", ".join(name for name in concerned if name != "example: list of tasks") == names
