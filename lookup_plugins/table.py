"""Lookup plugin: the value of a key in tables, of which the first that has the key counts."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING, Any

from ansible._internal._datatag._tags import Origin
from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.module_utils.datatag import native_type_name
from ansible.plugins.loader import filter_loader
from ansible.plugins.lookup import LookupBase

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = """
name: table
author: Strata contributors
short_description: The value of a key in tables, of which the first that has the key counts
description:
  - A CSV file has a line C(key,value) or C(key,value,value) for each key; empty lines and those that begin with C(#)
    are left out. One value is given as a text, several are given as a list of texts.
  - A YAML file has a mapping from keys to values of any type.
  - What stands in a table is data, and never taken for a template.
options:
  _terms:
    description: The keys; each gives one value.
    type: list
    elements: str
    required: true
  files:
    description: The tables, those that win first, C(.csv), C(.yml) or C(.yaml). Any but the last may be absent.
    type: list
    elements: path
    required: true
  default:
    description: The value of a key that no table has. Without it that is an error.
    type: raw
"""

EXAMPLES = """
- name: Configure the exports
  ansible.builtin.copy:
    content: "{{ lookup('table', 'exports', files=['tables/' ~ inventory_hostname ~ '.csv', 'tables/all.csv']) }}"
    dest: /etc/exports
    mode: "0644"
"""

RETURN = """
_list:
  description: A value for each key.
  type: list
  elements: raw
"""

Table = dict[str, Any]


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """Return the value of each key."""
        self.set_options(var_options=variables, direct=kwargs)
        tables = list(self._tables(variables or {}))
        return [self._value(str(term), tables) for term in terms]

    def _tables(self, variables: dict[str, Any]) -> Iterator[Table]:
        files = self.get_option("files")
        for at, file in enumerate(files):
            path = self.find_file_in_search_path(variables, "files", file, ignore_missing=True)
            if path:
                yield self._read(path)
            elif at == len(files) - 1:
                raise AnsibleLookupError(f"there is no table {file}")

    def _read(self, path: str) -> Table:
        ending = os.path.splitext(path)[1]
        if ending == ".csv":
            return read_csv(self._loader.get_text_file_contents(path), path)
        if ending not in {".yml", ".yaml"}:
            raise AnsibleLookupError(f"{path}: a table ends in .csv, .yml or .yaml")
        try:
            values = self._loader.load_from_file(path)
        except AnsibleError as error:
            origin = error.obj if isinstance(error.obj, Origin) else Origin.get_tag(error.obj)
            raise AnsibleLookupError(f"{path}:{origin.line_num if origin else 1}: {error.message}") from None
        if values is not None and not isinstance(values, dict):
            raise AnsibleLookupError(f"{path}:1: a table is a mapping, not {native_type_name(values)}")
        return {str(key): value for key, value in (values or {}).items()}

    def _value(self, key: str, tables: list[Table]) -> Any:
        for table in tables:
            if key in table:
                return table[key]
        if self.get_option("default") is not None:
            return self.get_option("default")
        hint = filter_loader.get("did_you_mean").j2_function(key, {name for table in tables for name in table})
        raise AnsibleLookupError(f"{key!r} is in none of the tables {', '.join(self.get_option('files'))}{hint}")


def read_csv(text: str, path: str) -> Table:
    """Return the table in the text of a CSV file.

    Raises:
        AnsibleLookupError: the text is not such a table; the message names `path` and the line.

    """
    table: Table = {}
    lines: dict[str, int] = {}
    shown = ("\n" if line.lstrip().startswith("#") else line for line in text.splitlines(keepends=True))
    reader = csv.reader(shown, strict=True, skipinitialspace=True)
    start = 1
    try:
        for row in reader:
            at, start = start, reader.line_num + 1
            if not any(row):
                continue
            key, values = row[0].strip(), row[1:]
            if not key or not values:
                raise AnsibleLookupError(f"{path}:{at}: a line is a key, a comma and one or more values")
            if key in table:
                raise AnsibleLookupError(f"{path}:{at}: {key!r} stands in line {lines[key]} already")
            table[key], lines[key] = values if len(values) > 1 else values[0], at
    except csv.Error as error:
        raise AnsibleLookupError(f"{path}:{start}: {error}") from None
    return table
