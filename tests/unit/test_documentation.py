"""What modules and plugins say of themselves is what their code has, what roles give them, what ansible-doc shows."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from jinja2 import Environment, nodes

from strata.paths import BIN, ROOT
from strata.repository.roles import load_roles
from strata.repository.tasks import role_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from strata.repository.roles import Role

Options = dict[str, dict[str, Any]]

#: How an option's description ends that the user gives and the module never sees, or that only the action plugin gives.
TAKEN, GIVEN = "Taken by the action plugin.", "Given by the action plugin."

MODULES = sorted(path.stem for path in (ROOT / "library").glob("*.py"))
#: Of each kind that ansible-doc knows, the plugins.
PLUGINS = {
    kind: sorted(path.stem for path in (ROOT / f"{kind}_plugins").glob("*.py"))
    for kind in ("callback", "filter", "lookup", "test", "vars")
}
FILES = [ROOT / "library" / f"{name}.py" for name in MODULES] + [
    ROOT / f"{kind}_plugins" / f"{name}.py" for kind, names in PLUGINS.items() for name in names
]
FILES += [path for path in sorted((ROOT / "action_plugins").glob("*.py")) if "\nDOCUMENTATION" in path.read_text()]
#: The kinds without examples and results: nobody calls them.
UNCALLED = ("callback_plugins", "vars_plugins")

KINDS = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict}
FIELDS = {"type": "str", "elements": None, "required": False, "default": None, "choices": None, "aliases": None}

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
each_module = pytest.mark.parametrize("name", MODULES)
each_called = pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in ("filter", "lookup", "test") for name in PLUGINS[kind]]
)


def said(path: Path) -> dict[str, Any]:
    """Return DOCUMENTATION, EXAMPLES and RETURN of a file, as far as it has them."""
    assigned = {
        target.id: node.value
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    names = [name for name in ("DOCUMENTATION", "EXAMPLES", "RETURN") if name in assigned]
    return {name: yaml.safe_load(ast.literal_eval(assigned[name])) for name in names}


def options_of(path: Path) -> Options:
    return said(path)["DOCUMENTATION"].get("options") or {}


def module_options(name: str) -> Options:
    return options_of(ROOT / "library" / f"{name}.py")


def text(thing: dict[str, Any]) -> str:
    lines = thing["description"]
    return lines if isinstance(lines, str) else " ".join(lines)


def without(options: Options, ending: str) -> Options:
    """Return options without those that end so, at all levels."""
    return {
        name: {**option, "suboptions": without(option.get("suboptions") or {}, ending)}
        for name, option in options.items()
        if not text(option).endswith(ending)
    }


def shape(options: Options, below: str, above: str = "") -> dict[str, dict[str, Any]]:
    """Return what a specification and its documentation must agree on; `below` is the key of options in options."""
    found = {}
    for name, option in options.items():
        fields = {key: option.get(key, other) for key, other in FIELDS.items()}
        found[above + name] = fields | {"default": json.dumps(option.get("default"))}
        found |= shape(option.get(below) or {}, below, f"{above}{name}.")
    return found


def differences(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Return what is not the same in two shapes, a line for each field of each option."""
    lines = []
    for name in sorted({*one, *other}):
        if name not in one or name not in other:
            lines.append(f"{name} is only in the {'second' if name in other else 'first'}")
            continue
        fields = [field for field in FIELDS if one[name].get(field) != other[name].get(field)]
        lines += [f"{name}: {field}: {one[name].get(field)!r} and {other[name].get(field)!r}" for field in fields]
    return "\n".join(lines)


def everywhere(options: Options) -> Iterator[dict[str, Any]]:
    for option in options.values():
        yield option
        yield from everywhere(option.get("suboptions") or {})


@each_file
def test_each_part_is_there(path: Path) -> None:
    found = said(path)
    about = found["DOCUMENTATION"]
    assert about.get("module" if path.parent.name == "library" else "name") == path.stem
    assert all(about.get(key) for key in ("short_description", "description", "author"))
    for option in everywhere(about.get("options") or {}):
        assert text(option)
        assert option["type"]
    called = {"EXAMPLES", "RETURN"} if path.parent.name not in UNCALLED else set()
    assert set(found) - {"DOCUMENTATION"} == called
    for name, value in (found.get("RETURN") or {}).items():
        assert text(value), name
        assert isinstance(value.get("sample", KINDS.get(value["type"], object)()), KINDS.get(value["type"], object))
        assert value["type"] != "list" or value.get("elements"), name


@each_module
def test_a_module_has_the_options_that_are_documented(name: str) -> None:
    documented = without(module_options(name), TAKEN)
    specification = importlib.import_module(name).ARGUMENTS
    assert differences(shape(documented, "suboptions"), shape(specification, "options")) == ""


@each_module
def test_only_an_action_plugin_takes_and_gives_options(name: str) -> None:
    found = [text(option) for option in everywhere(module_options(name))]
    marked = [each for each in found if each.endswith((TAKEN, GIVEN))]
    assert [each for each in found if re.search("(?i)action plugin|control side (says|only)", each)] == marked
    assert not marked or (ROOT / "action_plugins" / f"{name}.py").exists()


@each_module
def test_an_action_plugin_validates_what_is_documented(name: str) -> None:
    path = ROOT / "action_plugins" / f"{name}.py"
    specification = loaded(path).ARGUMENTS if path.exists() and "\nARGUMENTS" in path.read_text() else {}
    documented = without(module_options(name), GIVEN)
    taken = {option for option, each in documented.items() if text(each).endswith(TAKEN)}
    assert not specification or taken <= set(specification)
    chosen = {option: documented[option] for option in specification}
    # A default may be left to the module, if the module sees the option.
    theirs = {
        option: ({} if option in taken else {"default": chosen[option].get("default")}) | each
        for option, each in specification.items()
    }
    assert differences(shape(chosen, "suboptions"), shape(theirs, "options")) == ""


def loaded(path: Path) -> Any:
    """Return the module of a plugin."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    plugin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plugin)
    return plugin


@each_module
def test_a_module_says_what_changed(name: str) -> None:
    results = said(ROOT / "library" / f"{name}.py")["RETURN"]
    assert (results["changes"]["type"], results["changes"]["elements"]) == ("list", "str")
    assert [key for key, value in results.items() if not value.get("returned")] == []


def validated(options: Options) -> Options:
    """Return documented options as a specification."""
    return {
        name: {
            **{key: value for key, value in option.items() if key in FIELDS},
            **({"options": validated(option["suboptions"])} if option.get("suboptions") else {}),
        }
        for name, option in options.items()
    }


@each_module
def test_examples_of_a_module_are_valid(name: str) -> None:
    users = validated(without(module_options(name), GIVEN))
    tasks = said(ROOT / "library" / f"{name}.py")["EXAMPLES"]
    assert tasks
    for task in tasks:
        assert task["name"]
        outcome = ArgumentSpecValidator(users).validate(task[name])
        assert outcome.error_messages == []


@each_called
def test_examples_of_a_plugin_call_it_with_its_options(kind: str, name: str) -> None:
    path = ROOT / f"{kind}_plugins" / f"{name}.py"
    tasks = said(path)["EXAMPLES"]
    assert all(task["name"] for task in tasks)
    calls = [keywords for task in tasks for value in texts(task) for keywords in called(value, kind, name)]
    assert calls
    assert {keyword for keywords in calls for keyword in keywords} <= set(options_of(path))


def texts(thing: Any) -> Iterator[str]:
    """Give all texts in a value."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, dict | list):
        for each in thing.values() if isinstance(thing, dict) else thing:
            yield from texts(each)


def called(template: str, kind: str, name: str) -> Iterator[list[str]]:
    """Give the names of the keywords of each call of a plugin in a template."""
    environment = Environment(autoescape=True)
    environment.filters[name] = environment.tests[name] = str
    tree = environment.parse(template)
    if kind != "lookup":
        found = tree.find_all(nodes.Filter if kind == "filter" else nodes.Test)
        yield from ([each.key for each in node.kwargs] for node in found if node.name == name)
        return
    for node in tree.find_all(nodes.Call):
        if getattr(node.node, "name", "") in {"lookup", "query", "q"} and node.args[0].as_const() == name:
            yield [each.key for each in node.kwargs]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in ("callback", "lookup", "vars") for name in PLUGINS[kind]]
)
def test_a_plugin_reads_the_options_that_are_documented(kind: str, name: str) -> None:
    path = ROOT / f"{kind}_plugins" / f"{name}.py"
    read = {
        ast.literal_eval(node.args[0])
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get_option"
    }
    assert set(options_of(path)) == read | ({"_terms"} if kind == "lookup" else set())


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in ("filter", "test") for name in PLUGINS[kind]])
def test_a_filter_or_test_takes_the_options_that_are_documented(kind: str, name: str) -> None:
    path = ROOT / f"{kind}_plugins" / f"{name}.py"
    plugin = loaded(path)
    functions = plugin.FilterModule().filters() if kind == "filter" else plugin.TestModule().tests()
    assert set(functions) == {name}
    (first, *others) = inspect.signature(functions[name]).parameters.values()
    empty = inspect.Parameter.empty
    taken = {"_input": first} | {each.name: each for each in others}
    # An empty list or dictionary is None there, as no default of Python's may be altered.
    assert {option: (each.default is empty, each.default) for option, each in taken.items()} == {
        option: (each.get("required", False), None if each.get("default") in ([], {}) else each.get("default", empty))
        for option, each in options_of(path).items()
    }


#: A parameter that is passed on as it is, or as it is collected.
PASSED = re.compile(r"\{\{ (?:(\w+)|lookup\('contributions', '(\w+)'(, origins=true)?\)(?: \+ \w+)?) \}\}")


def passed(
    arguments: dict[str, Any], options: Options, where: str
) -> Iterator[tuple[str, dict[str, Any], re.Match[str]]]:
    """Give the parameters that a task passes on: where to, the option, and how."""
    for name, value in arguments.items():
        if isinstance(value, str) and (match := PASSED.fullmatch(value)):
            yield f"{where}.{name}", options[name], match
        below = options[name].get("suboptions")
        for each in value if isinstance(value, list) else [value]:
            if below and isinstance(each, dict):
                yield from passed(each, below, f"{where}.{name}")


def users() -> Iterator[Any]:
    """Give the roles and the modules that their tasks call."""
    for role in load_roles(ROOT).values():
        for name in sorted({key for _, task in role_tasks(role) for key in task if key in MODULES}):
            yield pytest.param(role, name, id=f"{role.name}-{name}")


@pytest.mark.parametrize(("role", "name"), list(users()))
def test_a_parameter_is_what_the_option_that_it_is_passed_on_to_is(role: Role, name: str) -> None:
    specification = yaml.safe_load((role.path / "meta/argument_specs.yml").read_text())
    parameters = specification["argument_specs"]["main"].get("options") or {}
    options = without(module_options(name), GIVEN)
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    for task in [task for _, task in role_tasks(role) if name in task]:
        for where, option, match in passed(task[name], options, name):
            parameter = parameters.get(match[1] or match[2])
            if parameter is None:
                continue
            if match[3] and option["elements"] == "dict":  # such as {value: 22, origin: iptables_public_tcp_ports}
                option = {**option, "elements": option["suboptions"]["value"]["type"], "suboptions": {}}  # noqa: PLW2901
            ours |= agreed(where, parameter, "options", parameter)
            theirs |= agreed(where, option, "suboptions", parameter)
    assert differences(ours, theirs) == ""


def agreed(where: str, option: dict[str, Any], below: str, parameter: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what a role's parameter and a module's option must agree on: the role has a default of its own.

    Elements that the module takes as they come are the role's to choose. What is collected gets an origin, and may name
    a template instead of its content.
    """
    elements = option.get("elements")
    elements = parameter.get("elements") if elements == "raw" else elements
    itself = {where: {"type": option.get("type", "str"), "elements": elements, "choices": option.get("choices")}}
    others = shape(option.get(below) or {}, below, f"{where}.")
    added = (".origin", ".template")
    return itself | {name: each for name, each in others.items() if not name.endswith(added)}


@pytest.mark.parametrize(("kind", "names"), [("module", MODULES), *PLUGINS.items()], ids=["module", *PLUGINS])
def test_ansible_doc_shows_it(kind: str, names: list[str]) -> None:
    command = [BIN / "ansible-doc", "--json", "-t", kind, *names]
    settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_LIBRARY": str(ROOT / "library")}
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert {name: shown[name]["doc"].get("short_description") for name in shown} == {
        name: said(path)["DOCUMENTATION"]["short_description"]
        for path in FILES
        for name in names
        if path.stem == name and path.parent.name == ("library" if kind == "module" else f"{kind}_plugins")
    }
