"""One sandbox: its network, its hosts, and the files with which SSH and Ansible reach them."""

import fcntl
import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

from strata import processes
from strata.errors import StrataError
from strata.paths import CHECKOUT, STATE, shown
from strata.progress import step
from strata.sandbox import images
from strata.sandbox.network import Ranges, choose
from strata.sandbox.packages import Archive
from strata.sandbox.podman import podman, podman_json

T = TypeVar("T")
R = TypeVar("R")

#: What root of a real host has: without SYS_PTRACE, for example, start-stop-daemon finds no daemon of another user.
CAPABILITIES = "NET_ADMIN,NET_RAW,SYS_ADMIN,AUDIT_WRITE,SYS_PTRACE"

#: Runs in a new host: takes the public key and the addresses of the name servers, waits until systemd has started
#: everything, prints state and host key. (Podman's own resolv.conf and hosts would be mounts, which it writes anew.)
FIRST_STEPS = """
printf 'nameserver %s\\n' "$@" >/etc/resolv.conf
printf '127.0.0.1 localhost\\n::1 localhost\\n' >/etc/hosts
for address in $(hostname -I); do echo "$address $(hostname)"; done >>/etc/hosts
mkdir -p -m 700 /root/.ssh
cat >/root/.ssh/authorized_keys
while state=$(systemctl is-system-running --wait 2>/dev/null); [ "$state" != running ] && [ "$state" != degraded ]; do
  sleep 0.1
done
echo "$state"
cat /etc/ssh/ssh_host_ed25519_key.pub
systemctl list-units --failed --plain --no-legend
"""

BOOT_TIMEOUT = 60

#: Where the shared connections of all checkouts are.
SOCKETS = Path("/run/strata")

#: The number of the network's own address, at which it resolves the hosts' names.
GATEWAY = 1


@dataclass(frozen=True)
class Host:
    """A host of a sandbox, and the number at the end of its addresses."""

    name: str
    image: str
    number: int


@dataclass
class Sandbox:
    """The hosts called `name` together; each sandbox of a checkout has a network and a folder of its own."""

    name: str
    hosts: list[Host] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The folder with the sandbox's key, known_hosts, ssh_config and hosts.json."""
        return STATE / "sandboxes" / self.name

    @property
    def ssh_config(self) -> Path:
        """The configuration with which `ssh -F` reaches each host by its name."""
        return self.folder / "ssh_config"

    @property
    def _network(self) -> str:
        return f"strata-{CHECKOUT}-{self.name}"

    @property
    def _sockets(self) -> Path:
        """Where SSH's shared connections are; a short path, as a socket's is limited to 108 bytes."""
        return SOCKETS / f"{CHECKOUT}-{self.name}"

    def up(self) -> None:
        """Make the network and boot the hosts that are not running yet; remove those that no longer belong.

        A host that is declared with another image or number than it has is made anew. Waits for who boots or removes
        them at this moment.
        """
        with self._alone():
            self._up()

    def _up(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        names = sorted({host.image for host in self.hosts})
        built = dict(zip(names, _parallel(lambda name: images.ensure(name, STATE), names), strict=True))
        states, known = self.states(), self.known()
        _parallel(self._remove_host, sorted(states.keys() - {host.name for host in self.hosts}))
        ranges = self._make_network()
        make_key(self.folder / "key", "strata sandbox")
        wanted = {
            host.name: {
                "image": host.image,
                "address": ranges.address(host.number),
                "address6": ranges.address6(host.number),
            }
            for host in self.hosts
        }
        kept = [
            host
            for host in self.hosts
            if host.name in states and wanted[host.name].items() <= known.get(host.name, {}).items()
        ]
        stopped = [host for host in kept if states[host.name] != "running"]
        fresh = [host for host in self.hosts if host not in kept]
        if fresh or stopped:
            with step(f"booting {', '.join(host.name for host in fresh + stopped)}"):
                _parallel(lambda host: self._remove_host(host.name), [host for host in fresh if host.name in states])
                _parallel(lambda host: self._create(host, built[host.image], ranges), fresh)
                _parallel(lambda host: podman("start", self._container(host.name)), stopped)
                for host, host_key in zip(
                    fresh, _parallel(lambda host: self._first_steps(host, ranges), fresh), strict=True
                ):
                    known[host.name] = {**wanted[host.name], "host_key": host_key}
            self._keep_multicast_flowing()
        self._write_files({host.name: known[host.name] for host in self.hosts}, ranges)
        _parallel(lambda host: self.wait_for_ssh(host.name), self.hosts)

    def down(self) -> list[str]:
        """Remove the hosts and the network with all that reaches them; return what was removed.

        Waits for who boots or removes them at this moment.
        """
        with self._alone():
            return self._down()

    def _down(self) -> list[str]:
        for socket in self._sockets.glob("*"):
            subprocess.run(["ssh", "-O", "exit", "-S", str(socket), "host"], capture_output=True, check=False)
        shutil.rmtree(self._sockets, ignore_errors=True)
        hosts = sorted(self.states())
        _parallel(self._remove_host, hosts)
        removed = [f"container {self._container(host)}" for host in hosts]
        if self._network_exists():
            podman("network", "rm", self._network)
            removed.append(f"network {self._network}")
        if self.folder.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            removed.append(f"folder {shown(self.folder)}")
        return removed

    def states(self) -> dict[str, str]:
        """Return the state of each container that there is, by the name of its host."""
        label = f"label=strata.sandbox={CHECKOUT}-{self.name}"
        listing = podman_json("ps", "--all", "--format", "json", "--filter", label)
        return {entry["Labels"]["strata.host"]: entry["State"] for entry in listing}

    def known(self) -> dict[str, dict[str, str]]:
        """Return `image`, `address`, `address6` and `host_key` of each host, by its name; nothing when all are down."""
        path = self.folder / "hosts.json"
        found: dict[str, dict[str, str]] = json.loads(path.read_text())["hosts"] if path.exists() else {}
        return found

    def reboot(self, host: str) -> None:
        """Restart a host and wait until it answers again."""
        self.end_connection(host)
        podman("restart", "--time", "20", self._container(host))
        self.wait_for_ssh(host)

    def end_connection(self, host: str) -> None:
        """End the shared SSH connection to a host, and with it what still writes to it there."""
        command = ["ssh", "-F", str(self.ssh_config), "-S", str(self._sockets / "%C"), "-O", "exit", host]
        subprocess.run(command, capture_output=True, check=False)

    def ssh_command(self, host: str, *command: str) -> list[str]:
        """Return the command line that logs in to `host`, or runs `command` there."""
        return ["ssh", "-F", str(self.ssh_config), host, *command]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others from booting or removing the same hosts meanwhile."""
        locks = STATE / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / self.name).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with step(f"waiting for another process that boots or removes {self.name}"):
                    fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _container(self, host: str) -> str:
        return f"{self._network}-{host}"

    def _network_exists(self) -> bool:
        return any(entry["name"] == self._network for entry in podman_json("network", "ls", "--format", "json"))

    def _make_network(self) -> Ranges:
        """Create the network if it is not there, and return its ranges."""
        with _machine_lock():
            if not self._network_exists():
                ranges = choose(self._network)
                podman("network", "create", f"--subnet={ranges.v4}", "--ipv6", f"--subnet={ranges.v6}", self._network)
                return ranges
        subnets = [
            ip_network(entry["subnet"]) for entry in podman_json("network", "inspect", self._network)[0]["subnets"]
        ]
        return Ranges(*sorted(subnets, key=lambda subnet: subnet.version))

    def _keep_multicast_flowing(self) -> None:
        """Turn off the bridge's snooping: without a querier it forgets members, and IPv6 no longer finds neighbours."""
        bridge = podman_json("network", "inspect", self._network)[0]["network_interface"]
        Path("/sys/class/net", bridge, "bridge", "multicast_snooping").write_text("0")

    def _create(self, host: Host, image: str, ranges: Ranges) -> None:
        archive = Archive(self.folder / "packages" / host.image / host.name, host.image)
        # A fixed hardware address, so that its neighbours know the host again at once after a reboot.
        hardware = hashlib.sha256(self._container(host.name).encode()).hexdigest()
        podman(
            "run",
            "--detach",
            f"--name={self._container(host.name)}",
            f"--hostname={host.name}",
            f"--network={self._network}",
            f"--network-alias={host.name}",
            f"--ip={ranges.address(host.number)}",
            f"--ip6={ranges.address6(host.number)}",
            f"--mac-address=02:{':'.join(hardware[at : at + 2] for at in range(0, 10, 2))}",
            f"--volume={archive.volume()}",
            "--dns=none",
            "--no-hosts",
            "--systemd=always",
            f"--cap-add={CAPABILITIES}",
            f"--label=strata.sandbox={CHECKOUT}-{self.name}",
            f"--label=strata.host={host.name}",
            image,
        )

    def _first_steps(self, host: Host, ranges: Ranges) -> str:
        """Let our key in, wait until the host has started everything, and return its public host key."""
        key = (self.folder / "key.pub").read_text()
        shell = ("sh", "-c", FIRST_STEPS, "sh", ranges.address(GATEWAY), ranges.address6(GATEWAY))
        output = podman("exec", "-i", self._container(host.name), *shell, stdin=key, timeout=BOOT_TIMEOUT)
        state, host_key, *failed = output.splitlines()
        if state != "running":
            raise StrataError(f"{host.name} came up {state}: {'; '.join(failed)}")
        return " ".join(host_key.split()[:2])

    def _write_files(self, known: dict[str, dict[str, str]], ranges: Ranges) -> None:
        """Write what SSH and Ansible need to reach the hosts, with strict checking of their keys."""
        self._sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        known_hosts = self.folder / "known_hosts"
        known_hosts.write_text("".join(f"{name} {entry['host_key']}\n" for name, entry in known.items()))
        self.ssh_config.write_text(
            "".join(
                f"Host {name}\n  HostName {entry['address']}\n  HostKeyAlias {name}\n" for name, entry in known.items()
            )
            + f"Host *\n  User root\n  IdentityFile {self.folder}/key\n  IdentitiesOnly yes\n"
            f"  StrictHostKeyChecking yes\n  UserKnownHostsFile {known_hosts}\n  LogLevel ERROR\n"
        )
        description = {
            "control_path": f"{self._sockets}/%%C",
            "ssh_config": str(self.ssh_config),
            "resolvers": [ranges.address(GATEWAY), ranges.address6(GATEWAY)],
            "hosts": known,
        }
        (self.folder / "hosts.json").write_text(json.dumps(description, indent=1))

    def wait_for_ssh(self, host: str) -> None:
        """Wait until `host` answers over SSH.

        Raises:
            StrataError: it does not within the time for booting; the message is SSH's own.
            Interrupted: a signal has come.

        """
        deadline = time.monotonic() + BOOT_TIMEOUT
        while True:
            processes.check()
            done = subprocess.run(
                self.ssh_command(host, "true"), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
            )
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise StrataError(f"{host} does not answer over SSH: {done.stderr.strip()}")
            time.sleep(0.1)

    def _remove_host(self, host: str) -> None:
        # Killed at once: podman fails on a container that ends by itself just when the time to do so is over.
        podman("rm", "--force", "--time", "0", self._container(host))
        for folder in self.folder.glob(f"packages/*/{host}"):
            Archive(folder, image=folder.parent.name).keep()


def make_key(path: Path, comment: str) -> None:
    """Make an SSH key without a passphrase, if it is not there yet; its public half ends in `.pub`.

    The public half comes last: where it is, both are.
    """
    if path.with_suffix(".pub").exists():
        return
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(made)], check=True)
        made.rename(path)
        made.with_suffix(".pub").rename(path.with_suffix(".pub"))


@contextmanager
def _machine_lock() -> Iterator[None]:
    """Keep sandboxes that come up at the same time, from any checkout, from choosing the same range."""
    with Path("/run/strata.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _parallel(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Call `function` for each item, all at once, and return the results in order."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(function, items))
