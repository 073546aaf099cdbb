"""Small signed repositories, made on a host of the scenario and served there over HTTP."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testinfra.host import Host

PORT = 8099

#: Each path below /flaky is refused twice before it is answered, and below /private each without the user and password
#: `host` and `canary`; the others are files of /srv/repo.
SERVER = """
import base64, collections, functools, http.server, os, socket, sys
asked = collections.Counter()
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        flaky = self.path.startswith("/flaky/")
        asked[self.path] += 1
        if flaky and asked[self.path] <= 2:
            return self.send_error(503)
        private = self.path.startswith("/private/")
        if private and self.headers.get("Authorization") != "Basic " + base64.b64encode(b"host:canary").decode():
            return self.send_error(401)
        self.path = self.path.removeprefix("/flaky").removeprefix("/private")
        super().do_GET()
    def log_message(self, *_):
        pass
handler = functools.partial(Handler, directory="/srv/repo")
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", chr(0)))
server.serve_forever()
"""

SIGN = """
set -e
export GNUPGHOME=/srv/gnupg
mkdir -p -m 700 $GNUPGHOME
new() { gpg --batch --quiet --passphrase '' "$@" --quick-gen-key "$name@example.org" ed25519 sign never; }
for name in good other; do new; done
name=late; new --faked-system-time 20200101T000000
print=$(gpg --with-colons --list-keys late@example.org | awk -F: '$1 == "fpr" { print $10; exit }')
mkdir -p /srv/keys
for name in good other late; do
  cd /srv/repo/$name
  { echo "Origin: $name"; echo "Suite: $name"; echo "Date: $(date -Ru)"; echo "SHA256:"
    echo " $(sha256sum Packages | cut -d' ' -f1) $(stat -c %s Packages) Packages"; } >Release
  gpg --batch --yes --quiet --local-user $name@example.org --clearsign --output InRelease Release
done
# The key had no end when it signed; now it ended long ago.
gpg --batch --quiet --faked-system-time 20200102T000000 --quick-set-expire "$print" 3d
for name in good other late; do gpg --armor --export $name@example.org >/srv/keys/$name.asc; done
gpg --export good@example.org | base64 >/srv/keys/good.base64
cp -r /srv/repo/good /srv/repo/tampered
sed -i s/strata-hello/strata-hallo/ /srv/repo/tampered/Packages
cp -r /srv/repo/good /srv/repo/forged
sed -i 's/^Origin: .*/Origin: forged/' /srv/repo/forged/InRelease
"""

SERVICE = """\
[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""

TIMER = """\
[Timer]
OnCalendar=yearly
Unit=strata-service.service
[Install]
WantedBy=timers.target
"""

#: Is interrupted in its middle, if a test wants that.
SLOW_POSTINST = """\
#!/bin/sh
set -e
[ "$1" = {} ] || exit 0
touch /run/strata-began
while [ -e /run/strata-hold ]; do sleep 0.1; done
rm -f /run/strata-began
"""

#: Starts its service and a timer in one call, as Debian's packages do.
SERVICE_POSTINST = (
    SLOW_POSTINST.format("configure")
    + """\
systemctl daemon-reload
systemctl --quiet enable strata-service.service strata-service.timer
deb-systemd-invoke start strata-service.service strata-service.timer
"""
)

HELLO = {"usr/share/strata-late/hello": "hello\n"}

#: Asks a question, and keeps the answer.
QUESTION = {
    "DEBIAN/templates": "Template: strata-asking/word\nType: password\nDescription: A word\n",
    "DEBIAN/config": (
        "#!/bin/sh\n. /usr/share/debconf/confmodule\ndb_input high strata-asking/word || true\ndb_go || true\n"
    ),
    "DEBIAN/postinst": (
        "#!/bin/sh\n. /usr/share/debconf/confmodule\ndb_get strata-asking/word\n"
        '[ -z "$RET" ] || printf %s "$RET" | sha256sum >/etc/strata-asking\ndb_stop\n'
    ),
}

PACKAGES: dict[str, dict[str, Any]] = {
    "strata-hello_1.0": HELLO,
    "strata-hello_1.1": HELLO,
    # Does its work after all others: a trigger of files like those of strata-hello.
    "strata-late_1.0": {
        "DEBIAN/triggers": "interest-noawait /usr/share/strata-late\n",
        "DEBIAN/postinst": SLOW_POSTINST.format("triggered"),
    },
    "strata-broken_1.0": {"DEBIAN/postinst": "#!/bin/sh\nexit 1\n"},
    "strata-service_1.0": {
        "usr/lib/systemd/system/strata-service.service": SERVICE,
        "usr/lib/systemd/system/strata-service.timer": TIMER,
        "usr/lib/systemd/system/strata-idle.timer": TIMER,
        "DEBIAN/postinst": SERVICE_POSTINST,
        "DEBIAN/prerm": "#!/bin/sh\nsystemctl --quiet disable --now strata-service.service strata-service.timer\n",
    },
    "strata-asking_1.0": QUESTION,
    "strata-foreign_1.0": {},
}

#: Makes packages, from JSON on its standard input, and the lists of three repositories.
BUILD = """
import hashlib, json, pathlib, shutil, subprocess, sys
root = pathlib.Path("/srv/repo")
pool = root / "good"
pool.mkdir(parents=True, exist_ok=True)
stanzas = []
for key, contents in json.load(sys.stdin).items():
    name, version = key.split("_")
    tree = pathlib.Path("/srv/build") / key
    for path, text in {**contents, "DEBIAN/control": ""}.items():
        file = tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755 if file.parent.name == "DEBIAN" else 0o644)
    architecture = "i386" if name == "strata-foreign" else "all"
    control = f"Package: {name}\\nVersion: {version}\\nArchitecture: {architecture}\\nMaintainer: T <t@example.org>\\n"
    control += "Description: trial\\n"
    if "DEBIAN/templates" in contents:
        control = control.replace("Description", "Depends: debconf\\nDescription")
    (tree / "DEBIAN/control").write_text(control)
    deb = pool / f"{key}_{architecture}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-b", tree, deb], check=True, capture_output=True)
    data = deb.read_bytes()
    about = {"Filename": f"./{deb.name}", "Size": len(data), "SHA256": hashlib.sha256(data).hexdigest()}
    stanzas.append(control + "".join(f"{key}: {value}\\n" for key, value in about.items()))
(pool / "Packages").write_text("\\n".join(stanzas))
for other in ("other", "late"):
    shutil.copytree(pool, root / other)
"""


@dataclass(frozen=True)
class Repositories:
    """Where the repositories are, and their keys in ASCII armour, by name."""

    keys: dict[str, str]

    def source(self, place: str = "good", **more: Any) -> dict[str, Any]:
        """Return a source as a test declares it; `place` is its folder on the server."""
        url = f"http://127.0.0.1:{PORT}/{place}"
        return {"name": "trial", "uris": [url], "suites": ["./"], "signed_by": self.keys["good"], **more}


def serve(host: Host) -> Repositories:
    """Make the repositories on a host and serve them there."""
    host.check_output("apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install gnupg >/dev/null")
    host.check_output("rm -rf /srv/repo /srv/build /srv/gnupg")
    host.check_output("echo %s | base64 -d | python3 -c %s", encoded(json.dumps(PACKAGES)), BUILD)
    host.check_output("sh -c %s", SIGN)
    host.check_output(
        "systemd-run --quiet --collect --unit=strata-repository --property=Type=notify --property=NotifyAccess=all "
        "/usr/bin/python3 -c %s %s",
        SERVER,
        str(PORT),
    )
    names = ("good", "other", "late")
    return Repositories({name: host.check_output(f"cat /srv/keys/{name}.asc") for name in names})


def forget_packages(host: Host) -> None:
    """Remove the repositories' packages."""
    there = host.run("dpkg-query --show --showformat='${Package} ' 'strata-*'").stdout.split()
    assert host.run(f"dpkg --purge {' '.join(there) or '--pending'}").rc == 0


def encoded(text: str) -> str:
    """Return a text so that a shell leaves it alone."""
    return base64.b64encode(text.encode()).decode()


def words(text: str) -> str:
    """Return a text without the line breaks that Ansible puts in."""
    return " ".join(text.split())
