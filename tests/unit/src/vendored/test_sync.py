"""vendor/roles/ is exactly what is locked, and nothing happens where it is so already."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from strata.vendored import cache
from strata.vendored import git as git_module
from strata.vendored.vendor import KEPT

from .conftest import SRC, Repo, git

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Checkout, Server

ROLE = {
    "tasks/main.yml": "- ansible.builtin.debug:\n    msg: first\n",
    "files/run*": "#!/bin/sh\n",
    "files/deep/er/link@": "../../run",
}
PATHS = ["files/deep/er/link", "files/run", "meta/main.yml", "tasks/main.yml"]


@pytest.fixture
def repos(server: Server, checkout: Checkout) -> list[Repo]:
    """Make three modules, locked and synced."""
    made = [server.repo(f"ansible-{name}") for name in ("one", "two", "three")]
    for repo in made:
        repo.files(ROLE | {"meta/main.yml": f"# {repo.path.name}\n"}, ref="refs/heads/main")
    checkout.env(*((repo, "main") for repo in made))
    checkout.well("lock")
    checkout.well("sync")
    return made


def change(repo: Repo, text: str = "second\n", ref: str = "refs/heads/main") -> str:
    """Commit another state on top of a branch."""
    return repo.files(ROLE | {"meta/main.yml": text}, git(repo.path, "rev-parse", "main"), ref=ref)


def test_a_new_checkout(repos: list[Repo], checkout: Checkout) -> None:
    sha = git(repos[0].path, "rev-parse", "main")
    assert f"\none {sha} refs/heads/main {repos[0].url}\n" in checkout.lock
    assert [line.split()[0] for line in checkout.lock.splitlines()[1:]] == ["one", "three", "two"]
    assert checkout.content("one") == {
        "tasks/main.yml": ROLE["tasks/main.yml"],
        "files/run": "#!/bin/sh\n",
        "files/deep/er/link": "#!/bin/sh\n",
        "meta/main.yml": "# ansible-one\n",
    }
    assert os.access(checkout.role("one") / "files/run", os.X_OK)
    assert not os.access(checkout.role("one") / "tasks/main.yml", os.X_OK)
    assert (checkout.role("one") / "files/deep/er/link").readlink() == Path("../../run")
    assert checkout.well("check") == ""


def test_nothing_to_do_asks_nobody_and_starts_nothing(
    repos: list[Repo], server: Server, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    program = tmp_path / "git"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    before = {path: path.lstat() for path in (checkout.root / "vendor").rglob("*")}
    assert checkout.well("sync") == "0 done, 3 unchanged, 0 failed\n"
    assert checkout.well("check") == ""
    assert {path: path.lstat() for path in (checkout.root / "vendor").rglob("*")} == before
    assert not (tmp_path / "started").exists()
    assert len(repos) == 3


def test_a_start_with_nothing_to_do_imports_little(checkout: Checkout) -> None:
    """What takes long to import is left out; how long all takes is measured by benchmarks/modules."""
    checkout.file.write_text("# none\n")
    script = (
        "import sys\nfrom strata.cli import main\nsys.argv = ['strata', 'modules', 'sync', '--file', sys.argv[1]]\n"
        "try:\n    main()\nfinally:\n    print({'ansible', 'ruamel.yaml', 'rich', 'yaml'} & set(sys.modules))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run(
        [sys.executable, "-c", script, checkout.file], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0 done, 0 unchanged, 0 failed\nset()\n"


def test_a_change_comes_only_by_the_lock(repos: list[Repo], checkout: Checkout) -> None:
    sha = change(repos[0])
    assert checkout.well("sync").startswith("0 done")
    others = [checkout.role(name).readlink() for name in ("two", "three")]
    assert f"..{sha} refs/heads/main" in checkout.well("lock")
    done = checkout.run("check")
    assert (done.code, done.out.startswith("one: is ")) == (1, True)
    assert f"..{sha[:12]}\n" in checkout.well("sync")
    assert checkout.content("one")["meta/main.yml"] == "second\n"
    assert [checkout.role(name).readlink() for name in ("two", "three")] == others


def test_back_without_a_server(repos: list[Repo], server: Server, checkout: Checkout) -> None:
    """An older lock is brought from the cache."""
    old = checkout.lock
    change(repos[0])
    checkout.well("lock")
    checkout.well("sync")
    server.stop()
    (checkout.root / "modules.lock").write_text(old)
    checkout.well("sync")
    assert checkout.content("one")["meta/main.yml"] == "# ansible-one\n"


def test_the_cache_does_not_grow_for_ever(
    repos: list[Repo], checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MAX_PACK_FILES", 6)
    folder = checkout.root / ".strata/modules"
    for number in range(5):
        change(repos[0], f"{number}\n")
        checkout.well("lock")
        checkout.well("sync")
        (cached,) = folder.glob("one-*.git")
        assert len(list((cached / "objects/pack").iterdir())) <= 9
    assert checkout.content("one")["meta/main.yml"] == "4\n"
    checkout.env((repos[1], "main"))
    checkout.well("lock")
    checkout.well("sync")
    assert cached.exists()
    (folder / "new-killed").mkdir()
    for path in folder.iterdir():
        os.utime(path, (0, time.time() - KEPT - 60))
    checkout.well("sync")
    assert sorted(path.name.partition("-")[0] for path in folder.iterdir()) == ["busy", "two"]


def edit(role: Path) -> None:
    (role / "tasks/main.yml").write_text("- ansible.builtin.debug:\n    msg: other\n")


def edit_in_secret(role: Path) -> None:
    """Keep size and time of a file."""
    path = role / "tasks/main.yml"
    status = path.stat()
    path.write_text(path.read_text().replace("first", "tsrif"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def turn(role: Path) -> None:
    (role / "files/deep/er/link").unlink()
    (role / "files/deep/er/link").symlink_to("../../../tasks/main.yml")


def replace(role: Path) -> None:
    (role / "meta/main.yml").unlink()
    (role / "meta/main.yml").mkdir()


def own_folder(role: Path) -> None:
    role.unlink()
    role.mkdir()
    (role / "mine").write_text("precious\n")


DRIFT = {
    "edited": (edit, ["one: edited tasks/main.yml"]),
    "edited in secret": (edit_in_secret, ["one: edited tasks/main.yml"]),
    "mode": (lambda role: (role / "files/run").chmod(0o644), ["one: edited files/run"]),
    "link": (turn, ["one: edited files/deep/er/link"]),
    "missing": (lambda role: (role / "meta/main.yml").unlink(), ["one: missing meta/main.yml"]),
    "extra": (lambda role: (role / "tasks/more.yml").write_text("x"), ["one: extra tasks/more.yml"]),
    "extra folder": (lambda role: (role / "vars").mkdir(), ["one: extra vars"]),
    "folder for a file": (replace, ["one: edited meta/main.yml"]),
    "gone": (lambda role: role.unlink(), ["one: is not there"]),
    "gone all": (lambda role: shutil.rmtree(role.resolve()), [f"one: missing {path}" for path in PATHS]),
    "own folder": (own_folder, ["one: is not a link to a tree of Strata's"]),
    "other link": (lambda role: (role.unlink(), role.symlink_to("/tmp/x")), ["one: is a link to /tmp/x"]),
    "manifest": (lambda role: (role.resolve().parent / "manifest.json").write_text("{"), None),
    "a role of nobody": (lambda role: (role.parent / "extra").mkdir(), ["extra: is not a module of modules.env"]),
    "a file of nobody": (lambda role: (role.parent / "note").write_text("x"), ["note: is not a module of modules.env"]),
    "a link of nobody": (lambda role: (role.parent / "l").symlink_to("x"), ["l: is not a module of modules.env"]),
}


@pytest.mark.parametrize("case", DRIFT)
def test_drift_is_said_and_taken_back(repos: list[Repo], checkout: Checkout, case: str) -> None:
    act, expected = DRIFT[case]
    before = checkout.content("one")
    act(checkout.role("one"))
    done = checkout.run("check")
    assert done.code == 1
    if expected is not None:
        assert done.out.splitlines() == expected
    assert checkout.well("sync").endswith(" 0 failed\n")
    assert checkout.content("one") == before
    assert checkout.well("check") == ""
    assert checkout.well("sync").startswith("0 done, 3 unchanged")
    assert len(repos) == 3


def test_what_a_person_wrote_is_kept_for_a_day(repos: list[Repo], checkout: Checkout) -> None:
    edit(checkout.role("one"))
    own_folder(checkout.role("two"))
    (checkout.role("extra")).mkdir()
    (checkout.role("extra") / "mine").write_text("precious\n")
    out = checkout.well("sync")
    trees = checkout.root / "vendor/.trees"
    kept = [line for line in out.splitlines() if "kept" in line]
    assert [line.split()[0] for line in kept] == ["extra", "one", "two"]
    assert sorted(path.parent.name for path in trees.glob("*/mine")) == []
    assert sorted(path.parent.name for path in trees.glob("*/*/mine")) == ["extra", "two"]
    assert [path for path in trees.glob("*/one/tasks/main.yml") if "other" in path.read_text()]
    for holder in trees.iterdir():
        os.utime(holder, (0, time.time() - KEPT - 60))
    checkout.well("sync")
    assert len(list(trees.iterdir())) == len(repos)
    assert checkout.well("check") == ""


def test_a_run_goes_on_with_what_it_began_with(repos: list[Repo], checkout: Checkout, tmp_path: Path) -> None:
    """Ansible finds the role; what is switched while it runs does not meet it."""
    tasks = (
        "- ansible.builtin.file: {path: '{{ dir }}/began', state: touch, mode: '0644'}\n"
        "- ansible.builtin.wait_for: {path: '{{ dir }}/switched', sleep: 1}\n"
        "- ansible.builtin.copy: {src: text, dest: '{{ dir }}/copied', mode: '0644'}\n"
    )
    sha = repos[0].files({"tasks/main.yml": tasks, "files/text": "old\n"})
    checkout.well("lock")
    checkout.well("sync")
    ours = (SRC.parent / "ansible.cfg").read_text().splitlines()
    (checkout.root / "ansible.cfg").write_text(
        "\n".join(["[defaults]", *(x for x in ours if x.startswith("roles_path"))])
    )
    (checkout.root / "site.yml").write_text("- hosts: all\n  gather_facts: false\n  roles: [one]\n")
    environment = {**os.environ, "ANSIBLE_CONFIG": str(checkout.root / "ansible.cfg")}
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", "site.yml"]
    command += ["-e", f"dir={tmp_path} ansible_python_interpreter={sys.executable}"]
    with subprocess.Popen(command, cwd=checkout.root, env=environment, stdout=subprocess.PIPE, text=True) as run:
        while not (tmp_path / "began").exists():
            assert run.poll() is None, run.communicate()
            time.sleep(0.02)
        repos[0].files({"tasks/main.yml": tasks, "files/text": "new\n"}, sha)
        checkout.well("lock")
        checkout.well("sync")
        (tmp_path / "switched").touch()
        out, _ = run.communicate()
    assert run.returncode == 0, out
    assert (tmp_path / "copied").read_text() == "old\n"
    assert checkout.content("one")["files/text"] == "new\n"


def test_a_repository_that_is_unreachable(repos: list[Repo], checkout: Checkout) -> None:
    for repo in repos:
        change(repo)
    checkout.well("lock")
    repos[1].path.rename(repos[1].path.with_name("away"))
    done = checkout.run("sync")
    assert done.code == 1
    assert done.err.startswith("FAILED two: ")
    assert done.err.endswith("; vendor/roles/two stays as it was\n")
    assert done.out.endswith("2 done, 0 unchanged, 1 failed\n")
    assert [checkout.content(name)["meta/main.yml"] for name in ("one", "two", "three")] == [
        "second\n",
        "# ansible-two\n",
        "second\n",
    ]
    repos[1].path.with_name("away").rename(repos[1].path)
    assert checkout.well("sync").endswith("1 done, 2 unchanged, 0 failed\n")
    assert checkout.content("two")["meta/main.yml"] == "second\n"


def test_no_server_at_all(repos: list[Repo], server: Server, checkout: Checkout) -> None:
    lock = checkout.lock
    server.stop()
    done = checkout.run("lock")
    assert done.code == 1
    assert done.err.count("\n") == len(repos)
    assert "two: fatal: unable to connect" in done.err
    assert checkout.lock == lock


def test_a_commit_that_the_server_has_no_more(repos: list[Repo], checkout: Checkout) -> None:
    sha = change(repos[0])
    checkout.well("lock")
    git(repos[0].path, "update-ref", "refs/heads/main", f"{sha}~1")
    git(repos[0].path, "-c", "gc.pruneExpire=now", "gc", "-q")
    done = checkout.run("sync")
    assert done.code == 1
    assert f"has no commit {sha}; refs/heads/main is " in done.err
    assert checkout.content("one")["meta/main.yml"] == "# ansible-one\n"


@pytest.fixture
def web(server: Server) -> Iterator[str]:
    """Serve the same repositories by HTTP as files, which is what knows neither shallow fetches nor commits by name."""
    handler = functools.partial(Quiet, directory=server.folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_server_that_can_do_nothing(repos: list[Repo], web: str, checkout: Checkout) -> None:
    sha = git(repos[0].path, "rev-parse", "main")
    change(repos[0])
    git(repos[0].path, "update-server-info")
    checkout.env((Repo(repos[0].path, f"{web}/ansible-one"), sha))
    checkout.well("lock")
    shutil.rmtree(checkout.root / "vendor")
    checkout.well("sync")
    assert checkout.content("one")["meta/main.yml"] == "# ansible-one\n"


def test_a_server_that_gives_only_what_it_advertises(
    repos: list[Repo], checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(git_module.SETTINGS, "protocol.version", "0")
    sha = git(repos[0].path, "rev-parse", "main")
    change(repos[0])
    shutil.rmtree(checkout.root / ".strata")
    shutil.rmtree(checkout.root / "vendor")
    checkout.env((repos[0], sha))
    checkout.well("lock")
    checkout.well("sync")
    assert checkout.content("one")["meta/main.yml"] == "# ansible-one\n"


def test_a_folder_of_this_machine(repos: list[Repo], checkout: Checkout) -> None:
    checkout.env((Repo(repos[0].path, f"file://{repos[0].path}"), "main"))
    assert "only --allow-file lets it pass" in checkout.run("lock").err
    checkout.well("lock", "--allow-file")
    assert "only --allow-file lets it pass" in checkout.run("sync").err
    checkout.well("sync", "--allow-file")
    assert checkout.content("one")["meta/main.yml"] == "# ansible-one\n"


def test_a_repository_with_sha256(server: Server, checkout: Checkout) -> None:
    git(server.folder, "init", "-q", "--bare", "--object-format=sha256", "ansible-x")
    repo = Repo(server.folder / "ansible-x", f"git://127.0.0.1:{server.port}/ansible-x")
    sha = repo.files(ROLE)
    assert len(sha) == 64
    checkout.env((repo, "main"))
    checkout.well("lock")
    checkout.well("sync")
    assert checkout.content("x")["files/run"] == "#!/bin/sh\n"
    assert checkout.well("check") == ""


def test_requirements_yml(repos: list[Repo], checkout: Checkout) -> None:
    checkout.file = checkout.root / "requirements.yml"
    checkout.file.write_text(f"roles:\n  - src: {repos[0].url}\n    version: main\n    name: uno\n")
    checkout.well("lock")
    checkout.well("sync")
    assert sorted(path.name for path in (checkout.root / "vendor/roles").iterdir()) == ["uno"]


def test_a_role_of_ours_is_not_shadowed(repos: list[Repo], checkout: Checkout) -> None:
    (checkout.root / "roles/two").mkdir(parents=True)
    for verb in ("lock", "sync", "check", "update"):
        done = checkout.run(verb)
        assert done.code == 1
        assert done.err.startswith("modules.env:2: two is a role in roles/, which would hide this one: give it another")
    assert len(repos) == 3


def test_the_lock_must_be_that_of_modules_env(repos: list[Repo], checkout: Checkout) -> None:
    for modules, names in [
        ([(repo, "main") for repo in repos[:2]], "three"),
        ([(repos[0], "main"), (repos[1], "other"), (repos[2], "main")], "two"),
        ([(repos[0], "origin/main"), (repos[1], "refs/heads/main"), (repos[2], "main")], None),
    ]:
        checkout.env(*modules)
        done = checkout.run("sync")
        if names is None:
            assert done.code == 0
        else:
            assert done.err == f"modules.lock is not what modules.env says of {names}: run `bin/strata modules lock`"


def test_a_working_copy(repos: list[Repo], checkout: Checkout, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "README").write_text("mine\n")
    out = checkout.well("sync", "--local", f"two={mine}")
    assert out == f"two is the working copy {mine}\n1 done, 2 unchanged, 0 failed\n"
    assert checkout.content("two") == {"README": "mine\n"}
    done = checkout.run("check")
    assert (done.code, done.out) == (1, f"two: is a link to {mine}\n")
    checkout.well("sync")
    assert checkout.content("two")["meta/main.yml"] == "# ansible-two\n"
    assert (mine / "README").exists()
    for wrong in (f"four={mine}", "two=/nowhere", "two", f"={mine}", f"two={mine / 'README'}"):
        assert checkout.run("sync", "--local", wrong).code == 2
    assert len(repos) == 3


def test_a_list(repos: list[Repo], checkout: Checkout) -> None:
    git(repos[0].path, "tag", "v1.2", "main")
    checkout.env((repos[0], "v1.2"), (repos[1], "main"))
    assert checkout.well("list").splitlines()[0].startswith(f"one {repos[0].url} v1.2 - ")
    checkout.well("lock")
    checkout.well("sync")
    sha = git(repos[0].path, "rev-parse", "main")[:12]
    first, second = checkout.well("list").splitlines()
    assert first.startswith(f"one {repos[0].url} v1.2 v1.2 {sha} ")
    assert first.endswith(("-years", "-year"))
    assert second.startswith(f"two {repos[1].url} main - ")


def test_a_disk_that_is_full(server: Server, checkout: Checkout) -> None:
    small, large = server.repo("ansible-small"), server.repo("ansible-large")
    for repo in (small, large):
        repo.files({"a": "1"})
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", checkout.root], check=False).returncode:
        pytest.skip("a small file system can't be mounted, which takes root")
    try:
        checkout.env((small, "main"), (large, "main"))
        checkout.well("lock")
        checkout.well("sync")
        small.files({"a": "2"})
        large.commit(large.tree(("100644", b"a", large.blob(os.urandom(2 << 20)))))
        checkout.well("lock")
        done = checkout.run("sync")
        assert done.code == 1
        assert done.err.startswith("FAILED large: ")
        assert "No space left" in done.err
        assert (checkout.content("small"), checkout.content("large")) == ({"a": "2"}, {"a": "1"})
        large.files({"a": "3"})
        checkout.well("lock")
        checkout.well("sync")
        assert checkout.content("large") == {"a": "3"}
    finally:
        subprocess.run(["umount", checkout.root], check=True)
