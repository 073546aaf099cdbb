"""Trees of files on real hosts."""

import hashlib
import os
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FILES = Path(__file__).parents[3] / "molecule/flat_files/files"
PROJECT_CONFIG = Path(__file__).parents[4] / "shared/data/project-config"
DEST = "/srv/trial"
KILLED = "/srv/killed"

Converge = Callable[..., Any]


@pytest.fixture
def source(host: Any, tmp_path: Path) -> Iterator[Path]:
    """Return an empty folder, whose tree goes to DEST; what it put there goes away."""
    yield tmp_path
    host.run(f"umount -q {DEST}; rm -rf {DEST} /srv/canary")


def local(folder: Path) -> dict[bytes, str]:
    """Return the sha256 of each file below a folder of the control side."""
    root = os.fsencode(folder)
    found = {}
    for parent, _, names in os.walk(root):
        for name in names:
            full = os.path.join(parent, name)  # noqa: PTH118 - bytes
            with open(full, "rb") as stream:  # noqa: PTH123
                found[os.path.relpath(full, root)] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def remote(host: Any, folder: str = DEST) -> dict[bytes, str]:
    """Return the sha256 of each file below a folder of the host."""
    lines = host.run(f"cd {folder} && find . -type f -print0 | xargs -0r sha256sum -z").stdout_bytes.split(b"\0")
    return {line[66:].removeprefix(b"./"): line[:64].decode() for line in lines if line}


def state(host: Any, *folders: str) -> str:
    """Return everything that there is to see of folders: names, kinds, modes, owners, times, targets."""
    found = host.check_output(f"find {' '.join(folders)} -printf '%p %y %m %u %g %T@ %C@ %l\\n' | sort")
    assert all(folder in found for folder in folders)
    return found


def acls() -> dict[bytes, str]:
    """Return what is included of the ACLs."""
    return {name: digest for name, digest in local(FILES / "acls").items() if name.endswith(b".config")}


def wait(host: Any, condition: str) -> None:
    """Wait until a command succeeds on the host."""
    assert host.run("timeout 100 sh -c %s", f"until {condition}; do sleep 0.1; done").rc == 0, condition


def trial(source: Path, **parameters: object) -> list[dict[str, object]]:
    return [{"src": str(source), "dest": DEST} | parameters]


def test_the_trees_are_there(host: Any) -> None:
    docs = local(FILES / "docs")
    del docs[b"next.draft"], docs[b"latest"]
    assert remote(host, "/srv/docs") == docs
    assert remote(host, "/etc/acls") == acls()
    assert host.file("/srv/docs/latest").is_symlink
    assert host.check_output("readlink /srv/docs/latest") == "index.html"
    assert host.run("/srv/docs/tools/check").rc == 0


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/docs", "755 root root"),
        ("/srv/docs/index.html", "644 root root"),
        ("/srv/docs/tools", "755 root root"),
        ("/srv/docs/tools/check", "755 root root"),
        ("/etc/acls", "750 daemon adm"),
        ("/etc/acls/team", "750 daemon adm"),
        ("/etc/acls/team/core.config", "640 daemon adm"),
    ],
)
def test_modes_and_owners(host: Any, path: str, expected: str) -> None:
    assert host.check_output(f"stat -c '%a %U %G' {path}") == expected


@pytest.mark.spread
@pytest.mark.parametrize(
    "damage",
    [
        ["sed -i s/G/g/ /srv/docs/index.html", "echo more >>/etc/acls/all.config", "rm /etc/acls/team/core.config"],
        [
            "chmod 644 /etc/acls/all.config",
            "chmod 700 /srv/docs/tools",
            "chown nobody /etc/acls/team/core.config",
            "chgrp nogroup /etc/acls",
        ],
        [
            "ln -sfn tools /srv/docs/latest",
            "ln -sfn /etc/passwd /srv/docs/index.html",
            "rm -r /srv/docs/tools && mkfifo /srv/docs/tools",
            "rm -r /etc/acls/team",
        ],
        ["mkdir -p /srv/docs/old/er && touch /srv/docs/old/x", "touch /etc/acls/team/.strata-0123456789abcdef"],
    ],
    ids=["contents", "metadata", "kinds", "extra"],
)
def test_what_is_changed_by_hand_is_repaired(host: Any, converge: Converge, damage: list[str]) -> None:
    show = "cd /srv; find docs /etc/acls -printf '%p %y %m %u %g %l\\n' | sort; cat docs/index.html /etc/acls/*.config"
    good = host.check_output(show)
    for command in damage:
        host.check_output(command)
    damaged = state(host, "/srv/docs", "/etc/acls")
    predicted = converge(check=True)
    assert (predicted.rc, predicted.changed) == (0, 1), predicted.output
    assert state(host, "/srv/docs", "/etc/acls") == damaged
    done = converge()
    assert (done.rc, done.changed) == (0, 1), done.output
    assert host.check_output(show) == good
    assert remote(host, "/etc/acls") == acls()
    assert converge().changed == 0


@pytest.mark.spread
def test_excluded_files_are_not_purged(host: Any, converge: Converge) -> None:
    host.check_output("mkdir /srv/docs/mine && touch /srv/docs/mine/a.draft /srv/docs/mine/b")
    assert converge().changed == 1
    assert host.file("/srv/docs/mine/a.draft").exists
    assert not host.file("/srv/docs/mine/b").exists
    host.check_output("rm -r /srv/docs/mine")


@pytest.mark.spread
def test_a_planted_link_leads_nowhere(host: Any, converge: Converge) -> None:
    host.check_output("mkdir /srv/canary && echo alive >/srv/canary/check && echo alive >/srv/canary/core.config")
    canary = state(host, "/srv/canary")
    host.check_output("rm -r /srv/docs/tools && ln -s /srv/canary /srv/docs/tools")
    assert converge().rc == 0
    assert host.check_output("stat -c %F /srv/docs/tools") == "directory"
    host.check_output("rm -r /etc/acls/team && ln -s /srv/canary /etc/acls/team")
    refused = converge()
    assert refused.rc != 0
    assert "the tree /etc/acls of flat_files_trees: /etc/acls/team shall be a folder, but a link is there" in " ".join(
        refused.output.split()
    )
    assert state(host, "/srv/canary") == canary
    host.check_output("rm -r /etc/acls/team /srv/canary")
    assert converge().rc == 0


@pytest.mark.spread
def test_a_destination_on_another_users_link_is_refused(host: Any, converge: Converge, source: Path) -> None:
    (source / "f").write_text("text")
    host.check_output(f"mkdir /srv/canary && ln -s /srv/canary {DEST} && chown -h nobody {DEST}")
    refused = converge(flat_files_trees=trial(source))
    assert "is a link of user 65534" in " ".join(refused.output.split())
    host.check_output(f"chown -h root {DEST}")
    followed = converge(flat_files_trees=trial(source))
    assert followed.rc == 0, followed.output
    assert host.file("/srv/canary/f").content_string == "text"
    assert host.file(DEST).is_symlink


@pytest.mark.spread
def test_hostile_names_arrive(host: Any, converge: Converge, source: Path) -> None:
    names = [b"a\nb", b"-rf", b"\xff\xfe", "ä€".encode(), b" lead", b"a'b\"c$(x)\\", b"{{ x }}", b"*", b".strata-own"]
    for name in names:
        folder = os.fsencode(source) + b"/" + name
        os.mkdir(folder)  # noqa: PTH102 - bytes
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(name)
    done = converge(flat_files_trees=trial(source, purge=True))
    assert (done.rc, done.changed) == (0, 1), done.output
    assert remote(host) == local(source)
    assert converge(flat_files_trees=trial(source, purge=True)).changed == 0


@pytest.mark.spread
def test_check_mode_makes_nothing(host: Any, converge: Converge, source: Path) -> None:
    (source / "f").write_text("text")
    predicted = converge(check=True, flat_files_trees=trial(source))
    assert (predicted.rc, predicted.changed) == (0, 1), predicted.output
    assert not host.file(DEST).exists


@pytest.mark.spread
def test_check_mode_predicts_every_parameter_exactly(
    host: Any, converge: Converge, fingerprint: Callable[[], dict[str, str]], source: Path
) -> None:
    for name in ("a.json", "b.json", "c.txt", "gone", "kept.draft", "not.included", "run"):
        (source / name).write_text("{}")
    (source / "link").symlink_to("c.txt")
    (source / "gone.d").mkdir()
    assert converge(flat_files_trees=trial(source)).changed == 1
    (source / "a.json").write_text('{"new": true}')
    (source / "new").mkdir()
    (source / "new" / "d.json").write_text("{}")
    (source / "run").chmod(0o755)
    (source / "link").unlink()
    (source / "link").symlink_to("a.json")
    (source / "gone").unlink()
    (source / "gone.d").rmdir()
    (source / "kept.draft").unlink()
    trees = trial(
        source,
        owner="daemon",
        group="adm",
        file_mode="0640",
        dir_mode="0750",
        include=["*.json", "*.txt", "*.draft", "run", "link"],
        exclude=["*.draft"],
        purge=True,
        validate=[{"pattern": "*.json", "command": "python3 -m json.tool %s"}],
        commands=[{"pattern": "*.json", "command": ["cat"]}, {"pattern": "*.draft", "command": ["false"]}],
    )
    before = fingerprint()
    predicted = converge(check=True, flat_files_trees=trees)
    assert fingerprint() == before
    done = converge(flat_files_trees=trees)
    assert (done.rc, done.changed) == (0, 1), done.output
    assert predicted.results[-1] == done.results[-1]
    assert {path.removeprefix(f"{DEST}/") for path in done.results[-1]["removed_files"]} == {
        "gone",
        "gone.d",
        "not.included",
    }
    assert done.results[-1]["commands"] == ["cat"]
    assert host.file(f"{DEST}/kept.draft").exists
    again = converge(check=True, flat_files_trees=trees)
    assert (again.changed, again.results[-1]["changed_files"]) == (0, [])


@pytest.fixture(scope="module")
def change(
    host: Any, converge: Converge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[list[Path], float]]:
    """Two folders of 300 files, of which 200 have the same names, and the seconds of a run from one to the other."""
    folders = [tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("new")]
    for first, folder in zip((0, 100), folders, strict=True):
        for number in range(first, first + 300):
            path = folder / str(number % 10) / str(number)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(os.urandom(2000))
    started = time.monotonic()
    for folder in reversed(folders):
        assert converge(flat_files_trees=trial(folder, dest=KILLED, purge=True)).rc == 0
    yield folders, (time.monotonic() - started) / 2
    host.check_output(f"rm -r {KILLED}")


@pytest.mark.soak(ordinary=5)
def test_a_run_killed_at_any_moment_is_completed(
    host: Any,
    begin: Callable[..., Any],
    converge: Converge,
    change: tuple[list[Path], float],
    moment: float,
    repetition: tuple[int, int],
    idle: Callable[[], None],
) -> None:
    folders, seconds = change
    folders.reverse()
    wanted, former = (local(folder) for folder in folders)
    trees = trial(folders[0], dest=KILLED, purge=True)
    begin(flat_files_trees=trees).kill_after(moment * seconds)
    if repetition[0] % 2:  # else the next run meets what the killed one left at work
        idle()
    for name, digest in remote(host, KILLED).items():
        assert b"/.strata-" in name or digest in (wanted.get(name), former.get(name)), f"{name!r} is half-written"
    done = converge(flat_files_trees=trees)
    assert done.rc == 0, done.output
    assert remote(host, KILLED) == wanted
    assert converge(flat_files_trees=trees).changed == 0


@pytest.mark.spread
def test_a_missing_source_is_named(host: Any, converge: Converge, source: Path) -> None:
    refused = converge(flat_files_trees=trial(source / "absent"))
    assert refused.rc != 0
    expected = f"the tree {DEST} of flat_files_trees: src {source}/absent does not exist"
    assert expected in " ".join(refused.output.split())
    assert "Traceback" not in refused.output
    assert not host.file(DEST).exists


@pytest.mark.soak
def test_a_killed_module_is_completed(host: Any, converge: Converge, source: Path) -> None:
    for number in range(2000):
        folder = source / str(number // 100)
        folder.mkdir(exist_ok=True)
        (folder / f"{number}").write_bytes(number.to_bytes(2) * 2000)
    script = f"""
        import glob, os, signal
        while not glob.glob("{DEST}/*/.strata-*"):
            pass
        for link in glob.glob("/proc/[0-9]*/fd/*"):
            try:
                if os.readlink(link).startswith("{DEST}"):
                    os.kill(int(link.split("/")[2]), signal.SIGKILL)
            except OSError:
                pass  # it ended, or is none of ours
    """
    host.check_output("systemd-run --collect --unit=strata-killer python3 -c %s", textwrap.dedent(script))
    try:
        assert converge(flat_files_trees=trial(source)).rc != 0
    finally:
        host.run("systemctl stop strata-killer")
    wanted = local(source)
    left = remote(host)
    assert any(b"/.strata-" in name for name in left)
    assert {name: digest for name, digest in left.items() if b"/.strata-" not in name}.items() <= wanted.items()
    predicted = converge(check=True, flat_files_trees=trial(source))
    assert remote(host) == left
    done = converge(flat_files_trees=trial(source))
    assert (done.rc, done.changed) == (0, 1), done.output
    assert done.results[-1]["changes"] == predicted.results[-1]["changes"]
    assert remote(host) == wanted


@pytest.mark.spread
def test_contents_too_big_for_a_call_arrive(host: Any, converge: Converge, source: Path) -> None:
    for name in "abc":
        (source / name).write_bytes(os.urandom(3 << 20))
    done = converge(flat_files_trees=trial(source))
    assert (done.rc, done.changed, done.calls) == (0, 1, 1 + 2 + 1), done.output  # facts, the tree, its contents
    assert remote(host) == local(source)
    assert host.run("ls -d /var/lib/strata/file_trees*").rc


@pytest.mark.spread
def test_runs_at_the_same_time_wait_for_each_other(
    host: Any, begin: Callable[..., Any], source: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (source / "first").write_text("first")
    host.check_output("mkdir /srv/canary")
    command = ["sh", "-c", "touch /srv/canary/begun; until test -e /srv/canary/go; do sleep 0.1; done"]
    first = begin(flat_files_trees=trial(source, commands=[{"pattern": "first", "command": command}]))
    wait(host, "test -e /srv/canary/begun")
    big = tmp_path_factory.mktemp("big")  # each of these runs has to send it ahead
    (big / "second").write_bytes(os.urandom(6 << 20))
    others = [begin(flat_files_trees=trial(big)) for _ in range(2)]
    opened = "find /proc/[0-9]*/fd -lname /run/strata-locks/file_trees.lock 2>/dev/null | wc -l"
    wait(host, f"test $({opened}) -eq 3")
    assert remote(host) == local(source)
    host.check_output("touch /srv/canary/go")
    for run in (first, *others):
        done = run.end()
        assert done.rc == 0, done.output
    assert remote(host) == local(source) | local(big)
    assert host.run("ls -d /var/lib/strata/file_trees*").rc


@pytest.mark.spread
def test_folders_nested_too_deep_are_refused_by_name(host: Any, converge: Converge, source: Path) -> None:
    (source / "kept").write_text("text")
    deep = "/".join(["d"] * 1200)
    host.check_output(f"mkdir -p {DEST}/{deep} && touch {DEST}/junk")
    refusals = [converge(flat_files_trees=trial(source, purge=True))]
    subprocess.run(["mkdir", "-p", source / deep], check=True)
    try:
        refusals.append(converge(flat_files_trees=trial(source)))
        done = converge(flat_files_trees=trial(source, purge=True, exclude=["d"]))
    finally:
        subprocess.run(["rm", "-rf", source / "d"], check=True)
    for place, refused in zip((DEST, source), refusals, strict=True):
        assert refused.rc != 0
        named = f"the tree {DEST} of flat_files_trees: {place}{'/d' * 201} is deeper than 200 folders: exclude it"
        assert named in refused.said
        assert "Traceback" not in refused.output
    assert done.rc == 0, done.output
    assert remote(host) == local(source)


@pytest.mark.spread
def test_a_full_disk_changes_no_file(host: Any, converge: Converge, source: Path) -> None:
    for name in ("a", "b"):
        (source / name).write_text("old")
    host.check_output(f"mkdir {DEST} && mount -t tmpfs -o size=256k,mode=755 tmpfs {DEST}")
    assert converge(flat_files_trees=trial(source)).rc == 0
    before = local(source)
    for name in ("a", "b"):
        (source / name).write_bytes(os.urandom(200_000))
    refused = converge(flat_files_trees=trial(source))
    assert refused.rc != 0
    assert "No space left on device" in " ".join(refused.output.split())
    assert remote(host) == before


@pytest.mark.spread
def test_a_refused_content_changes_nothing_and_is_named(host: Any, converge: Converge, source: Path) -> None:
    for name in ("a.json", "b.json", "c.txt"):
        (source / name).write_text("{}")
    check = [{"pattern": "*.json", "command": "python3 -m json.tool %s"}]
    assert converge(flat_files_trees=trial(source, validate=check)).changed == 1
    before = state(host, DEST)
    (source / "a.json").write_text('{"new": true}')
    (source / "b.json").write_text("{")
    (source / "new").mkdir()
    refused = converge(flat_files_trees=trial(source, validate=check))
    assert (refused.rc, refused.changed) == (2, 0), refused.output
    said = f"{DEST}/b.json is refused by python3 -m json.tool %s: Expecting property name"
    assert said in " ".join(refused.output.split())
    assert state(host, DEST) == before


@pytest.mark.spread
def test_a_command_is_run_when_its_files_change_and_owed_until_it_has_worked(
    host: Any, converge: Converge, source: Path
) -> None:
    (source / "a.conf").write_text("a")
    (source / "b.txt").write_text("b")
    host.check_output("mkdir /srv/canary")
    log = "xargs -0 -n 1 echo >>/srv/canary/log && test ! -e /srv/canary/broken"
    trees = trial(source, commands=[{"pattern": "*.conf", "command": ["sh", "-c", log]}])
    assert converge(flat_files_trees=trees).changed == 1
    (source / "b.txt").write_text("B")
    assert converge(flat_files_trees=trees).changed == 1
    assert host.file("/srv/canary/log").content_string == f"{DEST}/a.conf\n"
    (source / "a.conf").write_text("A")
    host.check_output("touch /srv/canary/broken")
    failed = converge(flat_files_trees=trees)
    assert failed.rc != 0
    assert "which the next run tries again, failed" in " ".join(failed.output.split())
    host.check_output("rm /srv/canary/broken /srv/canary/log")
    done = converge(flat_files_trees=trees)
    assert (done.rc, done.changed) == (0, 1), done.output
    assert host.file("/srv/canary/log").content_string == f"{DEST}/a.conf\n"
    assert not host.file("/var/lib/strata/file_trees").exists


@pytest.mark.spread
@pytest.mark.skipif(not PROJECT_CONFIG.is_dir(), reason="shared data absent")
def test_a_real_project_config_arrives(host: Any, converge: Converge, source: Path) -> None:
    assert source.is_dir()
    done = converge(flat_files_trees=trial(PROJECT_CONFIG))
    assert (done.rc, done.changed) == (0, 1), done.output
    wanted = local(PROJECT_CONFIG)
    assert len(wanted) > 100
    assert remote(host) == wanted
    assert converge(flat_files_trees=trial(PROJECT_CONFIG)).changed == 0
