"""Tables: which one counts, and what is wrong in one, with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader, lookup_loader

ROOT = Path(__file__).parents[3]

filter_loader.add_directory(str(ROOT / "filter_plugins"))
lookup_loader.add_directory(str(ROOT / "lookup_plugins"))


@pytest.fixture
def look(tmp_path: Path) -> Any:
    """Return what looks keys up in tables of a folder; each table is given as name and text."""

    def run(tables: dict[str, str], *keys: str, **options: Any) -> list[Any]:
        for name, text in tables.items():
            (tmp_path / name).write_text(text)
        lookup = lookup_loader.get("table", loader=DataLoader())
        return lookup.run(
            list(keys), {}, files=[str(tmp_path / name) for name in options.pop("files", tables)], **options
        )

    return run


def test_one_value_is_a_text_and_several_are_a_list(look: Any) -> None:
    text = '# who, what\none,1\n\nmany, 2,3 ,"4, with ""comma"""\nlong,"a\nb"\nempty,\n'
    assert look({"a.csv": text}, "one", "many", "long", "empty") == ["1", ["2", "3 ", '4, with "comma"'], "a\nb", ""]


def test_values_of_yaml_have_their_types(look: Any) -> None:
    assert look({"a.yml": "one: 1\nmany: [a, {b: c}]\n2: two\n"}, "one", "many", "2") == [1, ["a", {"b": "c"}], "two"]


def test_the_first_table_that_has_the_key_counts(look: Any) -> None:
    tables = {"host.csv": "a,host\n", "all.yml": "a: all\nb: all\n"}
    assert look(tables, "a", "b") == ["host", "all"]
    assert look(tables, "a", files=["gone.csv", "all.yml"]) == ["all"]


def test_what_stands_in_a_table_is_no_template(look: Any) -> None:
    assert look({"a.csv": "a,{{ 1 + 1 }}\n"}, "a") == ["{{ 1 + 1 }}"]


def test_a_key_that_is_nowhere(look: Any) -> None:
    with pytest.raises(AnsibleLookupError, match=r"'vlaue' is in none of the tables .*a.csv: did you mean 'value'\?"):
        look({"a.csv": "value,1\n"}, "vlaue")
    assert look({"a.csv": "value,1\n"}, "vlaue", default=[]) == [[]]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "a,1\nb\n", r"a.csv:2: a line is a key, a comma and one or more values"),
        ("a.csv", "a,1\n ,1\n", r"a.csv:2: a line is a key"),
        ("a.csv", "# a\na,1\nb,1\na,2\n", r"a.csv:4: 'a' stands in line 2 already"),
        ("a.csv", 'a,"1\n2"\nb,"x" y\n', r"a.csv:3: .* expected after"),
        ("a.csv", 'a,1\nb,"x\n', r"a.csv:2: unexpected end of data"),
        ("a.yml", "- a\n", r"a.yml:1: a table is a mapping, not list"),
        ("a.yml", "a: 1\nb: {c: d\ne: f\n", r"a.yml:3: .*"),
        ("a.txt", "a,1\n", r"a.txt: a table ends in .csv, .yml or .yaml"),
    ],
)
def test_what_is_wrong_in_a_table(look: Any, name: str, text: str, said: str) -> None:
    with pytest.raises(AnsibleLookupError, match=said):
        look({name: text}, "z")


def test_a_table_that_is_not_there(look: Any) -> None:
    with pytest.raises(AnsibleLookupError, match=r"there is no table .*gone.csv"):
        look({"a.csv": "a,1\n"}, "a", files=["a.csv", "gone.csv"])
