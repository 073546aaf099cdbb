"""The real pip gets a package from the index that the host has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plays import Run
    from testinfra.host import Host

    Converge = Callable[..., Run]

CANARY = "canary-7f3a"
PIP = "python3 $(echo /usr/share/python-wheels/pip-*.whl)/pip"

#: An index with one package, by an ordinary web server on the host itself.
INDEX = """
apt-get -qq update && apt-get -qq -y install python3-pip-whl >/dev/null
echo 127.0.0.1 pypi.example.org >>/etc/hosts
mkdir -p /srv/index/simple/trial
python3 - <<END
import zipfile
with zipfile.ZipFile("/srv/index/simple/trial/trial-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("trial-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: trial\\nVersion: 1.0\\n")
    wheel.writestr("trial-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("trial-1.0.dist-info/RECORD", "")
END
systemd-run --quiet --collect --unit=index python3 -m http.server --directory /srv/index 8000
until ss -Hltn sport = 8000 | grep -q .; do sleep 0.1; done
"""


@pytest.fixture(scope="session", autouse=True)
def _index(host: Host) -> Iterator[None]:
    host.check_output(INDEX)
    yield
    host.check_output("systemctl stop index")


def download(host: Host) -> tuple[int, str]:
    """Let pip, as any user, get the package; return its exit code and what it says."""
    done = host.run(f"cd /tmp && su nobody -s /bin/sh -c '{PIP} download trial'")
    host.check_output("rm -f /tmp/trial-*.whl")
    return done.rc, done.stdout + done.stderr


def test_packages_come_from_the_declared_index(host: Host, rerun: Converge) -> None:
    code, said = download(host)
    assert (code, "http://pypi.example.org:8000/simple/trial/trial-1.0-py3-none-any.whl" in said) == (0, True), said
    assert rerun(pip_trusted_hosts=[]).changed == 1
    code, said = download(host)
    assert (code, "is not a trusted or secure host" in said) == (1, True), said


def test_settings_are_those_that_pip_reads(host: Host, rerun: Converge) -> None:
    extra = ["https://one.example.org/simple", "https://two.example.org/simple"]
    assert rerun(pip_extra_index_urls=extra).changed == 1
    listing = host.check_output(f"{PIP} config list")
    assert listing.splitlines() == [
        "download.no-deps='true'",
        "global.extra-index-url='\\n" + "\\n".join(extra) + "'",
        "global.index-url='http://pypi.example.org:8000/simple'",
        "global.retries='0'",
        "global.timeout='5'",
        "global.trusted-host='\\npypi.example.org'",
    ]


def test_a_password_is_refused_and_shown_nowhere(host: Host, converge: Converge, tmp_path: Path) -> None:
    before = host.file("/etc/pip.conf").content
    # In a file, as Ansible prints its command line.
    (tmp_path / "declared.json").write_text(
        json.dumps({"pip_index_url": f"https://me:{CANARY}@pypi.example.org/simple"})
    )
    for check in (True, False):
        done = converge("-vvv", "--diff", f"--extra-vars=@{tmp_path}/declared.json", check=check)
        assert done.rc == 2
        assert "an address has a user or password in it" in done.said
        assert CANARY not in done.output
    assert host.file("/etc/pip.conf").content == before
