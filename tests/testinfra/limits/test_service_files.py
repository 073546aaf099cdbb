"""The module service_files with a service of its own: one that may run without listening, and one that was stopped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from plays import Play

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plays import Run
    from testinfra.host import Host

    Apply = Callable[..., Run]

pytestmark = pytest.mark.spread

UNIT = "strata-trial.service"
CONFIGURATION = "/etc/strata-trial"

# As many daemons do, it runs on when its port is taken.
PROGRAM = """\
#!/usr/bin/python3
import pathlib, socket, sys, time
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    listening.bind(("", int(pathlib.Path("/etc/strata-trial").read_text())))
    listening.listen()
except OSError as error:
    print(error, file=sys.stderr, flush=True)
time.sleep(10**6)
"""
SERVICE = """\
[Service]
ExecStart=/usr/local/bin/strata-trial
Restart=always
RestartSec=100ms
[Install]
WantedBy=multi-user.target
"""
TAKEN = "import socket, time; taken = socket.create_server(('', 7002)); time.sleep(10**6)"


@pytest.fixture(scope="module")
def apply_trial(host: Host, target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apply]:
    """Configure the service on the host, listening at a port; in the end it goes."""

    def run(port: str, *flags: str, listens: str = "", **more: Any) -> Run:
        folder: Path = tmp_path_factory.mktemp("trial")
        files = [
            {"path": "/usr/local/bin/strata-trial", "content": PROGRAM, "mode": "0755"},
            {"path": f"/etc/systemd/system/{UNIT}", "content": SERVICE},
            {"path": CONFIGURATION, "content": f"{port}\n"},
        ]
        units = [{"name": UNIT, "listens": [f"tcp:{listens or port}"]}]
        task = {"service_files": {"name": "trial", "files": files, "units": units} | more}
        play = {"hosts": "targets", "gather_facts": False, "tasks": [task]}
        (folder / "play.yml").write_text(yaml.safe_dump([play]))
        return Play(folder / "play.yml", target, folder / "record.json", *flags).end()

    yield run
    host.check_output(f"systemctl disable --now {UNIT}; systemctl stop taken; systemctl daemon-reload")
    host.check_output(f"rm -f /usr/local/bin/strata-trial /etc/systemd/system/{UNIT} {CONFIGURATION}")


def listening(host: Host) -> set[str]:
    """Return the ports of the trial that somebody listens at."""
    lines = host.check_output("ss -Hltn").splitlines()
    return {line.split()[3].rpartition(":")[2] for line in lines} & {"7001", "7002"}


def unit(host: Host) -> list[str]:
    """Return how the unit is, and whether it starts at boot."""
    return host.run(f"systemctl is-active {UNIT}; systemctl is-enabled {UNIT}").stdout.split()


def test_a_service_is_up_when_it_listens(host: Host, apply_trial: Apply) -> None:
    done = apply_trial("7001")
    assert (done.rc, done.changed) == (0, 1), done.output
    assert listening(host) == {"7001"}
    assert unit(host) == ["active", "enabled"]
    assert apply_trial("7001").changed == 0


def test_a_port_that_another_one_has_brings_the_old_files_back(host: Host, apply_trial: Apply) -> None:
    host.check_output("systemd-run --quiet --collect --unit=taken python3 -c %s", TAKEN)
    deadline = time.monotonic() + 60
    while "7002" not in listening(host):
        assert time.monotonic() < deadline, "nobody takes the port"
    refused = apply_trial("7002")
    assert refused.rc == 2
    assert refused.message.startswith(f"{UNIT} does not listen at tcp:7002: ")
    assert "(python3) has tcp:7002 on IPv4; " in refused.message
    assert refused.message.endswith("the old files are back in force")
    assert host.file(CONFIGURATION).content_string == "7001\n"
    assert listening(host) == {"7001", "7002"}


def test_a_service_that_runs_but_does_not_listen_is_restarted(host: Host, apply_trial: Apply) -> None:
    # It has read another port than the one in its file, whose time stays that of before.
    host.check_output(f"cp -a {CONFIGURATION} /tmp/kept && echo 7002 >{CONFIGURATION} && systemctl restart {UNIT}")
    asleep = f"grep -q sleep /proc/$(systemctl show --property=MainPID --value {UNIT})/wchan"
    host.check_output(f"timeout 20 sh -c 'until {asleep}; do :; done' && mv /tmp/kept {CONFIGURATION}")
    assert "7001" not in listening(host)
    predicted = apply_trial("7001", "--check")
    assert (predicted.changed, predicted.results[-1]["changes"]) == (1, [f"{UNIT}: restart"])
    done = apply_trial("7001")
    assert (done.rc, done.changed) == (0, 1), done.output
    assert done.results[-1]["changes"] == [f"{UNIT}: restart"]
    assert "7001" in listening(host)
    assert apply_trial("7001").changed == 0


@pytest.mark.parametrize("wrong", [{"port": "7003", "checks": ["false"]}, {"port": "no port"}], ids=["check", "start"])
def test_what_was_stopped_stays_so_when_its_files_are_refused(host: Host, apply_trial: Apply, wrong) -> None:
    host.check_output(f"systemctl disable --now {UNIT}")
    refused = apply_trial(listens="7003", **wrong)
    assert refused.rc == 2
    assert "the old files are back in force" in refused.message
    assert host.file(CONFIGURATION).content_string == "7001\n"
    assert unit(host) in (["inactive", "disabled"], ["failed", "disabled"])
