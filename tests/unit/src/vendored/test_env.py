"""Reading modules.env and requirements.yml."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strata.cli import cli
from strata.repository.source import BrokenFileError
from strata.vendored.entries import read, summary
from strata.vendored.names import name_of

if TYPE_CHECKING:
    from strata.vendored.entries import Entry

DATA = Path(__file__).parents[5] / "shared" / "data" / "modules-env" / "2015-08.modules.env"

LOOP = """\
if [[ "$PUPPET_INTEGRATION_TEST" -ne "1" ]]; then
    # merge
    for MOD in ${!INTEGRATION_MODULES[*]}; do

        SOURCE_MODULES[$MOD]=${INTEGRATION_MODULES[$MOD]}
    done
fi
"""
URL = "https://git.example.org/ansible-haproxy"


def parse(folder: Path, text: str, name: str = "modules.env") -> list[Entry]:
    (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    return read(folder / name)


def broken(folder: Path, text: str, name: str = "modules.env") -> str:
    with pytest.raises(BrokenFileError) as caught:
        parse(folder, text, name)
    return str(caught.value)


@pytest.mark.skipif(not DATA.is_file(), reason="shared data absent")
def test_the_real_file() -> None:
    entries = read(DATA)
    assert summary(entries) == "87 modules: 26 SOURCE, 61 INTEGRATION"
    found = {entry.name: entry for entry in entries}
    assert len(found) == 87
    assert found["puppetboard"].url == "https://github.com/puppet-community/puppet-module-puppetboard"
    assert found["grafana"].ref == "c51f03df3b41755bf3968c978d80b3fc94138652"
    assert (found["httpd"].url, found["httpd"].ref, found["httpd"].line) == (
        "https://git.openstack.org/openstack-infra/puppet-httpd",
        "origin/master",
        89,
    )


@pytest.mark.skipif(not DATA.is_file(), reason="shared data absent")
def test_the_real_file_is_listed() -> None:
    done = CliRunner().invoke(cli, ["modules", "list", "--file", str(DATA)])
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 87
    assert "wildfly https://github.com/biemond/biemond-wildfly v0.2.4\n" in done.stdout
    assert done.stderr == "87 modules: 26 SOURCE, 61 INTEGRATION\n"


def test_all_that_may_stand_in_it(tmp_path: Path) -> None:
    text = (
        "# a comment\n\n"
        "ROOT=https://git.example.org\n"
        '  SUB="$ROOT/infra"\n'
        f'SOURCE_MODULES["{URL}.git"]="1.0"\n'
        "SOURCE_MODULES['https://git.example.org/a-b']='v1'\t# why\n"
        'INTEGRATION_MODULES["${SUB}/ansible-planet/"]="origin/main" # name: earth\n' + LOOP
    )
    found = [(entry.name, entry.url, entry.ref, entry.kind, entry.line) for entry in parse(tmp_path, text)]
    assert found == [
        ("haproxy", f"{URL}.git", "1.0", "SOURCE", 5),
        ("b", "https://git.example.org/a-b", "v1", "SOURCE", 6),
        ("earth", "https://git.example.org/infra/ansible-planet/", "origin/main", "INTEGRATION", 7),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("touch x", "is not an entry like"),
        ("declare -A SOURCE_MODULES", "is not an entry like"),
        ("source other.env", "is not an entry like"),
        ("A=b; touch x", "is not an entry like"),
        ("A=b touch x", "is not an entry like"),
        ("A=b && touch x", "is not an entry like"),
        ("A=$(touch x)", "is not an entry like"),
        ('A="$(touch x)"', "runs a command"),
        ('A="`touch x`"', "runs a command"),
        ('A="a\\b"', "has a backslash"),
        ("A=$UNSET", "$UNSET is set nowhere above"),
        ('A="${B:-c}"', "has a $ that is not a $NAME"),
        ('A="$1"', "has a $ that is not a $NAME"),
        ("SOURCE_MODULES=x", "is not an entry like"),
        (f'SOURCE_MODULES["{URL}"]+="1"', "is not an entry like"),
        (f'SOURCE_MODULES["{URL}"]="1" x', "is not an entry like"),
        (f'SOURCE_MODULES["{URL}"]=(1 2)', "is not an entry like"),
        (f'OTHER_MODULES["{URL}"]="1"', "is not an entry like"),
        ('SOURCE_MODULES["a #b"]="1"', "is not an entry like"),
        ("for MOD in ${!INTEGRATION_MODULES[*]}; do", "is not an entry like"),
        ("A=b\r", "has a control character"),
        (f'# \rSOURCE_MODULES["{URL}"]="1"', "has a control character"),
        ("A=\x1b[31m", "has a control character"),
        (f'SOURCE_MODULES["{URL}"]="1" # name: Ha-Proxy', "can't be the name of a role"),
        ('SOURCE_MODULES["https://git.example.org/Caps"]="1"', "'Caps' can't be the name of a role"),
        (f'SOURCE_MODULES["{URL}"]=""', "the ref is empty"),
        (f'SOURCE_MODULES["{URL}"]="a..b"', "is not a name that git allows"),
    ],
)
def test_anything_else_is_an_error_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    found = broken(tmp_path, f"# one\n\n{line}\n")
    assert found.startswith("modules.env:3: ")
    assert message in found


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("    for MOD", "    touch x; for MOD", 3),
        ("    done\n", "", 6),
        ("        SOURCE_MODULES[$MOD]", "        SOURCE_MODULES[x]", 5),
        ("fi\n", "", 7),
    ],
)
def test_another_loop_is_an_error(tmp_path: Path, old: str, new: str, line: int) -> None:
    assert broken(tmp_path, LOOP.replace(old, new)).startswith(f"modules.env:{line}: ")


def test_not_utf8(tmp_path: Path) -> None:
    assert broken(tmp_path, "# \udcff\n").startswith("modules.env:1: can't be read:")


def test_two_with_one_name_or_url(tmp_path: Path) -> None:
    first = f'SOURCE_MODULES["{URL}"]="1"\n'
    other = 'INTEGRATION_MODULES["https://git.example.com/puppet-haproxy"]="2"\n'
    assert broken(tmp_path, first + other) == (
        f"modules.env:2: https://git.example.com/puppet-haproxy is called haproxy like {URL} on line 1: "
        "give it another name, `# name: NAME` at the end of the line"
    )
    assert broken(tmp_path, first + first) == f"modules.env:2: {URL} stands on line 1 already"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/puppet-httpd", "httpd"),
        ("https://h/puppet-module-board", "board"),
        ("https://h/x/plain.git", "plain"),
        ("https://h/puppet-java_ks/", "java_ks"),
        ("git@h:ansible-one.git", "one"),
        ("git@h:two", "two"),
    ],
)
def test_names(url: str, name: str) -> None:
    assert name_of(url) == name


def test_requirements(tmp_path: Path) -> None:
    text = """\
roles:
  - src: https://git.example.org/ansible-haproxy.git
    scm: git
    version: "1.0"
  - name: planet
    src: git+https://git.example.org/x
  - https://git.example.org/y,v2,why
"""
    assert [(entry.name, entry.url, entry.ref, entry.line) for entry in parse(tmp_path, text, "requirements.yml")] == [
        ("haproxy", "https://git.example.org/ansible-haproxy.git", "1.0", 2),
        ("planet", "https://git.example.org/x", "HEAD", 5),
        ("why", "https://git.example.org/y", "v2", 7),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- src: acme.apache\n", ":1: acme.apache has no URL of a git repository as src"),
        ("collections: []\n", ":1: collections is not read here"),
        ("- include: x.yml\n", ":1: include is not known here"),
        ("- src: https://h/x\n  scm: hg\n", ":1: hg is not git"),
        ("- src: https://h/x\n  version: 1.10\n", ":1: version must be a text in quotes, not 1.1"),
        ("- 5\n", ":1: a role must be a mapping"),
        ("x: [\n", "is not valid YAML"),
        ("- src: ext::sh\n", ":1: ext::sh names a transport helper"),
        ("- src: https://h/x\n  name: ../x\n", "can't be the name of a role"),
    ],
)
def test_requirements_with_something_else(tmp_path: Path, text: str, message: str) -> None:
    assert message in broken(tmp_path, text, "requirements.yml")


quoted = st.sampled_from(['"{}"', "'{}'", "{}"])
word = st.from_regex(r"[a-z][a-zX0-9_]{0,5}([./+-][a-z0-9]{1,4})?", fullmatch=True)
wild = st.text("abcXYZ019._/-+", min_size=1, max_size=12)
spaces = st.sampled_from(["", " ", "\t", "  "])


@st.composite
def files(draw: st.DrawFn) -> str:
    """Make a modules.env of what it may have, with URLs and refs that may well be refused."""
    lines = []
    names: list[str] = []
    for number in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["comment", "empty", "assignment", "entry", "entry"]))
        use = draw(st.sampled_from(["", *names]))
        form = draw(st.sampled_from(['"{}"', "{}"])) if use else draw(quoted)
        value = (draw(st.sampled_from([f"${{{use}}}", f"${use}/"])) if use else "https://h/") + draw(word)
        if kind == "comment":
            code = "#" + draw(st.text("a b$(`\"'", max_size=8))
        elif kind == "empty":
            code = ""
        elif kind == "assignment":
            names.append(f"X{number}")
            code = f"X{number}=" + form.format(value)
        else:
            array = draw(st.sampled_from(["SOURCE", "INTEGRATION"]))
            url = value if draw(st.integers(0, 19)) == 0 else f"{value}-m{number}"
            ref = draw(wild if draw(st.integers(0, 19)) == 0 else word)
            code = f"{array}_MODULES[{form.format(url)}]=" + draw(quoted).format(ref)
        lines.append(draw(spaces) + code + draw(st.sampled_from(["", " ", " # end", "\t#x"])))
    return "\n".join(lines) + "\n" + draw(st.sampled_from(["", LOOP]))


def tried(folder: Path, text: str, name: str = "modules.env") -> list[Entry] | str:
    """Return the entries, or why they are refused."""
    try:
        return parse(folder, text, name)
    except BrokenFileError as error:
        return str(error)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=files())
def test_what_is_accepted_means_what_bash_reads(tmp_path: Path, text: str) -> None:
    entries = tried(tmp_path, text)
    if isinstance(entries, str):
        # Only what is refused for its meaning; each form here is one that may be used.
        assert "is not an entry like" not in entries
        assert "ends within" not in entries
        return
    printing = 'for k in "${{!{0}_MODULES[@]}}"; do printf "{0} %s %s\\n" "$k" "${{{0}_MODULES[$k]}}"; done\n'
    script = f"declare -A SOURCE_MODULES INTEGRATION_MODULES\nPUPPET_INTEGRATION_TEST=1\n{text}"
    script += printing.format("SOURCE") + printing.format("INTEGRATION")
    done = subprocess.run(["bash", "--norc", "-r"], input=script, capture_output=True, text=True, check=True, env={})
    assert done.stderr == ""
    assert sorted(done.stdout.splitlines()) == sorted(f"{entry.kind} {entry.url} {entry.ref}" for entry in entries)


pieces = st.sampled_from(['SOURCE_MODULES["', '"]="', '"', "https://h/x", "$(", "`", "A=", "\n", *LOOP.splitlines()])
letters = st.one_of(st.sampled_from("\n\"'$`{}[]=#;|&\\ ()"), st.characters(codec="utf-8"))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(letters, max_size=80) | st.lists(pieces).map("".join))
@pytest.mark.parametrize("name", ["modules.env", "requirements.yml"])
def test_any_text_is_read_or_refused(tmp_path: Path, name: str, text: str) -> None:
    found = tried(tmp_path, text, name)
    if isinstance(found, str):
        assert found.startswith(f"{name}:")
        assert "\n" not in found
    else:
        assert all(entry.url.startswith(("https://", "http://", "git", "ssh://")) for entry in found)


@given(st.lists(st.sampled_from(["1.0", "main", "a" * 40]), min_size=1, max_size=5))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path: Path, refs: list[str]) -> None:
    text = "".join(f'SOURCE_MODULES["https://h/x-m{at}"]="{ref}"\n' for at, ref in enumerate(refs))
    assert [(entry.name, entry.ref) for entry in parse(tmp_path, text)] == [
        (f"m{at}", ref) for at, ref in enumerate(refs)
    ]
