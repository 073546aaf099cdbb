"""Somebody who proposes a change, from the host itself, with nothing but Python and git there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

# Logs in as the first account, which it makes, makes a project, and pushes a change to it for review.
PROPOSE = r"""
import base64, http.cookiejar, json, os, subprocess, sys, tempfile, urllib.parse, urllib.request
base = "http://127.0.0.1:8081"
jar = http.cookiejar.CookieJar()
web = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
form = urllib.parse.urlencode({"action": "create_account"}).encode()
try:
    web.open(f"{base}/login/", form)
except urllib.error.HTTPError as error:  # where it leads then is a page of the front end, which is not there
    if not any(cookie.name == "GerritAccount" for cookie in jar):
        raise SystemExit(f"{error}: {error.read()[:500]}")
token = next(cookie.value for cookie in jar if cookie.name == "XSRF_TOKEN")

def rest(method, path, data=None):
    headers = {"X-Gerrit-Auth": token, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{base}{path}", json.dumps(data or {}).encode(), headers, method=method)
    try:
        return json.loads(web.open(request).read().decode().removeprefix(")]}'"))
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{method} {path}: {error}: {error.read()[:500]}")

rest("PUT", "/accounts/self/username", {"username": "dev"})
password = rest("PUT", "/accounts/self/password.http", {"generate": True})
rest("PUT", "/projects/trial", {"create_empty_commit": True})
os.environ["GIT_ASKPASS"] = "true"
for kind in ("AUTHOR", "COMMITTER"):
    os.environ |= {f"GIT_{kind}_NAME": "Dev", f"GIT_{kind}_EMAIL": "dev@example.org"}
email = {"email": "dev@example.org", "preferred": True, "no_confirmation": True}
rest("PUT", "/accounts/self/emails/dev@example.org", email)
with tempfile.TemporaryDirectory() as folder:
    url = f"http://dev:{urllib.parse.quote(password, safe='')}@127.0.0.1:8081/a/trial"
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
