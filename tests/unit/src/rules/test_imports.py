import pytest

from strata import rules
from strata.rules.imports import LAYERS, drawing, imports_run_downward

from ..sample import Checkout


@pytest.mark.parametrize(
    ("path", "text", "lower"),
    [
        ("repository/checkout.py", "from strata.rules import tasks\n", "rules"),
        ("repository/checkout.py", "from strata import rules\n", "rules"),
        ("repository/checkout.py", "import strata.rules.tasks\n", "rules"),
        ("repository/checkout.py", "from ..rules import tasks\n", "rules"),
        ("repository/checkout.py", "from .. import rules\n", "rules"),
        ("repository/checkout.py", "def use(): from strata.rules import tasks\n", "rules"),
        ("repository/checkout.py", "if TYPE_CHECKING: from strata.rules import tasks\n", "rules"),
        ("repository/deep/down.py", "from ... import rules\n", "rules"),
        ("repository/__init__.py", "from ..cli import main\n", "cli"),
        ("paths.py", "from strata.errors import StrataError\n", "errors"),
    ],
)
def test_imports_run_downward(checkout: Checkout, path: str, text: str, lower: str) -> None:
    for part in ("cli.py", "repository/__init__.py", "rules/__init__.py", "errors.py"):
        checkout.write(f"src/strata/{part}", "")
    checkout.write(f"src/strata/{path}", text)
    upper = path.partition("/")[0].removesuffix(".py")
    message = f"src/strata/{path}:1: {upper} must not import {lower}, which does not stand below it in {LAYERS}"
    assert checkout.broken(imports_run_downward) == [message]


def test_subjects_do_not_import_each_other(checkout: Checkout) -> None:
    checkout.write(
        "module_utils/strata/gerrit/projects/run.py", "from ansible.module_utils.strata.gerrit import plan\n"
    )
    checkout.write("module_utils/strata/gerrit/plan.py", "")
    checkout.write("module_utils/strata/apt/run.py", "\nfrom ansible.module_utils.strata.gerrit import plan\n")
    message = f"module_utils/strata/apt/run.py:2: apt must not import gerrit, which does not stand below it in {LAYERS}"
    assert checkout.broken(imports_run_downward) == [message]


@pytest.mark.parametrize("path", ["src/strata/new/run.py", "src/strata/new.py", "module_utils/strata/new.py"])
def test_every_part_has_a_layer(checkout: Checkout, path: str) -> None:
    checkout.write(path, "")
    checkout.write("module_utils/strata/subject/run.py", "")
    message = f"{path.partition('new')[0]}new:1: new has no layer in {LAYERS}"
    assert checkout.broken(imports_run_downward) == [message]


def test_the_package_itself_imports_nothing(checkout: Checkout) -> None:
    checkout.write("src/strata/__init__.py", "from strata import errors\n")
    checkout.write("src/strata/errors.py", "")
    message = f"src/strata/__init__.py:1: __init__ must not import errors, which does not stand below it in {LAYERS}"
    assert checkout.broken(imports_run_downward) == [message]


def test_broken_file_is_one_sentence(checkout: Checkout) -> None:
    checkout.write("src/strata/cli.py", "\nfrom import\n")
    found = [str(violation) for violation in rules.check(checkout.root)]
    assert found == ["src/strata/cli.py:2: is not valid Python: invalid syntax"]


def test_drawing_shows_what_each_part_imports(checkout: Checkout) -> None:
    checkout.write("src/strata/cli.py", "from strata import errors, paths\nfrom strata.verbs import up\n")
    checkout.write("src/strata/verbs/up.py", "from strata.errors import StrataError\n")
    checkout.write("src/strata/errors.py", "import json\n")
    checkout.write("module_utils/strata/apt/run.py", "from ansible.module_utils.strata import files\n")
    checkout.write("module_utils/strata/files.py", "")
    assert (
        drawing(checkout.root)
        == """\
src/strata
  cli -> errors paths verbs
  verbs -> errors
  errors
module_utils/strata
  apt -> files
  files"""
    )
