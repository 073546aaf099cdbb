"""What strangers may write into modules.env, modules.lock and their repositories: a canary file never appears."""

from __future__ import annotations

import os
import shutil
import socket
import zlib
from typing import TYPE_CHECKING

import pytest

from strata.vendored import cache, git, tree, vendor

from .conftest import git as git_of_owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Checkout, Repo, Server

SHA = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


@pytest.fixture(autouse=True)
def canary(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


@pytest.fixture
def no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canary: Path) -> None:
    """Let a start of git raise the canary."""
    program = tmp_path / "programs" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {canary}\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


URLS = [
    "ext::sh -c 'touch {canary}'",
    "ext::sh",
    "fd::17",
    "file:///srv/git/ansible-x",
    "file://host/srv/x",
    "/srv/git/ansible-x",
    "./x",
    "../ansible-x",
    "~/ansible-x",
    "-oProxyCommand=touch",
    "--upload-pack=touch",
    "ssh://-oProxyCommand=touch/x",
    "ssh://git@-oProxyCommand=touch/x",
    "ssh://host:-1/x",
    "ssh://host/-x",
    "git@-oProxyCommand=x:y",
    "git@host:-x",
    "git@host:../x",
    "host:path",
    "https://ada:secret@host/x",
    "https://token@host/x",
    "https://host/../x",
    "git://host/a/../../x",
    "https://host/a b",
    "https://host/a;touch",
    "https://host/a|touch",
    "https://host/$(touch {canary})",
    "https://host/`touch {canary}`",
    "https://host/${X:-y}",
    "https://host/\x1b[2Jx",
    "https://host/\x00x",
    "https://host/x\r",
    "https://host/\u202ex",
    "https:///x",
    "https://host",
    "HTTPS://host/x",
    "gopher://host/x",
    "javascript:x",
    "",
]

REFS = [
    "-x",
    "--upload-pack=touch {canary}",
    "a..b",
    "a b",
    "a~1",
    "a^",
    "a^{}",
    "main:refs/heads/x",
    "refs/heads/*",
    "[a]",
    "a\\b",
    "a.lock",
    "@{-1}",
    "a//b",
    "/a",
    "a/",
    "$(touch {canary})",
    "`touch {canary}`",
    "\x1b[2J",
    "a\u202eb",
    "",
]

NAMES = ["../x", "/x", "a/b", ".", "..", "-x", "x;y", "X", "x\u0301", "a" * 3 + "-b"]

LINES = [
    f"x {SHA} main",
    f"x {SHA} refs/heads/main https://h/x extra",
    f"../x {SHA} refs/heads/main https://h/x",
    f"-x {SHA} refs/heads/main https://h/x",
    "x HEAD refs/heads/main https://h/x",
    f"x --upload-pack={SHA} refs/heads/main https://h/x",
    f"x {SHA.upper()} refs/heads/main https://h/x",
    f"x {SHA} --exec https://h/x",
    f"x {SHA} refs/heads/main ext::sh",
    f"x {SHA} refs/heads/main file:///x",
    f"x {SHA} refs/heads/main https://h/x\nx {SHA} refs/heads/main https://h/x",
    "<<<<<<< HEAD",
    "\x1b[2J",
]


@pytest.mark.usefixtures("no_git")
@pytest.mark.parametrize("verb", ["lock", "sync"])
@pytest.mark.parametrize("url", URLS)
def test_url_is_refused_before_git_runs(checkout: Checkout, canary: Path, url: str, verb: str) -> None:
    text = url.replace("{canary}", str(canary))
    checkout.file.write_text(f'# one\nSOURCE_MODULES["{text}"]="1"\n')
    done = checkout.run(verb)
    assert done.code == 1
    assert done.err.startswith("modules.env:2: ")
    assert done.err.isprintable()
    assert "secret" not in done.err
    assert "token@" not in done.err


@pytest.mark.usefixtures("no_git")
@pytest.mark.parametrize("ref", REFS)
def test_ref_is_refused_before_git_runs(checkout: Checkout, canary: Path, ref: str) -> None:
    checkout.file.write_text(f'SOURCE_MODULES["https://h/ansible-x"]="{ref.replace("{canary}", str(canary))}"\n')
    done = checkout.run("lock")
    assert done.code == 1
    assert done.err.startswith("modules.env:1: ")
    assert done.err.isprintable()


@pytest.mark.usefixtures("no_git")
@pytest.mark.parametrize("name", NAMES)
def test_name_is_refused_before_git_runs(checkout: Checkout, name: str) -> None:
    checkout.file.write_text(f'SOURCE_MODULES["https://h/x"]="1" # name: {name}\n')
    done = checkout.run("lock")
    assert done.code == 1
    assert done.err.startswith("modules.env:1: ")


@pytest.mark.usefixtures("no_git")
@pytest.mark.parametrize("line", LINES)
def test_line_of_the_lock_is_refused_before_git_runs(checkout: Checkout, line: str) -> None:
    checkout.file.write_text('SOURCE_MODULES["https://h/x"]="main"\n')
    (checkout.root / "modules.lock").write_text(f"# one\n{line}\n")
    done = checkout.run("sync")
    assert done.code == 1
    assert done.err.startswith("modules.lock:")
    assert done.err.isprintable()
    assert not checkout.role("x").exists()


def linked(*links: tuple[bytes, bytes]) -> Callable[[Repo], str]:
    return lambda repo: repo.tree(*(("120000", name, repo.blob(target)) for name, target in sorted(links)))


def named(name: bytes) -> Callable[[Repo], str]:
    return lambda repo: repo.tree(("100644", name, repo.blob(b"x")))


def through_a_link(repo: Repo) -> str:
    """A link, and a folder of the same name whose files would be written to where it leads."""
    inside = repo.tree(("100644", b"canary", repo.blob(b"x")))
    return repo.tree(("120000", b"a", repo.blob(str(repo.path.parents[1]).encode())), ("40000", b"a", inside))


def hooked(repo: Repo) -> str:
    hooks = repo.tree(("100755", b"post-checkout", repo.blob(b"#!/bin/sh\nexit 1\n")))
    return repo.tree(("40000", b".git", repo.tree(("40000", b"hooks", hooks))))


def bomb(repo: Repo) -> str:
    """Ten folders in each of ten folders, and so on."""
    folder = repo.tree(("100644", b"f", repo.blob(b"x")))
    for _ in range(6):
        folder = repo.tree(*(("40000", b"%d" % number, folder) for number in range(10)))
    return folder


def deep(repo: Repo) -> str:
    folder = repo.tree(("100644", b"f", repo.blob(b"x")))
    for _ in range(tree.MAX_DEPTH):
        folder = repo.tree(("40000", b"d", folder))
    return folder


def file_as_folder(repo: Repo) -> str:
    return repo.tree(("40000", b"a", repo.blob(b"no tree")))


def folder_as_file(repo: Repo) -> str:
    return repo.tree(("100644", b"a", repo.tree(("100644", b"f", repo.blob(b"x")))))


TREES = {
    "up": (named(b".."), "a name that is refused"),
    "dot": (named(b"."), "a name that is refused"),
    "slash": (named(b"../canary"), "a name that is refused"),
    "absolute": (named(b"/tmp/canary"), "a name that is refused"),
    "control": (named(b"a\nb"), "a name that is refused"),
    "escape": (named(b"\x1b[2J"), "a name that is refused"),
    "bidi": (named("a\u202eb".encode()), "a name that is refused"),
    "latin": (named(b"caf\xe9"), "a name that is not UTF-8"),
    "git": (hooked, ".git would be taken for git's own folder"),
    "GIT": (named(b".GiT"), ".GiT would be taken for git's own folder"),
    "git-dots": (named(b".git. ."), "would be taken for git's own folder"),
    "git-short": (named(b"GIT~1"), "would be taken for git's own folder"),
    "git-joiner": (named(".g\u200dit".encode()), "a name that is refused"),
    "link-and-folder": (through_a_link, "a and a are the same where case does not matter"),
    "case": (
        lambda repo: repo.tree(("100644", b"A", repo.blob(b"1")), ("100644", b"a", repo.blob(b"2"))),
        "A and a are the same where case does not matter",
    ),
    "accents": (
        lambda repo: repo.tree(
            ("100644", "e\u0301".encode(), repo.blob(b"1")), ("100644", "\u00e9".encode(), repo.blob(b"2"))
        ),
        "are the same where case does not matter",
    ),
    "link-absolute": (linked((b"a", b"/etc/passwd")), "the link a leaves the role: b'/etc/passwd'"),
    "link-up": (linked((b"a", b"x/../../y")), "the link a leaves the role"),
    "link-over-link": (linked((b"a", b"."), (b"b", b"a/..")), "the link b leaves the role"),
    "link-over-links": (linked((b"a", b"b"), (b"b", b"c/.."), (b"c", b".")), "leaves the role"),
    "link-circle": (linked((b"a", b"b"), (b"b", b"a")), "leads in a circle"),
    "link-long": (linked((b"a", b"x" * 5000)), "leads nowhere that has a name"),
    "link-nul": (linked((b"a", b"x\0y")), "leads nowhere that has a name"),
    "mode": (lambda repo: repo.tree(("140000", b"a", repo.blob(b"x"))), "a has the mode 140000"),
    "device": (lambda repo: repo.tree(("60000", b"a", repo.blob(b"x"))), "a has the mode 60000"),
    "bomb": (bomb, "has more than 20000 files and folders"),
    "deep": (deep, "folders are nested deeper than 60"),
    "file-as-folder": (file_as_folder, ""),
    "folder-as-file": (folder_as_file, ""),
}


@pytest.mark.parametrize("case", TREES)
def test_tree_is_refused_and_nothing_is_left(server: Server, checkout: Checkout, case: str) -> None:
    make, message = TREES[case]
    good, bad = server.repo("ansible-good"), server.repo("ansible-bad")
    good.files({"tasks/main.yml": "[]\n"})
    bad.commit(make(bad))
    checkout.env((good, "main"), (bad, "main"))
    checkout.well("lock")
    done = checkout.run("sync")
    assert done.code == 1
    assert message in done.err
    assert done.err.replace("\n", "").isprintable()
    assert checkout.content("good") == {"tasks/main.yml": "[]\n"}
    assert not os.path.lexists(checkout.role("bad"))
    assert len(list((checkout.root / "vendor/.trees").iterdir())) == 1


def test_too_large(server: Server, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = server.repo("ansible-x")
    repo.files({"a": "x" * 600, "b": "y" * 600})
    checkout.env((repo, "main"))
    checkout.well("lock")
    monkeypatch.setattr(cache, "MAX_OBJECT", 500)
    assert "more than 0" in checkout.run("sync").err
    monkeypatch.setattr(cache, "MAX_OBJECT", 5000)
    monkeypatch.setattr(vendor, "MAX_BYTES", 1000)
    assert "has more than 0 MB" in checkout.run("sync").err
    monkeypatch.setattr(vendor, "MAX_BYTES", 2000)
    checkout.well("sync")


def test_a_pack_without_end(server: Server, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = server.repo("ansible-x")
    repo.commit(repo.tree(("100644", b"a", repo.blob(os.urandom(50_000)))))
    checkout.env((repo, "main"))
    checkout.well("lock")
    monkeypatch.setattr(git, "MAX_FILE", 20_000)
    done = checkout.run("sync")
    assert (done.code, checkout.role("x").exists()) == (1, False)


def test_what_is_not_followed(server: Server, checkout: Checkout, canary: Path) -> None:
    """Filters, attributes that change exported files, submodules and LFS are files like others, or left out."""
    repo = server.repo("ansible-x")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5\n"
    files = {
        ".gitattributes": "* filter=lfs filter=canary export-subst eol=crlf ident\nhidden export-ignore\n",
        ".gitmodules": f'[submodule "sub"]\n\tpath = sub\n\turl = ext::touch {canary}\n\tupdate = !touch {canary}\n',
        ".lfsconfig": f"[lfs]\n\turl = ext::touch {canary}\n",
        "hidden": "$Id$ $Format:%H$\n",
        "image": pointer,
    }
    objects = [("100644", name.encode(), repo.blob(text.encode())) for name, text in files.items()]
    repo.commit(repo.tree(*objects, ("160000", b"sub", SHA)))
    checkout.env((repo, "main"))
    checkout.well("lock")
    done = checkout.run("sync")
    assert done.code == 0
    assert checkout.content("x") == files
    assert done.err == (
        "warning: x: sub is a submodule, and is left out\nwarning: x: image is a pointer of Git LFS, and stays one\n"
    )
    assert checkout.well("check") == ""


def test_settings_of_the_user_and_of_the_environment(
    server: Server, checkout: Checkout, canary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a person's git would run is not run."""
    repo = server.repo("ansible-x")
    repo.files({"tasks/main.yml": "[]\n"})
    home = tmp_path / "home"
    (home / "template/hooks").mkdir(parents=True)
    hook = home / "template/hooks/reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
    hook.chmod(0o755)
    settings = (
        f'[url "ext::sh -c touch% {canary} "]\n\tinsteadOf = git://\n[core]\n\thooksPath = {home}/template/hooks\n'
        f"\tsshCommand = touch {canary};\n\tgitProxy = {hook}\n\talternateRefsCommand = touch {canary}\n"
        f"\tfsmonitor = {hook}\n[init]\n\ttemplateDir = {home}/template\n[protocol]\n\tallow = always\n"
    )
    for path in (home / ".gitconfig", home / "system"):
        path.write_text(settings)
    environment = {
        "HOME": str(home),
        "GIT_CONFIG_SYSTEM": str(home / "system"),
        "GIT_CONFIG_GLOBAL": str(home / "system"),
        "GIT_SSH_COMMAND": f"touch {canary};",
        "GIT_PROXY_COMMAND": str(hook),
        "GIT_ASKPASS": str(hook),
        "GIT_TEMPLATE_DIR": str(home / "template"),
        "GIT_EXTERNAL_DIFF": str(hook),
        "GIT_DIR": str(tmp_path / "elsewhere"),
        "GIT_EXEC_PATH": str(home),
        "GIT_TRACE": str(canary),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    checkout.env((repo, "main"))
    checkout.well("lock")
    checkout.well("sync")
    assert checkout.content("x") == {"tasks/main.yml": "[]\n"}
    (cached,) = (checkout.root / ".strata/modules").glob("x-*.git")
    shutil.copytree(home / "template/hooks", cached / "hooks")
    repo.files({"tasks/main.yml": "[1]\n"})
    checkout.well("update")
    checkout.well("sync")
    assert checkout.content("x") == {"tasks/main.yml": "[1]\n"}


def test_names_and_messages_of_a_server_do_nothing_to_a_terminal(server: Server, checkout: Checkout) -> None:
    repo = server.repo("ansible-x")
    first = repo.files({"a": "1"})
    checkout.env((repo, "main"))
    checkout.well("lock")
    repo.files({"a": "2"}, first, message="\x1b[2Jgone\x07")
    out = checkout.well("update")
    assert "\\x1b[2Jgone\\x07" in out
    assert out.replace("\n", "").isprintable()


@pytest.mark.parametrize("found", [b"", zlib.compress(b"blob 6\0wrong\n")], ids=["broken", "lying"])
def test_a_cache_is_not_believed(server: Server, checkout: Checkout, found: bytes) -> None:
    """An object whose content does not make its name is fetched anew."""
    repo = server.repo("ansible-x")
    repo.files({"a": "right\n"})
    checkout.env((repo, "main"))
    checkout.well("lock")
    checkout.well("sync")
    (cached,) = (checkout.root / ".strata/modules").glob("x-*.git")
    (pack,) = (cached / "objects/pack").glob("*.pack")
    content = pack.read_bytes()
    shutil.rmtree(pack.parent)
    git_of_owner(cached, "unpack-objects", "-q", data=content)
    name = git_of_owner(cached, "hash-object", "--stdin", data=b"right\n")
    lying = cached / "objects" / name[:2] / name[2:]
    lying.unlink()
    lying.write_bytes(found)
    (checkout.role("x") / "a").write_text("other\n")
    assert "x restored" in checkout.well("sync")
    assert checkout.content("x") == {"a": "right\n"}


def test_a_commit_that_is_none(server: Server, checkout: Checkout) -> None:
    repo = server.repo("ansible-x")
    sha = repo.blob(b"x")
    repo.files({"a": "1"})
    checkout.env((repo, sha))
    checkout.well("lock")
    assert checkout.run("sync").code == 1
    assert not checkout.role("x").exists()


def test_a_server_that_never_answers(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        checkout.file.write_text(f'SOURCE_MODULES["git://127.0.0.1:{silent.getsockname()[1]}/ansible-x"]="main"\n')
        done = checkout.run("lock")
    assert done.code == 1
    assert "git ls-remote did not end within 0.5 s" in done.err
