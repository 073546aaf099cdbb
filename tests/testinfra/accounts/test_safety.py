"""What users and killed runs may have left, check mode of every parameter, and secrets."""

from __future__ import annotations

import json

import pytest
import yaml
from results import changes

from strata.paths import ROOT

pytestmark = pytest.mark.spread

EVE = {"name": "eve", "uid": 2101}
CANARY = "canaryCANARY"

#: What users do in their homes, by their names.
TRAPS = {
    "linked-folder": "ln -s /root/.ssh .ssh",
    "linked-file": "mkdir .ssh && ln -s /etc/shadow .ssh/authorized_keys",
    "linked-new-file": "mkdir .ssh && ln -s /etc/shadow .ssh/.strata-authorized_keys.new",
    "folder": "mkdir -p .ssh/authorized_keys/in/the/way",
    "second-file": "mkdir .ssh && echo stray >.ssh/authorized_keys2",
}


def test_links_of_users_are_not_followed(host, apply_people, login, keys):
    users = [{"name": name, "uid": 2120 + number} for number, name in enumerate(TRAPS)]
    assert apply_people(*users).rc == 0
    for name, trap in TRAPS.items():
        host.check_output("su %s -c %s", name, f"cd && {trap}")
    precious = (
        "sha256sum /root/.ssh/*; stat -c '%a %u %g %n' /etc/shadow /root/.ssh /root/.ssh/*; cut -d: -f1,2 /etc/shadow"
    )
    before = host.check_output(precious)
    users = [user | {"keys": [keys["one"]]} for user in users]
    assert sorted(changes(apply_people(*users))) == sorted(f"keys of {name}" for name in TRAPS)
    assert host.check_output(precious) == before
    for name in TRAPS:
        assert login(name, "one") == name
        assert host.run(f"ls -A /home/{name}/.ssh").stdout == "authorized_keys\n"
    assert apply_people(*users).changed == 0


PEOPLE = [{"name": f"user{number}", "uid": 2200 + number, "groups": ["crowd"]} for number in range(10)]
CROWD = [{"name": "crowd", "gid": 3100}]


def files_agree(host):
    """Ask shadow's own programs whether the four files fit together."""
    for program in ("pwck", "grpck"):
        done = host.run(f"{program} -r -q")
        assert done.rc == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def people(apply_role):
    """Bring ten people, or remove them; the seconds that it takes."""

    def run(state, begin=apply_role, **options):
        users = [user | ({"state": "absent", "remove_home": True} if state == "absent" else {}) for user in PEOPLE]
        names = [user["name"] for user in PEOPLE]
        chosen = {"accounts_present": names, "accounts_admins": [], "accounts_groups": CROWD}
        return begin(accounts_users=users, **chosen, **options)

    yield run
    assert run("absent").rc == 0


@pytest.mark.soak(ordinary=2)
def test_module_killed_on_the_host(host, people, idle, repetition, moment, module_killer):
    wanted = ("absent", "present")[repetition[0] % 2]
    module_killer("/etc/passwd.lock", moment * 0.5)
    assert people(wanted).rc in (0, 2)
    idle()
    there = "cat /etc/passwd /etc/group /etc/shadow /etc/gshadow; ls -lR /home; ls /etc/*.lock"
    left = host.run(there).stdout
    predicted = people(wanted, check=True)
    assert host.run(there).stdout == left
    done = people(wanted)
    assert (done.rc, done.results[-1]["changes"]) == (0, predicted.results[-1]["changes"]), done.output
    assert people(wanted).changed == 0
    assert [host.user(user["name"]).exists for user in PEOPLE] == [wanted == "present"] * len(PEOPLE)
    assert [host.file(f"/home/{user['name']}").exists for user in PEOPLE] == [wanted == "present"] * len(PEOPLE)
    files_agree(host)


def test_what_a_killed_program_of_shadow_left_is_repaired(host, apply_people, login, keys):
    eve = EVE | {"keys": [keys["one"]]}
    assert apply_people(eve).rc == 0
    gone = host.check_output("sh -c 'echo $$'")
    host.check_output(f"sed -i /^eve:/d /etc/shadow /etc/gshadow && printf {gone} >/etc/passwd.lock")
    assert changes(apply_people(eve)) == ["lines of /etc/shadow", "lines of /etc/gshadow", "password of eve"]
    assert login("eve", "one") == "eve"
    files_agree(host)


FIRST = {
    "name": "hugo",
    "uid": 2300,
    "state": "present",
    "comment": "Hugo Müller",
    "keys": ["restrict ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF0POROmzVaZ7Ev1kuZm8zVPNHA+HoDJ7KBny601EHzx hugo"],
    "password": f"$6$saltsaltsalt${CANARY * 7}12",
    "group": "web",
    "groups": ["adm"],
    "shell": "/bin/sh",
    "home": "/srv/people/hugo",
    "home_mode": "0750",
    "create_home": True,
    "remove_home": False,
}
SECOND = {
    "name": "hugo",
    "uid": 2300,
    "state": "present",
    "comment": "",
    "keys": [],
    "password": None,
    "group": None,
    "groups": [],
    "shell": "/bin/bash",
    "home": "/home/hugo",
    "home_mode": None,
    "create_home": False,
    "remove_home": False,
}
STEPS = [
    {
        "accounts_users": [FIRST],
        "accounts_groups": [{"name": "web", "gid": 3000}, {"name": "more", "gid": 3200}],
        "accounts_present": ["hugo"],
        "accounts_admins": [],
        "accounts_admin_groups": ["sudo"],
        "accounts_root_keys": [],
        "accounts_replace_root_keys": True,
        "accounts_end_processes": True,
        "accounts_purge": False,
        "accounts_min_id": 2000,
    },
    {
        "accounts_users": [SECOND, {"name": "low", "uid": 1500}],
        "accounts_present": [],
        "accounts_admins": ["hugo", "low"],
        "accounts_admin_groups": ["adm", "staff"],
        "accounts_root_keys": None,
        "accounts_min_id": 1500,
    },
    {"accounts_users": [SECOND | {"state": "disabled"}], "accounts_end_processes": False, "accounts_purge": True},
    {"accounts_users": [SECOND | {"state": "absent", "remove_home": True}], "accounts_purge": True},
]


def test_check_mode_of_every_parameter_touches_nothing_and_predicts(host, apply_role, fingerprint):
    options = yaml.safe_load((ROOT / "roles/accounts/meta/argument_specs.yml").read_text())["argument_specs"]["main"][
        "options"
    ]
    assert set(STEPS[0]) == set(options)
    assert set(FIRST) == set(SECOND) == set(options["accounts_users"]["options"])
    known = host.file("/root/.ssh/authorized_keys").content_string.splitlines()
    STEPS[0]["accounts_root_keys"] = [line for line in known if line and not line.startswith("#")]
    apply_role(accounts_users=[])
    before = fingerprint()
    for step in STEPS:
        values = {"accounts_present": [], "accounts_admins": [], **step}
        checked = apply_role(check=True, **values)
        assert fingerprint() == before
        done = apply_role(**values)
        assert (done.rc, done.changed) == (checked.rc, checked.changed) == (0, 1), done.output
        assert changes(checked) == changes(done) != []
        after = fingerprint()
        assert {key for key in before | after if before.get(key) != after.get(key)}
        before = after


def test_no_hash_of_a_password_and_no_private_key_is_shown(host, apply_role, tmp_path):
    """Neither when it is set, nor when it is refused, nor to the journal of the host."""
    people = tmp_path / "people.json"
    user = SECOND | {
        "password": FIRST["password"],
        "create_home": True,
        "name": "ida",
        "uid": 2301,
        "home": "/home/ida",
    }
    for flags, password, rc in (
        (["--check"], user["password"], 0),
        ([], user["password"], 0),
        ([], f"{CANARY}:no hash", 2),
        ([], {"not": CANARY}, 2),
        ([], user["password"] + "\n", 2),
        ([], None, 0),
    ):
        # In a file, as Ansible shows its arguments.
        values = {"accounts_users": [user | {"password": password}], "accounts_present": ["ida"], "accounts_admins": []}
        people.write_text(json.dumps(values))
        done = apply_role("-vvv", "--diff", *flags, f"--extra-vars=@{people}")
        assert done.rc == rc, done.output
        assert CANARY not in done.output
        if rc == 0 and password and not flags:
            assert host.user("ida").password == password
    assert host.user("ida").password == "*"  # declared no longer
    # pragma: allowlist nextline secret
    private = ["-----BEGIN OPENSSH PRIVATE KEY-----", f"{CANARY}{CANARY}", "-----END OPENSSH PRIVATE KEY-----"]
    values["accounts_users"][0] |= {"keys": private}
    people.write_text(json.dumps(values))
    done = apply_role("--diff", f"--extra-vars=@{people}")
    assert done.rc == 2
    assert "ida (accounts_users): key 1 has an option that sshd does not know" in done.message
    assert CANARY not in done.output
    host.check_output("journalctl --sync")
    journal = host.check_output("journalctl --no-pager --output=cat")
    assert "new user: name=ida" in journal
    assert "ansible-host_accounts" not in journal
    assert CANARY not in journal
