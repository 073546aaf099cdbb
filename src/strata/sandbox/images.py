"""Images of bare Debian systems, bootstrapped from packages and kept under a hash of their recipe."""

import fcntl
import hashlib
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from strata.errors import StrataError
from strata.progress import step
from strata.sandbox.podman import podman, podman_json

PACKAGES = ("ca-certificates", "dbus", "iproute2", "openssh-server", "python3", "systemd-sysv")

#: Shell commands that mmdebstrap runs when the packages are in; $1 is the new system's root.
CUSTOMIZE = (
    # Each host makes its own SSH keys at its first boot.
    'rm -f "$1"/etc/ssh/ssh_host_*',
    'mkdir -p "$1"/etc/systemd/system/ssh.service.d',
    (
        'printf "[Service]\\nExecStartPre=\\nExecStartPre=/usr/bin/ssh-keygen -A\\nExecStartPre=/usr/sbin/sshd -t\\n"'
        ' >"$1"/etc/systemd/system/ssh.service.d/host-keys.conf'
    ),
    # A container that lives for minutes shall not begin to upgrade itself.
    'ln -s /dev/null "$1"/etc/systemd/system/apt-daily.timer',
    'ln -s /dev/null "$1"/etc/systemd/system/apt-daily-upgrade.timer',
    'echo force-unsafe-io >"$1"/etc/dpkg/dpkg.cfg.d/sandbox',
    # What apt makes of its lists is valid as long as their times are the same, and mmdebstrap sets later ones back.
    'find "$1"/var/lib/apt/lists "$1"/var/lib/dpkg/status -type f -exec touch -d "10 minutes ago" {} +',
    'chroot "$1" apt-get clean && chroot "$1" apt-cache gencaches',
    # Looked for at each daemon-reload, of which packages make several: disks, EFI, hibernation, a TPM.
    'mkdir -p "$1"/etc/systemd/system-generators',
    (
        'cd "$1"/usr/lib/systemd/system-generators'
        ' && ls | grep -v sysv | xargs -I{} ln -s /dev/null "$1"/etc/systemd/system-generators/{}'
    ),
)


@dataclass(frozen=True)
class Release:
    """A release of Debian that hosts can run: its image's name and the name of its suite."""

    image: str
    suite: str


#: Images are asked for at the same time; apt, which takes half a second, only once.
_ASKING = threading.Lock()

RELEASES = {release.image: release for release in (Release("debian-13", "trixie"), Release("debian-12", "bookworm"))}


def sources(suite: str) -> list[str]:
    """Return the lines of a sources.list for `suite`, on the mirrors that this machine's own apt uses.

    Raises:
        StrataError: apt knows no mirror of Debian here.

    """
    with _ASKING:
        mirrors = _mirrors()
    if "Debian" not in mirrors:
        raise StrataError("apt on this machine has no mirror of Debian: run `apt-get update` with one in its sources")
    lines = [f"deb {mirrors['Debian']} {suite} main", f"deb {mirrors['Debian']} {suite}-updates main"]
    if "Debian-Security" in mirrors:
        lines.append(f"deb {mirrors['Debian-Security']} {suite}-security main")
    return lines


@cache
def _mirrors() -> dict[str, str]:
    """Return the address of each mirror by its label."""
    form = "$(REPO_URI)|$(LABEL)"
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    mirrors: dict[str, str] = {}
    for line in listing.stdout.splitlines():
        uri, _, label = line.partition("|")
        mirrors.setdefault(label, uri)
    return mirrors


def ensure(image: str, state: Path) -> str:
    """Return the full name of the image `image`, after building it if it is not there yet.

    Args:
        image: a key of `RELEASES`.
        state: a folder for the lock and the unfinished image.

    Raises:
        StrataError: there is no such image, or it cannot be built.

    """
    if image not in RELEASES:
        raise StrataError(f"there is no image {image!r}: hosts can run {', '.join(sorted(RELEASES))}")
    suite = RELEASES[image].suite
    name = f"localhost/strata-{image}:{hashlib.sha256(repr(_bootstrap(suite, '-')).encode()).hexdigest()[:12]}"
    with (state / f"{image}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not podman("images", "--quiet", name):
            with step(f"bootstrapping the image {image}"):
                _build(suite, name, state)
    return name


def remove_all() -> list[str]:
    """Remove the images that no container uses, and return the names of those that are left."""
    left = []
    for image in podman_json("images", "--format", "json", "--filter", "label=strata.image"):
        try:
            podman("rmi", *image["Names"])
        except StrataError:
            left += image["Names"]
    return left


def _bootstrap(suite: str, target: str) -> list[str]:
    """Return the command that makes the system; it is the image's whole recipe."""
    hooks = [f"--customize-hook={command}" for command in CUSTOMIZE]
    # The package lists stay, and what apt makes of them, so that not every host has to do that before it installs.
    skip = "--skip=cleanup/apt/lists,cleanup/apt/cache"
    options = ["--variant=minbase", f"--include={','.join(PACKAGES)}", skip, *hooks]
    return ["mmdebstrap", *options, suite, target, *sources(suite)]


def _build(suite: str, name: str, state: Path) -> None:
    with tempfile.TemporaryDirectory(dir=state) as folder:
        archive = Path(folder) / "root.tar"
        done = subprocess.run(_bootstrap(suite, str(archive)), capture_output=True, text=True, check=False)
        if done.returncode:
            reasons = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            raise StrataError(f"mmdebstrap could not make {suite}: {' '.join(reasons) or done.stderr[-500:]}")
        changes = ['CMD ["/sbin/init"]', "STOPSIGNAL SIGRTMIN+3", "LABEL strata.image=1"]
        podman("import", *(f"--change={change}" for change in changes), str(archive), name, timeout=600)
