"""file_trees on the host: what is planned, and what happens to files."""

import base64
import errno
import hashlib
import io
import json
import os
import shlex
import subprocess
import sys
import tarfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import file_trees
import pytest
from ansible.module_utils.strata import locks, paths
from ansible.module_utils.strata.trees import contents, declared, host
from ansible.module_utils.strata.trees.declared import Have, Step, Tree, TreeError, Want

ME = {"uid": os.getuid(), "gid": os.getgid()}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def want(text: str, mode: int = 0o644) -> Want:
    return Want("file", mode, sha(text), len(text))


def tree(dest: object, /, purge: bool = False, origin: str = "", exclude: tuple[str, ...] = (), **wants: Want) -> Tree:
    """Return a tree; in its names, "__" stands for a slash."""
    named = {name.replace("__", "/"): value for name, value in wants.items()}
    folders = {folder: Want("dir") for name in named for folder in declared.above(name)}
    wants = {"": Want("dir")} | folders | named
    return Tree(str(dest), str(dest), wants, purge=purge, origin=origin, exclude=exclude, **ME)


def pack(*texts: str, names: dict[str, str] | None = None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, text in {**{sha(text): text for text in texts}, **(names or {})}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


def settle(*wanted: Tree) -> list[Tree]:
    settled = declared.settle(wanted)
    for each in settled:
        each.steps = declared.plan(each, host.scan(each, settled))
    return settled


def converge(*wanted: Tree, texts: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Apply the trees, check that nothing is left to do, and return what was done."""
    settled = settle(*wanted)
    host.apply(settled, io.BytesIO(pack(*texts)))
    assert [each.steps for each in settle(*wanted)] == [[] for _ in wanted]
    return [(step.action, step.path) for each in settled for step in each.steps]


def listing(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        text = f"-> {path.readlink()}" if path.is_symlink() else "/" if path.is_dir() else path.read_text()
        found[str(path.relative_to(folder))] = text
    return found


# --- plan: values in, steps out


@pytest.mark.parametrize(
    ("have", "action", "note"),
    [
        (None, "create", ""),
        (Have("file", 0o644, 0, 0, sha("new")), None, ""),
        (Have("file", 0o644, 0, 0, sha("old")), "update", ""),
        (Have("file", 0o600, 0, 0, sha("new")), "metadata", "mode 0600 -> 0644"),
        (Have("file", 0o644, 33, 0, sha("new")), "metadata", "owner 33:0 -> 0:0"),
        (Have("file", 0o600, 0, 0, sha("new"), shared=True), "update", "mode 0600 -> 0644"),
        (Have("file", 0o644, 0, 0, sha("new"), shared=True), None, ""),
        (Have("link", 0o777, 0, 0, "/etc/shadow"), "update", ""),
    ],
)
def test_plan_for_a_file(have: Have | None, action: str | None, note: str) -> None:
    wanted = Tree("/d", "/d", {"f": want("new")})
    steps = declared.plan(wanted, {"f": have} if have else {})
    assert steps == ([Step(action, "f", want("new"), note)] if action else [])


@pytest.mark.parametrize(
    ("have", "wanted"),
    [("dir", "file"), ("dir", "link"), ("file", "dir"), ("link", "dir"), ("other", "file"), ("other", "dir")],
)
def test_only_purging_replaces_another_kind(have: str, wanted: str) -> None:
    shall = Tree("/d", "/d", {"x": Want(wanted)}, origin="docs__flat_files_trees")
    found = {"x": Have(have, 0o755, 0, 0)}
    with pytest.raises(TreeError, match=r"the tree /d of docs__flat_files_trees: /d/x shall be a .* is there: move it"):
        declared.plan(shall, found)
    shall.purge = True
    assert [(s.action, s.path) for s in declared.plan(shall, found)] == [("remove", "x"), ("create", "x")]


def test_what_is_kept_is_not_replaced() -> None:
    found = {"x": Have("dir", 0o755, 0, 0), "x/kept": Have("file", 0o644, 0, 0, kept=True)}
    with pytest.raises(TreeError, match="excluded or another tree's"):
        declared.plan(Tree("/d", "/d", {"x": want("x")}, purge=True), found)


def test_summary_and_diff_name_paths_and_no_contents() -> None:
    wanted = tree("/d", a=want("a"), b=want("b"), c=want("c"), same=want("same"))
    has = {"uid": os.getuid(), "gid": os.getgid()}
    found = {
        "": Have("dir", 0o755, **has),
        "b": Have("file", 0o644, **has),
        "c": Have("file", 0o600, **has, detail=sha("c")),
        "same": Have("file", 0o644, **has, detail=sha("same")),
        "x\ny": Have("file", 0o644, **has),
    }
    wanted.steps = declared.plan(wanted, found)
    counts = {"dest": "/d", "created": 1, "updated": 1, "metadata": 1, "removed": 1, "unchanged": 2}
    assert declared.summary(wanted) == counts
    assert declared.diff(wanted) == {"prepared": "/d:\n+ a\n~ b\nm c (mode 0600 -> 0644)\n- x\\ny\n"}


# --- settle: who owns which path


def test_two_trees_with_one_destination_are_refused() -> None:
    with pytest.raises(TreeError, match=r"same destination: the tree /d of one and the tree /d of two"):
        declared.settle([tree("/d", origin="one"), tree("/d", origin="two")])


@pytest.mark.parametrize(
    "outer",
    [{"in__f": want("f")}, {"in": Want("link", detail="x")}, {"in__sub": want("f")}],
    ids=["same file", "link at the destination", "file where the other has a folder"],
)
def test_two_trees_with_one_path_are_refused(outer: dict[str, Want]) -> None:
    with pytest.raises(TreeError, match=r"/d/in.*: the tree /d/in of two and the tree /d of one"):
        declared.settle([tree("/d", origin="one", **outer), tree("/d/in", origin="two", f=want("f"), sub__g=want("g"))])


def test_a_file_above_a_destination_is_refused() -> None:
    with pytest.raises(TreeError, match="two trees put something at /d/a"):
        declared.settle([tree("/d", a=want("a")), tree("/d/a/b")])


# --- the whole way, on real files


def test_a_tree_arrives_and_stays(tmp_path: Path) -> None:
    dest = tmp_path / "new" / "dest"
    wanted = tree(dest, a=want("A"), sub__run=want("B", 0o755), sub__link=Want("link", detail="../a"))
    steps = converge(wanted, texts=("A", "B"))
    assert steps[0] == ("create", "")
    assert listing(dest) == {"a": "A", "sub": "/", "sub/link": "-> ../a", "sub/run": "B"}
    assert (dest / "sub/run").stat().st_mode & 0o7777 == 0o755


def test_files_of_one_content_need_one_copy_of_it(tmp_path: Path) -> None:
    converge(tree(tmp_path, a=want("same"), sub__b=want("same")), texts=("same",))
    assert listing(tmp_path) == {"a": "same", "sub": "/", "sub/b": "same"}


def test_metadata_needs_no_contents(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "a").write_text("A")
    (tmp_path / "a").chmod(0o600)
    settled = settle(tree(tmp_path, a=want("A")))
    assert host.missing(settled) == set()
    assert converge(tree(tmp_path, a=want("A"))) == [("metadata", "a")]
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o644


def test_a_hard_link_outside_keeps_its_mode(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("A")
    canary.chmod(0o600)
    (tmp_path / "dest").mkdir()
    (tmp_path / "dest/a").hardlink_to(canary)
    converge(tree(tmp_path / "dest", a=want("A")), texts=("A",))
    assert canary.stat().st_mode & 0o7777 == 0o600


def test_purge_removes_only_what_is_nobodys(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_text("alive")
    dest = tmp_path / "dest"
    for name in ("old/deep/file", "keep/x.bak", "keep/y", ".git/config", "inner/theirs", "inner/by_hand", "above/in/z"):
        (dest / name).parent.mkdir(parents=True, exist_ok=True)
        (dest / name).write_text("")
    (dest / "way_out").symlink_to(outside)
    outer = tree(dest, purge=True, exclude=("*.bak",), a=want("A"), inner__ours=want("B"))
    inner = tree(dest / "inner", theirs=want(""))
    deep = tree(dest / "above/in", purge=True)
    converge(outer, inner, deep, texts=("A", "B"))
    left = {name for name, text in listing(dest).items() if text != "/"}
    assert left == {"a", "keep/x.bak", ".git/config", "inner/ours", "inner/theirs", "inner/by_hand"}
    assert (dest / "above/in").is_dir()
    assert listing(outside) == {"canary": "alive"}


def test_an_inner_tree_that_purges_spares_the_outer_ones_files(tmp_path: Path) -> None:
    inner = tree(tmp_path / "in", purge=True, theirs=want("A"))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/junk").write_text("")
    converge(tree(tmp_path, in__sub__ours=want("B")), inner, texts=("A", "B"))
    assert listing(tmp_path) == {"in": "/", "in/sub": "/", "in/sub/ours": "B", "in/theirs": "A"}


def test_folders_nested_too_deep_are_not_purged_but_named(tmp_path: Path, nest: Callable[[Path, int], Path]) -> None:
    deepest = nest(tmp_path / "top", declared.LEVELS)
    nest(deepest / "d", 1100)
    with pytest.raises(TreeError, match=rf"the tree {tmp_path}: {deepest}/d is deeper than 200 folders: exclude it"):
        settle(tree(tmp_path, purge=True))
    converge(tree(tmp_path, purge=True, exclude=("top",)))
    converge(tree(tmp_path))
    subprocess.run(["rm", "-r", deepest / "d"], check=True)
    settled = settle(tree(tmp_path, purge=True))
    host.apply(settled, None)
    assert listing(tmp_path) == {}


def test_nothing_is_purged_without_purge(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    converge(tree(tmp_path, a=want("A")), texts=("A",))
    assert listing(tmp_path) == {"a": "A", "mine": ""}


@pytest.mark.parametrize("purge", [False, True])
def test_a_link_in_place_of_a_folder_is_never_followed(tmp_path: Path, purge: bool) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("canary")
    dest = tmp_path / "dest"
    dest.mkdir()
    (dest / "sub").symlink_to(outside)
    wanted = tree(dest, purge=purge, sub__f=want("A"))
    if purge:
        converge(wanted, texts=("A",))
        assert listing(dest) == {"sub": "/", "sub/f": "A"}
    else:
        with pytest.raises(TreeError, match="sub shall be a folder, but a link is there"):
            settle(wanted)
        assert listing(dest)["sub"] == f"-> {outside}"
    assert listing(outside) == {"f": "canary"}


def test_a_link_that_appears_after_the_plan_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    dest = tmp_path / "dest"
    (dest / "sub").mkdir(parents=True)
    settled = settle(tree(dest, sub__f=want("A")))
    (dest / "sub").rmdir()
    (dest / "sub").symlink_to(outside)
    with pytest.raises(TreeError, match="sub"):
        host.apply(settled, io.BytesIO(pack("A")))
    assert listing(outside) == {}


def test_a_link_on_the_way_is_followed_if_it_is_ours(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "srv").symlink_to("data/./../data")
    assert host.resolve(tree(tmp_path / "srv" / "www")) == str(tmp_path / "data/www")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a link to someone else")
def test_a_link_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "srv").symlink_to("/etc")
    os.chown(tmp_path / "srv", 1234, -1, follow_symlinks=False)
    with pytest.raises(TreeError, match="srv is a link of user 1234"):
        host.resolve(tree(tmp_path / "srv"))


@pytest.mark.parametrize(("target", "message"), [("srv", "circle"), ("/", "root of the file system")])
def test_a_destination_that_leads_nowhere_good_is_refused(tmp_path: Path, target: str, message: str) -> None:
    (tmp_path / "srv").symlink_to(target)
    with pytest.raises(TreeError, match=message):
        host.resolve(tree(tmp_path / "srv"))


def test_a_destination_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TreeError, match="file is not a folder"):
        host.resolve(tree(tmp_path / "file" / "sub"))


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (pack("A"), "b changed during the run"),
        (pack("A")[:60], "damaged"),
        (pack(names={sha("A"): "forged"}), "damaged"),
        (pack("A", names={"../../escape": "B"}), "damaged"),
    ],
    ids=["incomplete", "cut", "forged", "escaping name"],
)
def test_a_bad_archive_changes_no_file(tmp_path: Path, archive: bytes, message: str) -> None:
    dest = tmp_path / "dest"
    dest.mkdir()
    (dest / "a").write_text("old")
    with pytest.raises(TreeError, match=message):
        host.apply(settle(tree(dest, a=want("A"), b=want("B"))), io.BytesIO(archive))
    assert listing(tmp_path) == {"dest": "/", "dest/a": "old"}


def test_a_disk_that_does_not_take_a_content_changes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("old")
    settled = settle(tree(tmp_path, a=want("A"), b=want("B")))
    failure = OSError(errno.EIO, "Input/output error")
    monkeypatch.setattr(os, "fsync", Mock(side_effect=failure))
    with pytest.raises(TreeError, match=r"/a: Input/output error"):
        host.apply(settled, io.BytesIO(pack("A", "B")))
    assert listing(tmp_path) == {"a": "old"}


def test_a_killed_run_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        (tmp_path / name).write_text("old")
    wanted = tree(tmp_path, a=want("A"), b=want("B"))
    commits = []

    def commit(place: object, path: str, temporary: str) -> None:
        if commits:
            raise KeyboardInterrupt
        commits.append(path)
        real(place, path, temporary)

    real = host._Place.commit
    with monkeypatch.context() as patch:
        patch.setattr(host._Place, "commit", commit)
        patch.setattr(host._Place, "discard", lambda *_: None)  # as if there were no time for it
        with pytest.raises(KeyboardInterrupt):
            host.apply(settle(wanted), io.BytesIO(pack("A", "B")))
    state = listing(tmp_path)
    assert sorted(state[name] for name in "ab") in (["A", "old"], ["B", "old"])
    assert any(name.startswith(".strata-") for name in state)
    converge(wanted, texts=("A", "B"))
    assert listing(tmp_path) == {"a": "A", "b": "B"}


# --- the module: what the action sends, what it answers


def manifest(dest: Path, **changes: object) -> str:
    wants = [["", "dir", 0o755, "", 0], ["f\udcff", "file", 0o644, sha("A"), 1]]
    packed = {"dest": str(dest), "owner": str(os.getuid()), "group": str(os.getgid()), "exclude": [], "purge": False}
    packed |= {"validate": [], "commands": []}
    text = json.dumps([packed | {"origin": "here", "wants": wants} | changes])
    return base64.b64encode(zlib.compress(text.encode())).decode()


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for what outlives a call."""
    folder = tmp_path_factory.mktemp("state") / "file_trees"
    monkeypatch.setattr(paths, "LOCKS", str(tmp_path_factory.mktemp("locks")))
    monkeypatch.setattr(contents, "state_folder", lambda: str(folder))
    return folder


def test_the_first_call_asks_and_touches_nothing(tmp_path: Path, state: Path) -> None:
    answer = file_trees.run(manifest(tmp_path), None, check=False, with_diff=False)
    upload = answer.pop("upload")
    assert answer == {"changed": False, "missing": [sha("A")]}
    assert listing(tmp_path) == {}
    again = file_trees.run(manifest(tmp_path), None, check=False, with_diff=False)
    assert again["upload"].startswith(f"{state}-upload-")
    assert again["upload"] != upload, "another run would write to the same file"


def test_the_second_call_brings_names_exactly(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    packed = base64.b64encode(pack("A")).decode()
    answer = file_trees.run(manifest(tmp_path), packed, check=False, with_diff=True)
    assert answer["changed"]
    assert answer["changed_files"] == [f"{tmp_path}/f\\xff"]
    assert answer["diff"] == [{"prepared": f"{tmp_path}:\n+ f\\xff\n"}]
    assert os.listdir(os.fsencode(tmp_path)) == [b"f\xff"]  # noqa: PTH208 - bytes
    assert file_trees.run(manifest(tmp_path), None, check=False, with_diff=False)["changed"] is False


def test_what_was_uploaded_arrives_and_goes_away(tmp_path: Path, state: Path) -> None:
    upload = Path(contents.upload())
    upload.write_bytes(pack("A"))
    assert file_trees.run(manifest(tmp_path), None, check=False, with_diff=False, uploaded=str(upload))["changed"]
    assert listing(tmp_path) == {"f\udcff": "A"}
    assert list(state.parent.iterdir()) == []


@pytest.mark.parametrize("check", [True, False])
def test_only_an_upload_of_a_killed_run_goes_away(tmp_path: Path, check: bool) -> None:
    uploads = {age: Path(contents.upload()) for age in (0, contents.STALE + 60)}
    for age, upload in uploads.items():
        upload.write_text("half an arch")
        os.utime(upload, (time.time() - age,) * 2)
    file_trees.run(manifest(tmp_path), None, check=check, with_diff=False)
    assert [upload.exists() for upload in uploads.values()] == [True, check]


def test_a_second_run_waits_but_not_in_check_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    upload = Path(contents.upload())
    upload.write_bytes(pack("A"))
    with locks.exclusive("file_trees", check_mode=False):
        with pytest.raises(TimeoutError, match="another run has been changing file_trees on this host"):
            file_trees.run(manifest(tmp_path), None, check=False, with_diff=False, uploaded=str(upload))
        assert not upload.exists()
        assert file_trees.run(manifest(tmp_path), None, check=True, with_diff=False)["changed"]
    assert listing(tmp_path) == {}
    assert bring(tmp_path, "A")["changed"]


def test_check_mode_predicts_and_touches_nothing(tmp_path: Path) -> None:
    dest = tmp_path / "new"
    predicted = file_trees.run(manifest(dest), None, check=True, with_diff=True)
    assert not dest.exists()
    done = file_trees.run(manifest(dest), base64.b64encode(pack("A")).decode(), check=False, with_diff=True)
    assert predicted == done


def test_an_owner_may_be_missing_only_in_check_mode(tmp_path: Path) -> None:
    text = manifest(tmp_path, owner="nobody-here")
    assert file_trees.run(text, None, check=True, with_diff=False)["changed"]
    with pytest.raises(TreeError, match="of here: there is no user nobody-here on this host"):
        file_trees.run(text, None, check=False, with_diff=False)


# --- validate: before anything is changed


def bring(dest: Path, *texts: str, **changes: object) -> dict[str, object]:
    """Run the module with the contents, as its second call does."""
    packed = base64.b64encode(pack(*texts)).decode() if texts else None
    return file_trees.run(manifest(dest, **changes), packed, check=False, with_diff=True)


def check(pattern: str, code: str) -> dict[str, object]:
    return {"validate": [{"pattern": pattern, "command": f"{sys.executable} -c {shlex.quote(code)} %s"}]}


def test_a_refused_content_changes_nothing(tmp_path: Path, state: Path) -> None:
    dest = tmp_path / "dest"
    with pytest.raises(TreeError) as caught:
        bring(dest, "A", **check("f*", "import sys; sys.exit(sys.argv[1] + ' is bad')"))
    assert str(caught.value).startswith(f"the tree {dest} of here: {dest}/f\\xff is refused by {sys.executable} -c ")
    assert str(caught.value).endswith(f": {dest}/f\\udcff is bad")
    assert not dest.exists()
    assert not state.exists()


def test_a_content_is_validated_under_its_name(tmp_path: Path) -> None:
    code = "import os, sys; assert (os.path.basename(sys.argv[1]), open(sys.argv[1]).read()) == ('f\\udcff', 'A')"
    assert bring(tmp_path, "A", **check("*", code))["changed"]


def test_only_what_matches_is_validated(tmp_path: Path) -> None:
    assert bring(tmp_path, "A", **check("*.json", "raise SystemExit(1)"))["changed"]


def test_a_validator_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="cannot be validated by no-such-program %s: No such file"):
        bring(tmp_path, "A", validate=[{"pattern": "*", "command": "no-such-program %s"}])


# --- commands: after it


def command(*words: str, pattern: str = "*") -> dict[str, object]:
    return {"commands": [{"pattern": pattern, "command": list(words)}]}


def test_a_command_gets_what_changed_once(tmp_path: Path, state: Path) -> None:
    out = tmp_path / "out"
    dest = tmp_path / "dest"
    entry = command("sh", "-c", f"cat >>{out}")
    done = bring(dest, "A", **entry)
    assert done["commands"] == [f"sh -c 'cat >>{out}'"]
    assert done["diff"][-1] == {"prepared": f"! sh -c 'cat >>{out}'\n"}
    assert out.read_bytes() == os.fsencode(dest) + b"/f\xff\0"
    again = bring(dest, **entry)
    assert (again["changed"], again["commands"]) == (False, [])
    assert out.read_bytes().count(b"\0") == 1
    assert not state.exists()


def test_a_command_that_matches_nothing_is_not_run(tmp_path: Path) -> None:
    done = bring(tmp_path, "A", **command("false", pattern="*.conf"))
    assert (done["changed"], done["commands"]) == (True, [])


def test_a_command_that_failed_is_owed(tmp_path: Path) -> None:
    dest, flag, out = tmp_path / "dest", tmp_path / "flag", tmp_path / "out"
    entry = command("sh", "-c", f"cat >{out}; test -e {flag} || {{ echo no luck; false; }}")
    with pytest.raises(TreeError, match=r"the tree .* of here: the command sh .* tries again, failed: no luck"):
        bring(dest, "A", **entry)
    assert listing(dest) == {"f\udcff": "A"}
    out.unlink()
    predicted = file_trees.run(manifest(dest, **entry), None, check=True, with_diff=False)
    assert predicted["changed"]
    assert not out.exists()
    flag.touch()
    done = bring(dest, **entry)
    assert done["changed"]
    assert out.read_bytes() == os.fsencode(dest) + b"/f\xff\0"
    assert not bring(dest, **entry)["changed"]


def test_a_command_that_a_killed_run_owed_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dest, out = tmp_path / "dest", tmp_path / "out"
    entry = command("touch", str(out))
    with monkeypatch.context() as patch:
        patch.setattr(file_trees.Commands, "run", lambda _: sys.exit(9))
        with pytest.raises(SystemExit):
            bring(dest, "A", **entry)
    assert not bring(dest, **command("true"))["changed"], "what is no longer asked for is not owed"
    assert bring(dest, **entry)["changed"]
    assert out.exists()


def test_a_command_of_two_trees_is_run_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    entries = [
        json.loads(
            zlib.decompress(base64.b64decode(manifest(tmp_path / name, **command("sh", "-c", f"xargs -0 >>{out}"))))
        )[0]
        for name in "ab"
    ]
    both = base64.b64encode(zlib.compress(json.dumps(entries).encode())).decode()
    file_trees.run(both, base64.b64encode(pack("A")).decode(), check=False, with_diff=False)
    assert out.read_bytes() == os.fsencode(f"{tmp_path}/a/") + b"f\xff " + os.fsencode(f"{tmp_path}/b/") + b"f\xff\n"
