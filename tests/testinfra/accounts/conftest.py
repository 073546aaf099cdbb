"""Keys on the probe, logins with them, and runs of the role with other people."""

from __future__ import annotations

import pytest

KEYS = "/root/strata-test-keys"


@pytest.fixture(scope="session")
def keys(probe):
    """The public halves of some keys that the probe can log in with, by their names."""
    probe.check_output(f"rm -rf {KEYS} && mkdir -m 700 {KEYS}")
    make = f"cd {KEYS} && ssh-keygen -q -t ed25519 -N '' -C {{0}} -f {{0}} && cat {{0}}.pub"
    return {name: probe.check_output(make.format(name)) for name in ("one", "two")}


@pytest.fixture(scope="session", autouse=True)
def _patient_sshd(host):
    """Have sshd not shut out an address that has been refused several times, as newer ones do."""
    setting = "/etc/ssh/sshd_config.d/strata-test.conf"
    known = "sshd -T -o PerSourcePenalties=no >/dev/null 2>&1"
    answers = "until (exec 3<>/dev/tcp/localhost/22) 2>/dev/null; do :; done"
    host.run("bash -c %s", f"{known} && echo PerSourcePenalties no >{setting} && systemctl reload ssh; {answers}")
    yield
    host.run("bash -c %s", f"rm {setting} && systemctl reload ssh; {answers}")


@pytest.fixture
def login(probe, address, keys):
    """Log in from the probe by one of its keys; return the name that one has then, or why one has not."""
    assert keys
    options = (
        "-F none -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    )

    def log_in(user, key, command="id -un"):
        done = probe.run(f"ssh {options} -o LogLevel=ERROR -i {KEYS}/{key} {user}@{address} {command} || exit 1")
        return done.stdout.strip() if done.rc == 0 else done.stderr.strip().rpartition(": ")[2]

    return log_in


@pytest.fixture(scope="session")
def apply_role(converge):
    """Runs of the role, after which the scenario's own state comes back; those whom a test made are removed."""
    made = {}

    def run(*flags, check=False, fingerprints=False, **variables):
        for user in variables.get("accounts_users", []):
            made[user["name"]] = user["uid"]
        return converge(*flags, check=check, fingerprints=fingerprints, **variables)

    yield run
    leavers = [{"name": name, "uid": uid, "state": "absent", "remove_home": True} for name, uid in made.items()]
    assert converge(accounts_users=leavers, accounts_present=[], accounts_admins=[], accounts_min_id=1000).rc == 0
    assert converge().rc == 0


@pytest.fixture
def apply_people(apply_role):
    """Converge with these people, all of whom have an account."""

    def run(*users, **variables):
        present = [user["name"] for user in users]
        return apply_role(
            accounts_users=list(users), **{"accounts_present": present, "accounts_admins": [], **variables}
        )

    return run
