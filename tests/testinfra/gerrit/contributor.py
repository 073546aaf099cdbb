"""Somebody who proposes a change, from the host itself, with nothing but Python and git there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

# As the administrator whom `init` makes for developers, makes a project, and pushes a change to it for review.
PROPOSE = r"""
import base64, json, os, subprocess, tempfile, urllib.request
login = base64.b64encode(b"admin:secret").decode()

def rest(method, path, data):
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    url = f"http://127.0.0.1:8081/a{path}"
    request = urllib.request.Request(url, json.dumps(data).encode(), headers, method=method)
    try:
        urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{method} {path}: {error}: {error.read()[:500]}")

rest("PUT", "/projects/trial", {"create_empty_commit": True})
for kind in ("AUTHOR", "COMMITTER"):
    os.environ |= {f"GIT_{kind}_NAME": "Dev", f"GIT_{kind}_EMAIL": "admin@example.com"}
with tempfile.TemporaryDirectory() as folder:
    url = "http://admin:secret@127.0.0.1:8081/a/trial"
    def git(*words):
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{words[0]}: {done.stderr}")
    git("clone", "-q", url, ".")
    with open(f"{folder}/file", "w") as stream:
        stream.write("proposed\n")
    git("add", "file")
    git("commit", "-qm", "Propose a change\n\nChange-Id: I0123456789012345678901234567890123456789")
    git("push", "-q", "origin", "HEAD:refs/for/master")
"""


def propose(host: Host) -> None:
    """Push a change for review."""
    done = host.run("python3 -c %s", PROPOSE)
    assert done.rc == 0, done.stderr


def proposed(host: Host) -> str:
    """Return the content of the proposed file, as Gerrit shows it to everybody; what is wrong if it doesn't."""
    script = (
        "import base64, urllib.request;"
        "found = urllib.request.urlopen('http://127.0.0.1:8081/changes/1/revisions/1/files/file/content');"
        "print(base64.b64decode(found.read()).decode(), end='')"
    )
    done = host.run("python3 -c %s", script)
    return done.stdout or done.stderr
