"""Gerrit's configuration: data becomes what git reads, or is refused."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.gerrit import config
from ansible.module_utils.strata.gerrit.config import Entry

if TYPE_CHECKING:
    from pathlib import Path

# What else than letters a value, and the name of a subsection, may have.
HARD = [
    "a b",
    " led",
    "trailed ",
    'quo"ted',
    "back\\slash",
    "a # b",
    "a ; b",
    "tab\there",
    "${name}",
    "ümläut",
    "",
    "=",
]


def listed(path: Path) -> list[tuple[str, str | None]]:
    """What git reads from a file: names and values, None for a key without one."""
    command = ["git", "config", "--file", str(path), "--list", "-z"]
    text = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    parts = [each.partition("\n") for each in text.split("\0")[:-1]]
    return [(name, value if parted else None) for name, parted, value in parts]


def written(tmp_path: Path, sections: dict[str, Any]) -> list[tuple[str, str | None]]:
    path = tmp_path / "made.config"
    path.write_text(config.render(config.entries(sections)))
    return listed(path)


def as_data(lines: list[tuple[str, str | None]]) -> dict[str, Any]:
    """What a user would write who takes a file over."""
    found: dict[str, Any] = {}
    for name, value in lines:
        section, rest = name.split(".", 1)
        subsection, _, key = rest.rpartition(".")
        keys = found.setdefault(section, {})
        keys = keys.setdefault(subsection, {}) if subsection else keys
        keys.setdefault(key, []).append(value)
    return found


def grouped(lines: list[tuple[str, str | None]]) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for name, value in lines:
        found.setdefault(name, []).append(value)
    return found


def large() -> str:
    """A file of some 300 lines, in all the ways in which git lets people write one."""
    lines = ["; of 2015", "[gerrit]", "basePath = git", "\tcanonicalWebUrl = https://review.example.org/"]
    lines += ["[Gerrit]", "installModule", "[sendemail] from = MIXED"]
    for number in range(40):
        lines += [f'[cache "c{number}"]', f"\tmaxAge = {number} d", f"memoryLimit={number}", "\tdiskLimit = 1\\\n28m"]
    for number in range(30):
        lines += [f'[commentlink "l \\"{number}\\" \\\\x"]', f'\tmatch = "([Bb]ug:?)\\\\s+#?({number})" # a comment']
        lines += [f"\tlink = https://bugs.example.org/$2;x{number}" if number % 2 else "\tlink = $1", "\tenabled"]
    lines += ["[sshd]", *(f"\tlistenAddress = 192.0.2.{number}:29418" for number in range(10))]
    return "\n".join(lines) + "\n"


def test_a_file_of_300_lines_goes_round(tmp_path: Path) -> None:
    path = tmp_path / "given.config"
    path.write_text(large())
    given = listed(path)
    assert large().count("\n") > 290
    assert len(given) > 210
    assert grouped(written(tmp_path, as_data(given))) == grouped(given)


@pytest.mark.parametrize("text", HARD)
def test_git_reads_what_was_given(tmp_path: Path, text: str) -> None:
    lines = written(tmp_path, {"s": {"key": text, text: {"key": [text, text]}}})
    assert lines == [("s.key", text), (f"s.{text}.key", text), (f"s.{text}.key", text)]


def test_numbers_truth_and_keys_without_value(tmp_path: Path) -> None:
    lines = written(tmp_path, {"s": {"a": 1, "b": True, "c": False, "d": None, "e": 1.5, "f": []}})
    assert lines == [("s.a", "1"), ("s.b", "true"), ("s.c", "false"), ("s.d", None), ("s.e", "1.5")]


def test_a_key_and_a_subsection_of_one_name(tmp_path: Path) -> None:
    lines = written(tmp_path, {"download": {"scheme": ["ssh", {"key": "x"}, "http"]}})
    assert lines == [("download.scheme", "ssh"), ("download.scheme", "http"), ("download.scheme.key", "x")]


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"se ction": {}}, "not a valid name of a section"),
        ({"": {"a": 1}}, "not a valid name of a section"),
        ({"s]\n[t": {"a": 1}}, "not a valid name of a section"),
        ({"s": {"k_y": 1}}, "'k_y' is not a valid name of a key"),
        ({"s": {"1k": 1}}, "not a valid name of a key"),
        ({"s": {"k=v": 1}}, "not a valid name of a key"),
        ({"s": {"k": "a\nb"}}, "s.k has a line break"),
        ({"s": {"k": ["fine", "a\x00b"]}}, "s.k has a line break or another control character"),
        ({"s": {"sub\nsection": {"k": 1}}}, "not a valid name of a subsection"),
        ({"s": {"sub": {"k": {"deep": 1}}}}, "s.sub.k must be a text"),
        ({"s": {"k": [["x"]]}}, "s.k must be a text"),
        ({"s": "text"}, "s must be a dictionary of its keys, and is a text"),
        ({"s": None}, "s must be a dictionary of its keys, and is nothing"),
        ({"s": {}, "S": {}}, "section S is there twice, also as s"),
        ({"s": {"key": 1, "Key": 2}}, "key Key is there twice, also as key"),
        ({"s": {"sub": {"key": 1, "KEY": 2}}}, "s.sub: key KEY is there twice"),
        ({"s": {7: "x"}}, "key 7 must be a text: put it in quotes"),
    ],
)
def test_what_makes_no_file_is_refused(sections: dict[Any, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said.replace("(", r"\(")):
        config.entries(sections)


@pytest.mark.parametrize("key", ["password", "smtpPass", "client-secret", "registerEmailPrivateKey", "keyPassphrase"])
def test_a_secret_must_not_stand_where_everybody_reads_it(key: str) -> None:
    with pytest.raises(DeclarationError, match="is a secret, which belongs in"):
        config.no_secrets(config.entries({"s": {"sub": {key: "x"}}}))


def test_values_are_found_in_any_case() -> None:
    lines = config.entries({"SSHD": {"listenaddress": ["a", "b"], "x": {"listenAddress": "c"}}})
    assert config.values(lines, "sshd", "listenAddress") == ["a", "b"]


def test_what_is_kept_joins_its_section(tmp_path: Path) -> None:
    lines = config.entries({"gerrit": {"basePath": "git"}, "auth": {"type": "LDAP"}})
    lines = config.add(lines, Entry("Gerrit", None, "serverId", "1"))
    lines = config.add(lines, Entry("new", None, "key", "2"))
    path = tmp_path / "made.config"
    path.write_text(config.render(lines))
    assert path.read_text().lower().count("[gerrit]") == 1
    assert grouped(listed(path))["gerrit.serverid"] == ["1"]
    assert grouped(listed(path))["new.key"] == ["2"]
