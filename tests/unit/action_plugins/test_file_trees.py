"""file_trees on the control side: what is read from a source, and what is refused."""

import base64
import gzip
import importlib.util
import io
import json
import os
import socket
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.strata.trees import declared

ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("file_trees_action", ROOT / "action_plugins/file_trees.py")
action = importlib.util.module_from_spec(spec)
spec.loader.exec_module(action)


def source(src: object, root: str | None = None, **parameters: object) -> Any:
    defaults = {name: option.get("default") for name, option in action.TREE.items()}
    given = {"src": str(src), "dest": "/srv/docs", "origin": "docs__flat_files_trees"}
    return action.Source(defaults | given | parameters, root)


def wants(found: Any) -> dict[str, tuple[str, int, str]]:
    return {path: (kind, mode, detail if kind == "link" else "") for path, kind, mode, detail, _ in found.wants}


def refusal(src: object, **parameters: Any) -> str:
    with pytest.raises(action.SourceError) as caught:
        source(src, **parameters)
    return str(caught.value)


def test_a_folder_is_read_with_its_links_and_executables(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/run").write_text("#!")
    (tmp_path / "sub/run").chmod(0o700)
    (tmp_path / "plain").write_text("text")
    (tmp_path / "sub/link").symlink_to("../plain")
    assert wants(source(tmp_path, file_mode="0640", dir_mode="2750")) == {
        "": ("dir", 0o2750, ""),
        "plain": ("file", 0o640, ""),
        "sub": ("dir", 0o2750, ""),
        "sub/link": ("link", 0, "../plain"),
        "sub/run": ("file", 0o750, ""),
    }


@pytest.mark.parametrize("pattern", ["*.pyc", "cache", "cache/", "sub/*.pyc"])
def test_exclude_and_git(tmp_path: Path, pattern: str) -> None:
    for name in (".git/config", "sub/.git/config", "sub/x.pyc", "cache/y.pyc", "sub/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    left = {"sub/*.pyc": {"cache", "cache/y.pyc"}, "*.pyc": {"cache"}}.get(pattern, {"sub/x.pyc"})
    assert set(wants(source(tmp_path, exclude=[pattern]))) == {"", "sub", "sub/z", *left}


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.json"], [], {"a.json", "conf", "conf/b.json", "conf/deep", "conf/deep/c.json"}),
        (["conf/*.json"], ["conf/deep"], {"conf", "conf/b.json"}),
        (["conf/deep/"], [], {"conf", "conf/deep", "conf/deep/c.json", "conf/deep/d.txt"}),
        (["conf", "link"], ["*.json"], {"conf", "conf/deep", "conf/deep/d.txt", "link"}),
        (["empty"], [], {"empty"}),
        (["a.*", "none"], [], {"a.json"}),
    ],
)
def test_include(tmp_path: Path, include: list[str], exclude: list[str], expected: set[str]) -> None:
    for name in ("a.json", "a/x.txt", "conf/b.json", "conf/deep/c.json", "conf/deep/d.txt", ".git/e.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("a.json")
    (tmp_path / "outside").symlink_to("/etc/passwd")  # nobody asks for it, so it may be anything
    os.mkfifo(tmp_path / "pipe")
    found = source(tmp_path, include=include, exclude=exclude)
    assert set(wants(found)) == {"", *expected}
    assert len(found.files) == len([path for path in expected if (tmp_path / path).suffix])


def test_an_include_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_text("")
    assert refusal(tmp_path, include=["*.jsn"]).endswith(f"include matches nothing in src {tmp_path}")


def test_folders_nested_too_deep_are_refused_by_name(tmp_path: Path, nest: Callable[[Path, int], Path]) -> None:
    deepest = nest(tmp_path / "top", action.LEVELS)
    (deepest / "file").write_text("")
    assert len(source(tmp_path).wants) == action.LEVELS + 2
    nest(deepest / "d", 1100)
    assert f"{deepest}/d is deeper than 200 folders: exclude it" in refusal(tmp_path)
    assert wants(source(tmp_path, exclude=["top"])) == {"": ("dir", 0o755, "")}


def test_both_sides_know_the_same_depth() -> None:
    assert action.LEVELS == declared.LEVELS


@pytest.mark.parametrize("name", [b"a\nb", b"-rf", b"\xff\xfe", "ä€".encode(), b"a b'\"$(x)\\"])
def test_names_are_carried_exactly(tmp_path: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("")
    packed = json.loads(zlib.decompress(base64.b64decode(action.manifest([source(tmp_path)]))))
    assert packed[0]["wants"][1][0].encode("utf-8", "surrogateescape") == name


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "sub/../../outside", "out/file"])
def test_links_out_of_the_tree_are_refused(tmp_path: Path, target: str) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    if target.startswith("out/"):
        (tree / "out").symlink_to("../outside")
    (tree / "bad").symlink_to(target)
    message = refusal(tree)
    assert "the tree /srv/docs of docs__flat_files_trees: the link" in message
    assert "leads out of the tree" in message


def test_a_link_to_nothing_inside_is_kept(tmp_path: Path) -> None:
    (tmp_path / "later").symlink_to("not/yet")
    assert wants(source(tmp_path))["later"] == ("link", 0, "not/yet")


def test_special_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert f"{tmp_path}/pipe is neither a file, a folder nor a link" in refusal(tmp_path)
    (tmp_path / "pipe").unlink()
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert "/socket is neither" in refusal(tmp_path)


@pytest.mark.parametrize("dest", ["srv/docs", "/", "//.", "/srv/../etc", "", "/srv/\0"])
def test_a_bad_destination_is_refused(tmp_path: Path, dest: str) -> None:
    assert "dest must be an absolute path without '..', and not the root" in refusal(tmp_path, dest=dest)


def test_a_destination_is_normalised(tmp_path: Path) -> None:
    assert source(tmp_path, dest="//srv/./docs/").dest == "/srv/docs"


@pytest.mark.parametrize("mode", ["rw-r--r--", "9999", "u=rw", "64", ""])
def test_a_bad_mode_is_refused(tmp_path: Path, mode: str) -> None:
    assert "file_mode must be an octal number in quotes" in refusal(tmp_path, file_mode=mode)


def test_a_missing_source_is_one_sentence(tmp_path: Path) -> None:
    expected = f"the tree /srv/docs of docs__flat_files_trees: src {tmp_path}/no does not exist"
    assert refusal("no", root=str(tmp_path)) == expected
    (tmp_path / "no").write_text("")
    assert refusal("no", root=str(tmp_path)).endswith("is not a folder")
    assert "src no is relative, and root is not set" in refusal("no")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"validate": [{"pattern": "*", "command": "visudo -cf"}]},
            "validate command 'visudo -cf' needs %s, for the file",
        ),
        (
            {"validate": [{"pattern": "*", "command": "echo 'a %s"}]},
            "validate command echo 'a %s: No closing quotation",
        ),
        ({"commands": [{"pattern": "*.conf", "command": []}]}, "the command for *.conf is empty"),
    ],
)
def test_a_bad_command_is_refused(tmp_path: Path, parameters: dict[str, Any], message: str) -> None:
    assert refusal(tmp_path, **parameters) == f"the tree /srv/docs of docs__flat_files_trees: {message}"


def test_the_archive_has_what_is_missing_once(tmp_path: Path) -> None:
    for name, text in {"a": "A", "again": "A", "b": "B", "c": "C"}.items():
        (tmp_path / name).write_text(text)
    found = source(tmp_path)
    digests = {path: detail for path, _, _, detail, _ in found.wants}
    packed = io.BytesIO()
    action.archive([found, source(tmp_path)], [digests["a"], digests["b"]], packed)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed.getvalue()))) as tar:
        contents = {member.name: tar.extractfile(member).read() for member in tar}
    assert contents == {digests["a"]: b"A", digests["b"]: b"B"}


def test_a_source_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A")
    found = source(tmp_path)
    (tmp_path / "a").write_text("B")
    with pytest.raises(action.SourceError, match="a was changed during the run: run it again"):
        action.archive([found], [found.wants[1][3]], io.BytesIO())


class Remote(action.ActionModule):
    """The action plugin with a host that only notes what is sent to its commands."""

    def __init__(self, rc: int = 0) -> None:
        self.rc, self.sent = rc, []

    def _low_level_execute_command(self, command: str, in_data: bytes) -> dict[str, Any]:
        self.sent.append((command, in_data))
        return {"rc": self.rc, "stdout": "", "stderr": "cat: write error: No space left on device\n"}


def contents(remote: Remote, folder: Path) -> dict[str, Any]:
    found = source(folder)
    return remote._contents([found], {"missing": list(found.files), "upload": "/var/lib/a b/upload"})


def test_few_contents_go_with_the_call(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A")
    remote = Remote()
    assert list(contents(remote, tmp_path)) == ["archive"]
    assert remote.sent == []


def test_many_contents_go_ahead_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action, "INLINE", 1000)
    monkeypatch.setattr(action, "PART", 1000)
    (tmp_path / "a").write_bytes(os.urandom(2500))
    remote = Remote()
    assert contents(remote, tmp_path) == {"uploaded": "/var/lib/a b/upload"}
    commands, parts = zip(*remote.sent, strict=True)
    assert [": >" in command for command in commands] == [True, False, False]
    assert all("cat >>'/var/lib/a b/upload'" in command for command in commands)
    assert max(map(len, parts)) == 1000
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(b"".join(parts)))) as tar:
        assert len(tar.getmembers()) == 1


def test_a_host_that_takes_no_contents_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action, "INLINE", 10)
    (tmp_path / "a").write_text("A")
    with pytest.raises(
        action.SourceError, match=r"^the contents of .+ cannot be sent: cat: write error: No space left on"
    ):
        contents(Remote(rc=1), tmp_path)
