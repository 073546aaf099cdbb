"""The syntax: git itself says what is right."""

import subprocess
from pathlib import Path

import pytest

from strata.project_config.acl import Acl, AclSyntaxError, parse

from .conftest import ACL, git_reads

HARD = r"""# the head
; of the file

[a] x = 1
	key = "quoted # not" # comment
 k2 = a \
   b ; c \
 k3
[a "s\"u\\b.X"] ; note
k5 =
Key-6 = ""
k7 = a\tb\"  c\\
k8=a  "b  c"  d@
k9 = # nothing
k-1 = foo\
# a comment after all
k2 = "two\
 lines"
[empty]
# the tail
"""


def reads(acl: Acl) -> list[str]:
    found = []
    for section, entry in acl.entries():
        subsection = "" if section.subsection is None else f".{section.subsection}"
        name = f"{section.name.lower()}{subsection}.{entry.key.lower()}"
        found.append(name if entry.value is None else f"{name}\n{entry.value}")
    return found


def test_everything_is_read_as_git_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "hard.config"
    path.write_text(HARD)
    acl = parse(HARD)
    assert reads(acl) == git_reads(path)
    path.write_text(acl.render())
    assert reads(acl) == git_reads(path)


def test_entries_know_their_lines() -> None:
    assert [entry.line for _section, entry in parse(HARD).entries()][:4] == [4, 5, 6, 8]


def test_comments_and_blank_lines_are_kept() -> None:
    text = "# a\n\n# b\n[x]\n\n; c\nk = 1 # d\n\n# e\n"
    assert parse(text).render() == text
    assert parse(ACL).render() == ACL


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("k = v\n", 1, "a key stands before the first section"),
        ("[a]\n\n[b\n", 3, '[b is not the header of a section: write [name] or [name "subsection"]'),
        ("[a b]\n", 1, '[a b] is not the header of a section: write [name] or [name "subsection"]'),
        ("[a]\n= v\n", 2, "= v is neither a section nor `key = value`"),
        ("[a]\nk v\n", 2, "k is followed by something else than ="),
        ("[a]\nk_1 = v\n", 2, "k is followed by something else than ="),
        ('[a]\nk = "v\n', 2, "a quotation mark is never closed"),
        ("[a]\nk = \\d\n", 2, "\\d means nothing: write \\\\ for a backslash"),
        ("[a]\nk = v\\", 2, "the last line ends in a backslash"),
        ("<<<<<<< HEAD\n", 1, "<<<<<<< HEAD is neither a section nor `key = value`"),
    ],
)
def test_what_git_refuses(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(AclSyntaxError) as caught:
        parse(text)
    assert (caught.value.line, str(caught.value)) == (line, message)
    if text.startswith(("[", "<")) and not text.endswith("\\"):
        path = tmp_path / "bad.config"
        path.write_text(text)
        with pytest.raises(subprocess.CalledProcessError):
            git_reads(path)


def test_values_of_a_key() -> None:
    acl = parse('[a "B"]\nk = 1\n[A "B"]\nK = 2\n[a "b"]\nk = 3\n')
    assert acl.values("a", "B", "k") == ["1", "2"]
