import pytest

from strata import rules
from strata.repository.source import BrokenFileError, Source
from strata.rules import files

from ..sample import Checkout

MODULE = '"""A module."""\n'


#: Ten lines that stand for 10 ** 9 values: by aliases, and by the merge keys of YAML 1.1.
BY_ALIASES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
BY_MERGE_KEYS = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 10)
)


@pytest.mark.parametrize("text", [BY_ALIASES, BY_MERGE_KEYS])
@pytest.mark.parametrize("path", ["roles/httpd/defaults/main.yml", "inventories/production/hosts.yaml", "site.yml"])
def test_a_file_that_grows_is_refused_before_anything_else_reads_it(checkout: Checkout, path: str, text: str) -> None:
    checkout.write(path, text)
    found = [str(violation) for violation in rules.check(checkout.root)]
    assert found == [f"{path}:5: its aliases repeat more than 10000 values: write some out"]
    with pytest.raises(BrokenFileError, match="its aliases repeat more than 10000 values"):
        Source(checkout.root, checkout.root / path).load()


def test_a_file_that_is_nested_too_deeply(checkout: Checkout) -> None:
    checkout.write("roles/httpd/defaults/main.yml", "a: " + "[" * 10000 + "]" * 10000 + "\n")
    [found] = rules.check(checkout.root)
    assert str(found) == "roles/httpd/defaults/main.yml:1: is nested in more than 50 levels"
    with pytest.raises(BrokenFileError, match="is nested too deeply"):
        Source(checkout.root, checkout.root / "roles/httpd/defaults/main.yml").load()


def test_aliases_of_a_usual_size_may_be_used(checkout: Checkout) -> None:
    checkout.write("roles/httpd/defaults/main.yml", "httpd_a: &a {b: 1}\nhttpd_c: *a\nhttpd_d: {<<: *a, e: 2}\n")
    source = Source(checkout.root, checkout.root / "roles/httpd/defaults/main.yml")
    assert source.mapping()["httpd_c"] == {"b": 1}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: [1\n", 3, "is not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\na: 2\n", 2, 'is not valid YAML: found duplicate key "a" with value "2" (original value: "1")'),
        ("a: 1\nb: \x07\n", 2, "is not valid YAML: special characters are not allowed"),
    ],
)
def test_broken_file_is_one_sentence_for_all_rules(checkout: Checkout, text: str, line: int, message: str) -> None:
    checkout.write("roles/httpd/defaults/main.yml", text)
    found = [str(violation) for violation in rules.check(checkout.root)]
    assert found == [f"roles/httpd/defaults/main.yml:{line}: {message}"]


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("site.yml", "hosts: all\n", "site.yml:1: the file must be a list, not dict"),
        ("site.yml", "- all\n", "site.yml:1: a play must be a mapping, not str"),
        ("roles/apt/vars/main.yml", "- a\n", "roles/apt/vars/main.yml:1: the file must be a mapping, not list"),
        ("roles/apt/tasks/main.yml", "- a\n", "roles/apt/tasks/main.yml:1: a task must be a mapping, not str"),
        (
            "roles/apt/meta/main.yml",
            "x: 1\ndependencies: b\n",
            "roles/apt/meta/main.yml:2: dependencies must be a list, not str",
        ),
    ],
)
def test_file_of_another_shape_is_one_sentence(checkout: Checkout, path: str, text: str, message: str) -> None:
    checkout.write(path, text)
    assert message in [str(violation) for violation in rules.check(checkout.root)]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tasks/more.yaml", "files in tasks/ end in .yml"),
        ("vars/Debian.yml", "the only file in vars/ is main.yml"),
        ("defaults/main/more.yml", "the only file in defaults/ is main.yml"),
    ],
)
def test_files_stand_where_the_rules_see_them(checkout: Checkout, path: str, message: str) -> None:
    checkout.write(f"roles/httpd/{path}", "")
    assert checkout.broken(files.files_are_readable) == [f"roles/httpd/{path}:1: {message}"]


@pytest.mark.parametrize("file", ["molecule.yml", "budget"])
def test_role_has_a_scenario(checkout: Checkout, file: str) -> None:
    (checkout.root / "molecule/httpd" / file).unlink()
    assert checkout.broken(files.roles_have_a_scenario) == [
        f"molecule/httpd/{file}:1: the scenario of httpd has no {file}"
    ]


def test_scenarios_share_a_play(checkout: Checkout) -> None:
    play = checkout.root / "molecule/shared/converge.yml"
    play.unlink()
    message = "molecule/shared/converge.yml:1: is missing: scenarios without a play of their own run it"
    assert checkout.broken(files.roles_have_a_scenario) == [message]


def test_play_of_a_scenario_is_named(checkout: Checkout) -> None:
    checkout.write("molecule/httpd/converge.yml", "")
    assert checkout.broken(files.roles_have_a_scenario) == [
        (
            "molecule/httpd/converge.yml:1: is never run: molecule.yml does not name it; "
            "without it, molecule/shared/converge.yml runs"
        )
    ]
    checkout.write("molecule/httpd/molecule.yml", "provisioner:\n  playbooks:\n    converge: converge.yml\n")
    assert checkout.broken(files.roles_have_a_scenario) == []


@pytest.mark.parametrize("budget", ["", "many\n", "-1\n", "3 4\n"])
def test_budget_is_a_number(checkout: Checkout, budget: str) -> None:
    checkout.write("molecule/httpd/budget", budget)
    message = "molecule/httpd/budget:1: the budget is one integer: the remote calls of a run with nothing to do"
    assert checkout.broken(files.roles_have_a_scenario) == [message]


def test_role_has_tests(checkout: Checkout) -> None:
    checkout.write("tests/testinfra/httpd/test_httpd.py", "# def test_nothing\n")
    message = "tests/testinfra/httpd:1: httpd has no test: no `def test_` in test_*.py"
    assert checkout.broken(files.roles_have_tests) == [message]


def test_readme_is_current(checkout: Checkout) -> None:
    checkout.replace("roles/httpd/meta/argument_specs.yml", "What it does.", "What it did.")
    message = "roles/httpd/README.md:1: is not what the roles' files say: bin/strata lint --fix writes it anew"
    assert checkout.broken(files.generated_pages_are_current) == [message]


@pytest.mark.parametrize("page", ["roles/httpd/README.md", "docs/contributions.md"])
def test_generated_pages_are_there(checkout: Checkout, page: str) -> None:
    (checkout.root / page).unlink()
    message = f"{page}:1: is missing: bin/strata lint --fix writes it"
    assert checkout.broken(files.generated_pages_are_current) == [message]


@pytest.mark.parametrize(
    "path",
    [
        "library/apt.py",
        "library/template.py",  # an action plugin too
        "action_plugins/command.py",
        "filter_plugins/b64decode.py",
        "lookup_plugins/fileglob.py",
        "roles/httpd/library/service.py",
    ],
)
def test_plugins_shadow_no_builtin(checkout: Checkout, path: str) -> None:
    checkout.write(path, MODULE)
    name = path.rpartition("/")[2].removesuffix(".py")
    message = f"{path}:1: {name} is the name of one of ansible-core's modules or plugins"
    assert checkout.broken(files.plugins_shadow_no_builtin) == [message]


def test_names_of_our_own(checkout: Checkout) -> None:
    checkout.write("library/apt_transaction.py", MODULE)
    checkout.write("lookup_plugins/__init__.py", "")
    assert checkout.broken(files.plugins_shadow_no_builtin) == []


def test_modules_are_small(checkout: Checkout) -> None:
    checkout.write("library/large.py", MODULE * 401)
    checkout.write("library/small.py", MODULE * 400)
    message = "library/large.py:401: the module has 401 lines, more than 400: move code to module_utils"
    assert checkout.broken(files.modules_are_small) == [message]
