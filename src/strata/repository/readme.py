"""Pages made from the files in the roles' meta and from their defaults/main.yml: READMEs, contributions."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from strata.repository.roles import TAKEN_AWAY, Option, Role, load_roles
from strata.repository.source import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

README = "README.md"
CONTRIBUTIONS = "docs/contributions.md"
MARKER = "<!-- Generated from the files in meta and from defaults/main.yml: edit those. -->"
OVERVIEW = """\
<!-- Generated from the roles' meta/argument_specs.yml and defaults/main.yml: edit those. -->

# Contributions

A role that needs something of another one, an open port for example, says so in a list `<role>__<parameter>` in its own
defaults. The role that collects the parameter merges it with what all roles of the host contribute, and names the
contributor in its messages."""
LONG = 60
#: What stands in parentheses, with pairs of them inside; where they make no pairs, up to the first that closes.
INSIDE = r"\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*|[^)]*)\)"
MARKUP = (
    (re.compile(rf"\b(?:C|O|V|E|RV){INSIDE}"), r"`\1`"),
    (re.compile(r"\bU\(([^)]*)\)"), r"\1"),
    (re.compile(r"\bL\(([^,)]*),\s*([^)]*)\)"), r"[\1](\2)"),
)
EXAMPLE = """\
```yaml
- name: Servers
  hosts: servers
  pre_tasks:
    - name: Preflight
      {prefix}preflight:
      tags: always
  roles:
    - {prefix}{name}
```"""


def render(role: Role) -> str:
    """Return the text of the role's README. Raises BrokenFileError."""
    paragraphs = [text for text in role.description if not text.startswith(TAKEN_AWAY)]
    left = [text.removeprefix(TAKEN_AWAY).strip() for text in role.description if text.startswith(TAKEN_AWAY)]
    parts = [
        MARKER,
        f"# {role.name}",
        _prose(str(role.spec.get("short_description", ""))),
        f"Version {role.version}",
        *map(_prose, paragraphs),
        *_parameters(role),
        *_contributions(role),
        *_section("Depends on", _bullets(_link(role, name) for name in role.dependency_names)),
        *_section("When the role is taken away", [_prose(text[:1].upper() + text[1:]) for text in left]),
        *_section("Example", [*_variables(role), example(role.name)]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def example(role: str, collection: str = "") -> str:
    """Return a play of a role as Markdown, with the names that it has in a collection, if that is given."""
    return EXAMPLE.format(name=role, prefix=f"{collection}." if collection else "")


def overview(roles: Mapping[str, Role]) -> str:
    """Return the text of the page about contributions: who collects what, and who adds to it."""
    parts = [OVERVIEW]
    for role in roles.values():
        options = [option for name, option in role.options.items() if name in role.collects]
        rows = [
            f"| `{option.name}` | {_kind(option)} | {_enumeration(_contributors(roles, option.name))} "
            f"| {_cell(option.description)} |"
            for option in options
        ]
        parts += _section(f"[{role.name}](../roles/{role.name}/README.md)", _table("Parameter", rows, "Added to by"))
    return "\n\n".join(parts) + "\n"


def pages(root: Path, roles: Mapping[str, Role]) -> dict[Path, str]:
    """Return the text of each page of the repository at `root` by its path. Raises BrokenFileError."""
    return {role.path / README: render(role) for role in roles.values()} | {root / CONTRIBUTIONS: overview(roles)}


def write(root: Path) -> list[Path]:
    """Rewrite the pages that are not what the roles say, or are missing, and return them. Raises BrokenFileError."""
    made = pages(root, load_roles(root))
    stale = {path: text for path, text in made.items() if not path.is_file() or path.read_text() != text}
    for path, text in stale.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(stale)


def _variables(role: Role) -> list[str]:
    """Return what the role's example sets, as an inventory does."""
    if not role.example:
        return []
    return ["In the inventory:", f"```yaml\n{_yaml(role.example, flow=False)}\n```", "In the playbook:"]


def _parameters(role: Role) -> list[str]:
    options = [option for name, option in role.options.items() if name not in role.contributions]
    return _section("Parameters", _options(role, "Parameter", options))


def _options(role: Role, first: str, options: list[Option]) -> list[str]:
    values = [(option, role.defaults.get(option.name)) for option in options]
    rows = [_row(option, "*below*" if _is_long(option, value) else _default(option, value)) for option, value in values]
    return [*_table(first, rows), *(part for option, value in values for part in _details(option, value))]


def _details(option: Option, default: Any) -> Iterator[str]:
    """Yield what the table has no room for: a long default, and the keys of a parameter's items."""
    if _is_long(option, default):
        yield f"Default of `{option.name}`:"
        yield f"```yaml\n{_yaml({option.name: default}, flow=False)}\n```"
    yield from _keys(option, option.name)


def _keys(option: Option, path: str) -> Iterator[str]:
    if option.suboptions:
        rows = [_row(key, _default(key, key.spec.get("default"))) for key in option.suboptions.values()]
        yield f"### {'Items' if option.spec.get('type') == 'list' else 'Keys'} of `{path}`"
        yield from _table("Key", rows)
    for key in option.suboptions.values():
        yield from _keys(key, f"{path}.{key.name}")


def _contributions(role: Role) -> list[str]:
    collects = [f"`{name}`" for name in role.options if name in role.collects]
    collecting = f"Other roles add to {_enumeration(collects)}, each by a list `<role>__<parameter>` in its defaults."
    gives = [role.options[name] for name in role.contributions if name in role.options]
    return _section("Contributions", [*([collecting] if collects else []), *_options(role, "Contribution", gives)])


def _row(option: Option, default: str) -> str:
    choices = option.spec.get("choices") or []
    text = option.description + (f" One of {_enumeration([_code(choice) for choice in choices])}." if choices else "")
    return f"| `{option.name}` | {_kind(option)} | {default} | {_cell(text)} |"


def _kind(option: Option) -> str:
    return f"list of {option.spec['elements']}" if "elements" in option.spec else str(option.spec.get("type", "str"))


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|")


def _contributors(roles: Mapping[str, Role], parameter: str) -> list[str]:
    return [f"`{role.name}`" for role in roles.values() if parameter in role.contributions.values()]


def _default(option: Option, value: Any) -> str:
    if option.spec.get("required"):
        return "*required*"
    if value is None:
        return ""
    if _is_hidden(option, value):
        return "*not shown*"
    return _code(value).replace("|", "\\|")


def _is_hidden(option: Option, value: Any) -> bool:
    return bool(option.spec.get("no_log") or (value and option.secret))


def _is_long(option: Option, value: Any) -> bool:
    return not _is_hidden(option, value) and len(_code(value)) > LONG


def _code(value: Any) -> str:
    text = _yaml(plain([value]), flow=True).splitlines()[-1][1:-1]
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def _yaml(value: Any, *, flow: bool) -> str:
    yaml = YAML(typ="safe" if flow else "rt", pure=True)
    yaml.version = (1, 1)
    yaml.default_flow_style = flow
    yaml.width = 2**16
    yaml.indent(sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue().partition("---")[2].strip()


def _prose(text: str) -> str:
    """Return a text in Ansible's markup as Markdown; outside of `code` nothing is taken for HTML or emphasis."""
    for pattern, markdown in MARKUP:
        text = pattern.sub(markdown, text)
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else re.sub(r"[<*]", r"\\\g<0>", piece) for piece in pieces)


def _section(title: str, parts: list[str]) -> list[str]:
    return [f"## {title}", *parts] if parts else []


def _table(first: str, rows: list[str], third: str = "Default") -> list[str]:
    return ["\n".join([f"| {first} | Type | {third} | Description |", "|---|---|---|---|", *rows])] if rows else []


def _bullets(entries: Iterable[str]) -> list[str]:
    text = "\n".join(f"- {entry}" for entry in entries)
    return [text] if text else []


def _enumeration(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _link(role: Role, name: str) -> str:
    link = f"[{name}](../{name}/README.md)" if (role.path.parent / name).is_dir() else f"`{name}`"
    return f"{link} {role.requires.get(name) or ''}".strip()
