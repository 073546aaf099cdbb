"""`strata explain`."""

import json
from pathlib import Path

import click
import yaml

from strata.sandbox.declared import SOURCE
from strata.tables import show
from strata.variables.explain import Explanation, explain, simple
from strata.variables.site import Site
from strata.variables.values import Value

#: A longer value is cut in the table of all variables.
WIDTH = 60
WIDTH_OF_YAML = 100


@click.command()
@click.argument("host")
@click.argument("variable", required=False)
@click.option(
    "--inventory",
    "-i",
    type=click.Path(path_type=Path, resolve_path=True),
    default=SOURCE,
    help="By default the sandbox's.",
)
@click.option("--extra-vars", "-e", multiple=True, metavar="NAME=VALUE", help="As ansible-playbook's option.")
@click.option("--reveal", is_flag=True, help="Show secrets.")
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
def command(
    host: str, variable: str | None, inventory: Path, extra_vars: tuple[str, ...], reveal: bool, json_wanted: bool
) -> None:
    """Show where the variables of HOST, or only VARIABLE, get their values from.

    Facts are those of the last run that saw the host.
    """
    node = Site(inventory, extra_vars).node(host)
    found = explain(node, [variable] if variable else None, reveal=reveal)
    if json_wanted:
        variables = {each.name: each.as_json() for each in found}
        click.echo(json.dumps({"host": host, "play": node.play.get_name(), "variables": variables}, indent=1))
    elif variable:
        click.echo("\n".join(_lines(host, found[0])))
    else:
        show(
            ("variable", "value", "set in", "by"),
            ((each.name, _short(each.value), each.places[-1], each.places[-1].by) for each in found),
        )


def _lines(host: str, each: Explanation) -> list[str]:
    lines = [f"{each.name} of {host}:", *_indented(each.value)]
    if each.places:
        lines.append(f"set in ({'the last one wins: ' if len(each.places) > 1 else ''}{each.why})")
        for place, written in zip(each.places, each.written, strict=True):
            lines.append(f"  {place}: {place.by}")
            if len(each.places) > 1 or simple(written) != simple(each.value.value):
                lines += [f"    {line}" for line in _indented(Value(written))]
    if each.merged is not None:
        lines += ["merged with what roles contribute:", *_indented(each.merged), "of these parts"]
        for part in each.parts:
            lines.append(f"  {part.place}: {part.variable}{f' of the role {part.role}' if part.role else ''}")
            lines += [f"    {line}" for line in _indented(part.value)]
    lines.append("read in" if each.uses else "nothing of the host's play reads it by name")
    return lines + [f"  {use}" for use in each.uses]


def _indented(value: Value) -> list[str]:
    return [f"  {line}" for line in _text(value).splitlines()]


def _text(value: Value) -> str:
    """Return a value as YAML, but a template as it is, without YAML's quotes."""
    if value.error:
        return f"cannot be evaluated: {value.error}"
    shown = simple(value.value)
    if isinstance(shown, str) and "{{" in shown:
        return shown
    return str(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=WIDTH_OF_YAML)).removesuffix("...\n")


def _short(value: Value) -> str:
    text = f"cannot be evaluated: {value.error}" if value.error else json.dumps(simple(value.value), ensure_ascii=False)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."
