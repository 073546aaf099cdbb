"""Sources in the old form, with keys that count for all sources, become today's, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from repository import PORT, Repositories, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plays import Run
    from testinfra.host import Host

LIST = "/etc/apt/sources.list.d/trial.list"
#: Debian 12 is the last whose apt reads the keyring of apt-key.
OLD_RINGS = {"12": "/etc/apt/trusted.gpg", "13": "/etc/apt/trusted.gpg.d/legacy.gpg"}
UPDATE = "apt-get -q update --option=APT::Update::Error-Mode=any"


@pytest.fixture
def old_ring(host: Host, repositories: Repositories) -> Iterator[str]:
    """A source as it was written long ago, whose key is one of two in a keyring for all sources: that one's path."""
    assert repositories.keys
    ring = OLD_RINGS[host.system_info.release.partition(".")[0]]
    host.check_output("tar -C /etc -cf /run/apt.tar apt")
    host.check_output(f"GNUPGHOME=/srv/gnupg gpg --export good@example.org other@example.org >{ring}")
    host.check_output(f"echo 'deb http://127.0.0.1:{PORT}/good ./ # ours' >{LIST}")
    if (updated := host.run(UPDATE)).rc:
        pytest.fail(updated.stderr)
    yield ring
    host.check_output(f"rm -r /etc/apt && tar -C /etc -xf /run/apt.tar && {UPDATE}")


def candidates(host: Host) -> list[str]:
    """Return what apt makes of all sources, and of some packages."""
    known = host.check_output("apt-cache policy; apt-cache policy $(dpkg-query -W -f '${Package} ') strata-hello tree")
    return sorted(line.strip() for line in known.splitlines())


def test_migration_is_predicted_and_loses_nothing(
    host: Host, converge: Callable[..., Run], old_ring: str, fingerprint: Callable[[], dict[str, str]]
) -> None:
    before, untouched = candidates(host), fingerprint()
    assert any("Candidate: 1.1" in line for line in before)
    preview = converge("--diff", check=True, apt_migrate=True)
    assert (preview.rc, preview.changed) == (0, 1), preview.output
    assert fingerprint() == untouched
    done = converge("--diff", apt_migrate=True)
    assert (done.rc, done.changed) == (0, 1), done.output
    assert preview.results[-1]["files"] == done.results[-1]["files"]
    assert done.results[-1]["migrated_sources"] == ["/etc/apt/sources.list", LIST]

    assert candidates(host) == before
    assert host.check_output("ls /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>&- || true") == ""
    assert "# ours" in host.file(f"{LIST}.bak").content_string
    assert "Signed-By: /etc/apt/keyrings/trial.gpg" in host.file(LIST.removesuffix("list") + "sources").content_string
    # Each key on its own: the one that signs is for its source only, the one that nobody needs stays.
    shown = "gpg --show-keys --with-colons %s | grep -c ^pub"
    assert [host.check_output(shown, ring) for ring in ("/etc/apt/keyrings/trial.gpg", old_ring)] == ["1", "1"]

    host.check_output(f"rm -r /var/lib/apt/lists/* && {UPDATE}")
    assert candidates(host) == before
    assert converge(apt_migrate=True).changed == 0


def test_sources_that_cannot_be_migrated_are_named_and_left(
    host: Host, converge: Callable[..., Run], old_ring: str
) -> None:
    lines = {
        "deb [novel=1] http://example.org/ x main": "line 1: the option 'novel=1' is not understood",
        f"deb http://127.0.0.1:{PORT}/unknown ./": "line 1: its lists are not there: run apt-get update",
    }
    for number, line in enumerate(lines):
        host.check_output(f"echo '{line}' >/etc/apt/sources.list.d/left{number}.list")
    done = converge(apt_migrate=True)
    assert done.rc == 0, done.output
    assert done.results[-1]["migrated_sources"] == ["/etc/apt/sources.list", LIST]
    for number, (line, said) in enumerate(lines.items()):
        path = f"/etc/apt/sources.list.d/left{number}.list"
        assert f"{path} stays as it is, because it cannot be migrated: {said}" in words(done.output)
        assert host.file(path).content_string == f"{line}\n"
    assert host.file(old_ring).exists
