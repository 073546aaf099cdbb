"""Who may do what as root, by the real sudo; and rules that visudo refuses."""

from __future__ import annotations

import pytest
import yaml

from strata.paths import ROOT

WEB = {"name": "web", "content": "%users ALL = (root) NOPASSWD: /usr/bin/id -u"}
OTHERS = "/etc/sudoers.d/others"


@pytest.fixture(scope="session", autouse=True)
def _people(host):
    """An admin, a member of a group that a rule names, and anybody."""
    host.check_output("useradd -G sudo admin && useradd -G users member && useradd anybody")
    yield
    host.check_output("userdel admin && userdel member && userdel anybody")


@pytest.fixture(scope="module")
def change(converge):
    """Run the role alone, with other values of its variables; in the end with those of molecule.yml."""

    def run(*flags, **values):
        return converge("--tags=sudo,always", *flags, **values)

    yield run
    assert run().rc == 0


def as_root(host, user, command):
    return host.run("su %s -c %s", user, f"sudo -n {command}")


def rules(host):
    return host.check_output("cd /etc/sudoers.d && stat -c '%n %a %U %i %Y' * && sha256sum *")


def test_the_admin_is_root_and_others_are_not(host):
    assert as_root(host, "admin", "id -un").stdout == "root\n"
    for user in ("member", "anybody"):
        refused = as_root(host, user, "cat /etc/shadow")
        assert refused.rc == 1
        assert refused.stdout == ""


def test_a_rule_lets_do_what_it_says_and_nothing_else(host):
    assert as_root(host, "member", "id -u").stdout == "0\n"
    assert as_root(host, "member", "id -un").rc == 1
    assert as_root(host, "anybody", "id -u").rc == 1


def test_files_are_as_sudo_wants_them(host):
    for name in ("strata-00-admins", "strata-web"):
        file = host.file(f"/etc/sudoers.d/{name}")
        assert (file.mode, file.user, file.group) == (0o440, "root", "root")
    assert "for sudo_rules.\n" in host.file("/etc/sudoers.d/strata-web").content_string


@pytest.mark.spread
def test_a_password_may_be_asked_for(host, change):
    assert change(sudo_admin_password=True).rc == 0
    assert "a password is required" in as_root(host, "admin", "id -un").stderr


def test_a_rule_that_is_no_longer_declared_ends_and_those_of_others_stay(host, change):
    host.check_output(f"echo 'anybody ALL = NOPASSWD: /usr/bin/id -g' >{OTHERS} && chmod 440 {OTHERS}")
    try:
        assert "/etc/sudoers.d/strata-web" in change(sudo_rules=[]).results[-1]["changes"]
        assert as_root(host, "member", "id -u").rc == 1
        assert as_root(host, "anybody", "id -g").stdout == "0\n"
    finally:
        host.check_output(f"rm {OTHERS}")


@pytest.fixture
def refuse(host, change):
    """Make a run that is refused, and leaves the rules as they were; return what it said."""

    def run(wrong, *flags):
        before = rules(host)
        refused = change(*flags, sudo_rules=[WEB, {"name": "new", "content": "anybody ALL = ALL"}, wrong])
        assert (refused.rc, refused.changed) == (2, 0)
        assert rules(host) == before
        assert as_root(host, "admin", "id -un").stdout == "root\n"
        return refused.message

    return run


@pytest.mark.spread
@pytest.mark.parametrize("flags", [[], ["--check"]])
def test_what_visudo_refuses_is_named_and_not_written(refuse, flags):
    message = refuse({"name": "bad", "content": "%users ALL = = nonsense"}, *flags)
    assert "/etc/sudoers.d/strata-bad (sudo_rules) is refused by visudo: " in message
    assert "syntax error" in message


@pytest.mark.spread
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "web", "content": "anybody ALL = ALL"}, "strata-web (sudo_rules) is declared twice"),
        ({"name": "../../cron.d/x", "content": ""}, 'sudo_rules: "../../cron.d/x" is not a valid name of a rule'),
        ({"name": "web\n", "content": ""}, "is not a valid name of a rule"),
        ({"name": "empty"}, "sudo_rules: the rule empty needs content"),
    ],
)
def test_what_is_declared_wrongly_is_named_and_not_written(refuse, wrong, message):
    assert message in refuse(wrong)


def test_rules_that_only_together_are_wrong_do_not_stay(host, change):
    assert change().rc == 0
    before = host.check_output("sha256sum /etc/sudoers.d/*")
    alias = {"content": "Cmnd_Alias LOOK = /usr/bin/id"}
    refused = change(sudo_rules=[WEB, alias | {"name": "one"}, alias | {"name": "two"}])
    assert refused.rc == 2
    assert "visudo --check ends with status 1: " in refused.message
    assert "the old files are back in force" in refused.message
    assert host.check_output("sha256sum /etc/sudoers.d/*") == before
    assert change().changed == 0


@pytest.fixture
def killing_check(host):
    """Let the check of all rules together kill the module that runs it, until the file /tmp/kill is gone."""
    wrapper = '#!/bin/sh\n[ -e /tmp/kill ] && [ "$*" = --check ] && kill -KILL $PPID\nexec /usr/sbin/visudo.kept "$@"\n'
    host.check_output("cd /usr/sbin && mv visudo visudo.kept && echo %s >visudo && chmod 755 visudo", wrapper)
    yield lambda on: host.check_output("touch /tmp/kill" if on else "rm /tmp/kill")
    host.check_output("rm -f /tmp/kill && mv /usr/sbin/visudo.kept /usr/sbin/visudo")


@pytest.mark.spread
def test_rules_of_a_run_that_was_killed_before_it_checked_them(host, change, killing_check):
    before = host.check_output("sha256sum /etc/sudoers.d/*")
    alias = {"content": "Cmnd_Alias LOOK = /usr/bin/id"}
    for ruled, right in (([alias | {"name": "one"}, alias | {"name": "two"}], False), ([WEB | {"name": "new"}], True)):
        killing_check(True)
        assert change(sudo_rules=ruled).rc == 2
        killing_check(False)
        assert (host.run("visudo --check").rc == 0) == right, "they are in their places"
        assert host.file("/var/lib/strata/owed/sudo").mode == 0o600
        following = change(sudo_rules=ruled)
        if right:
            assert (following.rc, following.changed) == (0, 0)
        else:
            assert "visudo --check ends with status 1: " in following.message
            assert "the old files are back in force" in following.message
            assert host.check_output("sha256sum /etc/sudoers.d/*") == before
        assert not host.file("/var/lib/strata/owed").exists


CHOICES = [
    {"sudo_admin_group": "users", "sudo_admin_password": True, "sudo_rules": [WEB | {"name": "other"}]},
    {"sudo_admin_group": "", "sudo_admin_password": False, "sudo_rules": []},
    {},
]


def test_check_mode_of_every_parameter_touches_nothing_and_predicts(change, fingerprint):
    options = yaml.safe_load((ROOT / "roles/sudo/meta/argument_specs.yml").read_text())["argument_specs"]["main"][
        "options"
    ]
    assert set(CHOICES[0]) == {name for name in options if "__" not in name}
    before = fingerprint()
    for values in CHOICES:
        checked = change("--check", **values)
        assert fingerprint() == before
        done = change(**values)
        assert (done.rc, done.changed) == (checked.rc, checked.changed) == (0, 1), done.output
        assert checked.results[-1]["changes"] == done.results[-1]["changes"] != []
        after = fingerprint()
        touched = {key for key in before | after if before.get(key) != after.get(key)}
        assert {f"path {path}" for path in done.results[-1]["changes"]} <= touched
        before = after
