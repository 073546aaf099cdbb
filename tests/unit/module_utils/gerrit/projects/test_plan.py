"""gerrit_projects on the host: what is planned, and what is read from repositories."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.strata.gerrit.projects import account
from ansible.module_utils.strata.gerrit.projects import plan as projects
from ansible.module_utils.strata.gerrit.projects import site as sites
from ansible.module_utils.strata.gerrit.projects import staging as make
from ansible.module_utils.strata.gerrit.projects.plan import (
    Actual,
    ProjectsError,
    Server,
    Wanted,
    blob,
    groups_file,
    plan,
)
from ansible.module_utils.strata.gerrit.projects.ssh import _reasons

CORE = {"anvil-core": "3f" * 20}
ANVIL = Wanted("acme/anvil", "[project]\ndescription = Heavy\n", ("anvil-core",), acl="gerrit/acls/acme/anvil.config")
GROUPS = groups_file(ANVIL.groups, CORE)
SETTLED = Actual("a" * 40, blob(ANVIL.config), blob(GROUPS), "master")
LOCK = {"project.config": "[access]\n", "groups": "#\n"}


def server(**actual: Actual) -> Server:
    names = {name.replace("__", "/"): value for name, value in actual.items()}
    return Server(frozenset({"All-Projects", "All-Users", *names}), names, CORE)


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", f"--git-dir={folder}", *words], capture_output=True, text=True, check=True).stdout


def test_on_an_empty_server_all_is_made() -> None:
    found = plan([ANVIL], Server(), {})
    assert found.changes == ["group anvil-core is made", "project acme/anvil is made"]
    assert found.configs == [ANVIL]


def test_what_is_right_stays() -> None:
    found = plan([ANVIL], server(acme__anvil=SETTLED), {})
    assert (found.changes, found.touched, found.undeclared) == ([], [], [])


@pytest.mark.parametrize(
    "actual",
    [
        replace(SETTLED, config=blob("other")),
        replace(SETTLED, groups=None),
        replace(SETTLED, groups=blob(GROUPS + "more")),
        Actual(),
    ],
)
def test_what_differs_in_either_file_is_pushed(actual: Actual) -> None:
    assert plan([ANVIL], server(acme__anvil=actual), {}).changes == ["project acme/anvil gets its ACL"]


def test_a_groups_file_that_nobody_needs_goes() -> None:
    nobody = replace(ANVIL, groups=())
    assert plan([nobody], server(acme__anvil=SETTLED), {}).configs == [nobody]
    assert plan([nobody], server(acme__anvil=replace(SETTLED, groups=None)), {}).configs == []


def test_a_group_that_is_missing_is_made_once_and_all_that_name_it_are_pushed() -> None:
    both = [ANVIL, replace(ANVIL, name="acme/rocket")]
    there = server(acme__anvil=SETTLED, acme__rocket=SETTLED)
    found = plan(both, replace(there, groups={}), {})
    assert (found.groups, found.configs) == (["anvil-core"], both)


def test_another_default_branch_and_none_declared() -> None:
    assert plan([replace(ANVIL, branch="devel")], server(acme__anvil=SETTLED), {}).changes == [
        "project acme/anvil gets devel as its default branch"
    ]
    assert plan([ANVIL], server(acme__anvil=replace(SETTLED, head="devel")), {}).changes == []


def test_what_the_tree_has_not_is_listed_and_nothing_else() -> None:
    found = plan([ANVIL], server(acme__anvil=SETTLED, acme__old=Actual()), {})
    assert (found.undeclared, found.changes) == (["acme/old"], [])


def test_a_project_that_gerrit_has_not_in_its_list_is_told_to_it() -> None:
    unlisted = replace(server(acme__anvil=SETTLED), listed=frozenset())
    assert plan([ANVIL], unlisted, {}).changes == ["project acme/anvil is listed again"]


def test_what_an_earlier_call_could_not_settle_is_let_alone() -> None:
    assert plan([ANVIL], Server(), {}, skip=["acme/anvil"]).changes == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (replace(ANVIL, parent="acme/none"), "inheritFrom: neither the tree nor Gerrit has a project acme/none"),
        (replace(ANVIL, groups=("ldap/cn=core",)), "give its UUID in external_groups"),
        (replace(ANVIL, groups=("--owner",)), "Gerrit would take the group --owner for an option"),
        (replace(ANVIL, name="All-Projects"), "nobody could fix Gerrit: refused"),
        (replace(ANVIL, name="acme/far"), "its repository is not below gerrit.basePath"),
    ],
)
def test_what_cannot_be_is_named_and_the_others_are_planned(wanted: Wanted, said: str) -> None:
    there = server(acme__anvil=SETTLED)
    there = replace(there, listed=there.listed | {"acme/far"}, projects={**there.projects, "All-Projects": Actual()})
    rocket = replace(ANVIL, name="acme/rocket")
    found = plan([wanted, rocket], there, {})
    assert list(found.problems) == [wanted.name]
    assert found.problems[wanted.name].startswith("gerrit/acls/acme/anvil.config: ")
    assert found.problems[wanted.name].endswith(said)
    assert (found.configs, found.groups) == ([rocket], [])


def test_groups_of_other_systems_and_gerrits_own_need_not_be_made() -> None:
    wanted = replace(ANVIL, groups=("ldap/core", "Registered Users"), parent="All-Projects")
    found = plan([wanted], Server(), {"ldap/core": "ldap:cn=core"})
    assert (found.groups, found.problems) == ([], {})
    known = projects.uuids({}, {"ldap/core": "ldap:cn=core"})
    assert groups_file(wanted.groups, known).splitlines()[2:] == [
        "global:Registered-Users\tRegistered Users",
        "ldap:cn=core           \tldap/core",
    ]


def test_git_names_files_alike(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("Grüße\n")
    named = subprocess.run(["git", "hash-object", tmp_path / "file"], capture_output=True, text=True, check=True).stdout
    assert named == f"{blob('Grüße' + chr(10))}\n"


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_in_repositories_is_read(tmp_path: Path, packed: bool) -> None:
    site = sites.Site(str(tmp_path), "me", str(tmp_path / "git"))
    for name in ("All-Projects", "acme/anvil", "acme/empty"):
        git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=devel", site.repository(name))
    (tmp_path / "git/acme/broken.git").mkdir()
    files = {"project.config": ANVIL.config, "groups": GROUPS}
    sites.write_commits(
        site.repository("acme/anvil"),
        [sites.commit(projects.REF, "Me <me@example.org>", "First", files), b"reset refs/meta/confix\n\n"],
    )
    if packed:
        git(Path(site.repository("acme/anvil")), "pack-refs", "--all")
    tip = git(Path(site.repository("acme/anvil")), "rev-parse", projects.REF).strip()
    found = sites.read_projects(site, ["acme/anvil", "acme/empty", "acme/broken", "acme/none"])
    assert found == {"acme/anvil": replace(SETTLED, tip=tip, head="devel"), "acme/empty": Actual(head="devel")}
    assert sites.read_texts(site, found) == {"acme/anvil": (ANVIL.config, GROUPS), "acme/empty": ("", "")}


def test_other_files_of_refs_meta_config_stay(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "r"))
    who, path = "Me <me@example.org>", str(tmp_path / "r")
    first = {"project.config": "a", "groups": "b", "rules.pl": "c"}
    sites.write_commits(path, [sites.commit(projects.REF, who, "First", first)])
    second = {"project.config": "new", "groups": ""}
    sites.write_commits(path, [sites.commit(projects.REF, who, "Second", second, f"{projects.REF}^0")])
    assert git(tmp_path / "r", "ls-tree", "--name-only", projects.REF).split() == ["project.config", "rules.pl"]
    assert git(tmp_path / "r", "log", "--format=%s", projects.REF).split() == ["Second", "First"]


def workshop(tmp_path: Path) -> make.Workshop:
    site = sites.Site(str(tmp_path), "me", str(tmp_path / "git"))
    git(tmp_path, "init", "--quiet", "--bare", site.repository("All-Projects"))
    return make.Workshop(site, "strata", LOCK)


@pytest.mark.parametrize("branch", [None, "stable/one"])
def test_a_new_repository_is_locked_and_has_its_branch(tmp_path: Path, branch: str | None) -> None:
    with workshop(tmp_path) as shop:
        path = Path(shop.make(replace(ANVIL, branch=branch)))
        ref = f"refs/heads/{branch or 'master'}"
        assert git(path, "for-each-ref", "--format=%(refname)").split() == [ref, projects.REF]
        assert git(path, "symbolic-ref", "HEAD").strip() == ref
        assert git(path, "show", f"{projects.REF}:project.config") == LOCK["project.config"]
        assert git(path, "ls-tree", ref) == ""
        git(path, "fsck", "--strict")
        shop.place({"acme/anvil": str(path)})
    assert (tmp_path / "git/acme/anvil.git/HEAD").exists()
    assert not (tmp_path / "git/All-Projects.git/strata").exists()


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% {mark}", "file://{source}", "{source}", "--upload-pack=touch {mark}", "fd::0"]
)
def test_hostile_upstreams_are_refused_even_if_they_come_so_far(tmp_path: Path, url: str) -> None:
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "source"))
    given = url.format(mark=tmp_path / "mark", source=tmp_path / "source")
    with workshop(tmp_path) as shop, pytest.raises(make.ImportFailedError, match="can't be imported"):
        shop.make(replace(ANVIL, upstream=given))
    assert not (tmp_path / "mark").exists()


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    shop = workshop(tmp_path)
    (Path(shop.folder) / "left").mkdir(parents=True)
    with shop:
        assert [str(path) for path in Path(shop.folder).iterdir()] == [shop.bench]


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [
        ("*:29418", "127.0.0.1", 29418),
        (":29420", "127.0.0.1", 29420),
        ("192.0.2.7", "192.0.2.7", 29418),
        ("review.example.org:22", "review.example.org", 22),
        ("[2001:db8::7]:29418", "2001:db8::7", 29418),
        ("[::]:29418", "127.0.0.1", 29418),
    ],
)
def test_where_ssh_answers(tmp_path: Path, given: str, host: str, port: int) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/gerrit.config").write_text(
        f'[gerrit]\n\tbasePath = /srv/git\n[sshd]\n\tlistenAddress = "{given}"\n'
    )
    site = sites.read_site(str(tmp_path), "me")
    assert (site.host, site.port, site.base) == (host, port, "/srv/git")


def test_without_ssh_nothing_goes(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/gerrit.config").write_text("[sshd]\n\tlistenAddress = off\n")
    with pytest.raises(ProjectsError, match=r"gerrit\.config: sshd\.listenAddress is off"):
        sites.read_site(str(tmp_path), "me")


@pytest.mark.parametrize("state", ["", "[project]\nstate = active\n", "[project]\ndescription = state machine\n"])
def test_administrators_are_admitted_beside_what_is_there(state: str) -> None:
    found = projects.admitting(f"{ANVIL.config}{state}", GROUPS, "Administrators", "1" * 40)
    assert found["project.config"] == (
        f'{ANVIL.config}{state}[access "refs/meta/config"]\npush = group Administrators\n'
    )
    assert found["groups"] == f"{GROUPS}{'1' * 40}\tAdministrators\n"
    assert projects.admitting("", found["groups"], "Administrators", "1" * 40)["groups"] == found["groups"]


@pytest.mark.parametrize("state", ["read only", "READ_ONLY", '"read only"', "hidden"])
def test_a_read_only_project_is_locked_to_admit_administrators(state: str) -> None:
    found = projects.admitting(f"[project]\n\tstate = {state}\n", "", "Administrators", "1" * 40)
    assert found == projects.lock("Administrators", "1" * 40)


def test_a_stale_lock_is_freed_and_a_new_one_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = sites.Site(str(tmp_path), "me", str(tmp_path))
    lock = tmp_path / "a.git/refs/meta/config.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    os.utime(lock, (0, 0))
    sites.unlock(site, "a", (projects.REF,))
    assert not lock.exists()
    lock.touch()
    waited = []
    monkeypatch.setattr(sites.time, "sleep", lambda seconds: (waited.append(seconds), lock.unlink()))
    sites.unlock(site, "a", (projects.REF,))
    assert len(waited) == 1


def users(tmp_path: Path) -> tuple[sites.Site, Path]:
    """A site whose administrators, group 4387, have one member; as Gerrit writes it, the last line has no newline."""
    site = sites.Site(str(tmp_path), "me", str(tmp_path))
    path = Path(site.repository("All-Users"))
    git(tmp_path, "init", "--quiet", "--bare", str(path))
    who, files = "Me <me@example.org>", {"group.config": "[group]\n", "members": "1000000"}
    sites.write_commits(str(path), [sites.commit("refs/groups/43/4387", who, "Create group", files)])
    number = subprocess.run(
        ["git", f"--git-dir={path}", "hash-object", "-w", "--stdin"], input=b"1000001", capture_output=True, check=True
    ).stdout.decode()
    git(path, "update-ref", account.NUMBER, number.strip())
    return site, path


def test_the_account_is_written_as_gerrit_does(tmp_path: Path) -> None:
    site, path = users(tmp_path)
    account._make(site, "strata", "4387")
    assert git(path, "show", "refs/groups/43/4387:members") == "1000000\n1000001"
    assert git(path, "show", "refs/groups/43/4387:group.config") == "[group]\n"
    assert git(path, "show", account.NUMBER) == "1000002"
    settings = git(path, "config", "--blob", "refs/users/01/1000001:account.config", "--list").split("\n")
    assert settings[:2] == ["account.fullname=Strata", "account.preferredemail=strata@localhost"]
    (note,) = git(path, "ls-tree", "--name-only", account.NAMES).split()
    assert subprocess.run(["sha1sum"], input=b"username:strata", capture_output=True, check=True).stdout.decode() == (
        f"{note}  -\n"
    )
    known = git(path, "config", "--blob", f"{account.NAMES}:{note}", "--list").split("\n")
    key = "externalid.username:strata"
    assert known[:2] == [f"{key}.accountid=1000001", f"{key}.email=strata@localhost"]
    account._make(site, "other", "4387")
    assert git(path, "show", "refs/groups/43/4387:members") == "1000000\n1000001\n1000002"
    assert len(git(path, "ls-tree", "--name-only", account.NAMES).split()) == 2


@pytest.mark.parametrize("name", ["Upper", "-dash", "a b", 'a"b', "a\n[x]"])
def test_an_account_with_an_odd_name_is_not_made(tmp_path: Path, name: str) -> None:
    site, path = users(tmp_path)
    with pytest.raises(ProjectsError, match="its name must be of small letters"):
        account._make(site, name, "4387")
    assert git(path, "show", account.NUMBER) == "1000001"


@pytest.mark.parametrize(
    ("like", "path"), [("", "0123456789"), ("ab" * 5, "0123456789"), ("ab/cd/efghij", "01/23/456789")]
)
def test_a_note_stands_where_its_like_do(like: str, path: str) -> None:
    assert account._note("0123456789", like) == path


def test_what_matters_of_a_refusal() -> None:
    said = (
        "remote: \nremote: Processing changes\nremote: ERROR: commit 80de1c3: label is wrong\n ! [remote rejected] x\n"
    )
    assert _reasons(said) == "label is wrong"
    assert _reasons(" ! [remote rejected] x (prohibited)\nerror: failed\n") == "! [remote rejected] x (prohibited)"
