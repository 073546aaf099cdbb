"""gerrit_projects: what a real Gerrit then has; what is left of a run that dies; and what a Gerrit refuses."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import many_projects
import pytest
from conftest import SITE
from plays import Play
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Server
    from plays import Run
    from testinfra.host import Host

    Begin = Callable[..., Play]

PLAYBOOK = Path(__file__).with_name("projects.yml")

ACL = """\
[access "refs/heads/*"]
label-Code-Review = -2..+2 group {core}
"""
# Since 3.7, Gerrit alone refuses this.
OLD_LABEL = """\
[label "Old"]
function = AnyWithBlock
value = 0 None
"""
LOCKED = "push = block group Anonymous Users"


class Tree:
    """A project-config tree, all of whose projects are in a folder of its own on Gerrit."""

    def __init__(self, root: Path, folder: str) -> None:
        self.root, self.folder = root, folder
        self.projects: dict[str, dict[str, str]] = {}
        (root / "gerrit/acls").mkdir(parents=True)

    def add(self, name: str, acl: str | None = None, **values: str) -> str:
        """Declare a project, or declare it anew, and return its full name."""
        path = self.root / f"gerrit/acls/{self.folder}/{name}.config"
        path.parent.mkdir(exist_ok=True)
        path.write_text(ACL.format(core=f"{self.folder}-core") if acl is None else acl)
        self.projects[name] = values
        self.write()
        return f"{self.folder}/{name}"

    def write(self) -> None:
        entries = []
        for name in sorted(self.projects):
            entries.append(f"- project: {self.folder}/{name}\n")
            entries += [f"  {key.replace('_', '-')}: {json.dumps(v)}\n" for key, v in self.projects[name].items()]
        (self.root / "gerrit/projects.yaml").write_text("".join(entries))


@pytest.fixture
def tree(tmp_path: Path, request: pytest.FixtureRequest) -> Tree:
    words = request.node.originalname.removeprefix("test_").split("_")
    return Tree(tmp_path / "tree", "-".join([*words[:6], str(time.time_ns() % 10**6)]))


@pytest.fixture
def begin_projects(target: str, tmp_path_factory: pytest.TempPathFactory) -> Begin:
    def start(tree: Tree | Path, *flags: str, **variables: Any) -> Play:
        root = tree.root if isinstance(tree, Tree) else tree
        record = tmp_path_factory.mktemp("run") / "record.json"
        return Play(PLAYBOOK, target, record, *flags, tree=str(root), **variables)

    return start


@pytest.fixture
def apply_projects(begin_projects: Begin) -> Callable[..., Run]:
    return lambda tree, *flags, **variables: begin_projects(tree, *flags, **variables).end()


def config(host: Host, name: str, file: str = "project.config") -> str:
    """Return a file of a project's refs/meta/config, "" if there is none."""
    return str(as_gerrit(host, f"git --git-dir={SITE}/git/{name}.git show refs/meta/config:{file} 2>/dev/null"))


def as_gerrit(host: Host, command: str) -> str:
    return str(host.run(f"runuser -u gerrit -- sh -c {shlex.quote(command)}").stdout)


def info(server: Server, name: str) -> dict[str, Any]:
    """Return what Gerrit says of a project to anybody; nothing if it is hidden from him."""
    answer = server.ask(f"/projects/{name.replace('/', '%2F')}")
    return dict(json.loads(answer.removeprefix(")]}'"))) if answer.startswith(")]}'") else {}


def result(run: Run) -> dict[str, Any]:
    assert run.rc == 0, run.output
    return run.results[-1]


def shown_configs(run: Run) -> list[str]:
    """Return the changes of project.config that a run shows."""
    return re.findall(r"^--- before: .* project\.config\n(?:.+\n)+", run.output, re.MULTILINE)


def test_check_mode_predicts_what_is_made_and_then_nothing_is_left(
    host: Host, server: Server, tree: Tree, apply_projects: Callable[..., Run]
) -> None:
    base = tree.add("base", acl='[access "refs/heads/*"]\nabandon = group Registered Users\n', description="The base")
    core = f"{tree.folder} core"
    acl = f"[access]\ninheritFrom = {base}\n\n{ACL.format(core=core)}"
    child = tree.add("child", acl=acl, description="A # b")
    old = tree.add("old", acl="[project]\nstate = read only\n", default_branch="devel")
    runs = [apply_projects(tree, "--check", "--diff")]
    assert info(server, base) == {}
    runs.append(apply_projects(tree, "--diff"))
    predicted, made = map(result, runs)
    expected = [f"group {core} is made", *(f"project {name} is made" for name in (base, child, old))]
    assert predicted["changes"] == made["changes"] == expected
    assert shown_configs(runs[0]) == shown_configs(runs[1])
    assert len(shown_configs(runs[0])) == 3
    assert made["projects"] == {"declared": 3, "applied": 3}
    assert (info(server, child)["description"], info(server, child)["parent"]) == ("A # b", base)
    assert info(server, old)["state"] == "READ_ONLY"
    assert core in config(host, child, "groups")
    assert host.file(f"{SITE}/git/{old}.git/HEAD").content_string == "ref: refs/heads/devel\n"
    users = f"git --git-dir={SITE}/git/All-Users.git"
    groups = f"$({users} for-each-ref --format='%(refname)' refs/groups)"
    members = as_gerrit(host, f"{users} grep -c . {groups} -- members")
    assert len(members.splitlines()) == 1, "only the administrators have members, of whom one makes all this"
    again = apply_projects(tree)
    assert (again.changed, again.calls, result(again)["changes"]) == (0, 1, [])
    assert apply_projects(tree, "--check").changed == 0
    assert host.run(f"ls {SITE}/git/All-Projects.git/strata").rc != 0


def test_acl_parent_description_and_state_change(
    host: Host, server: Server, tree: Tree, apply_projects: Callable[..., Run]
) -> None:
    name, base = tree.add("changing"), tree.add("parent")
    result(apply_projects(tree))
    for state, answered in (("read only", "READ_ONLY"), ("read only", "READ_ONLY"), ("active", "ACTIVE")):
        text = f"[access]\ninheritFrom = {base}\n\n[project]\nstate = {state}\n"
        tree.add("changing", acl=text, description=f"Now {time.time_ns()}")
        assert result(apply_projects(tree))["changes"] == [f"project {name} gets its ACL"]
        said = info(server, name)
        assert (said["state"], said["parent"]) == (answered, base)
        assert said["description"] == tree.projects["changing"]["description"]
    assert config(host, name, "groups") == ""


def test_broken_acls_are_named_and_the_others_are_applied(
    server: Server, tree: Tree, apply_projects: Callable[..., Run]
) -> None:
    good = tree.add("good")
    syntax = tree.add("syntax", acl="[access\n")
    refused = tree.add("refused", acl=OLD_LABEL)
    orphan = tree.add("orphan", acl="[access]\ninheritFrom = no/such\n")
    run = apply_projects(tree)
    assert run.rc == 2
    assert "3 of 4 projects are not applied, the others are" in run.message
    assert f"{syntax}: gerrit/acls/{tree.folder}/syntax.config:1: [access is not the header of a section" in run.message
    assert f"{refused}: gerrit/acls/{tree.folder}/refused.config: Gerrit refuses it:" in run.message
    assert "neither the tree nor Gerrit has a project no/such" in run.message
    assert run.results[-1]["projects"] == {"declared": 4, "applied": 1}
    assert info(server, good)["state"] == "ACTIVE"
    # It is there, but locked.
    assert info(server, refused) == info(server, syntax) == info(server, orphan) == {}
    again = apply_projects(tree)
    assert (again.rc, again.changed) == (2, 0)
    tree.add("refused")
    tree.add("syntax")
    tree.add("orphan")
    result(apply_projects(tree))
    assert info(server, refused)["state"] == info(server, syntax)["state"] == "ACTIVE"


@pytest.mark.parametrize("state", ["active", "read only"])
def test_a_refused_acl_leaves_the_former_one(
    host: Host, server: Server, tree: Tree, apply_projects: Callable[..., Run], state: str
) -> None:
    name = tree.add("kept", acl=f"[project]\nstate = {state}\n")
    result(apply_projects(tree))
    before = config(host, name), config(host, name, "groups")
    tree.add("kept", acl=OLD_LABEL)
    refused = apply_projects(tree)
    assert f"{name}: gerrit/acls/{tree.folder}/kept.config: Gerrit refuses it:" in refused.message
    assert (config(host, name), config(host, name, "groups")) == before
    assert info(server, name)["state"] == state.upper().replace(" ", "_")


@pytest.mark.spread
def test_what_is_no_longer_declared_stays_and_is_listed(
    server: Server, tree: Tree, apply_projects: Callable[..., Run]
) -> None:
    name = tree.add("former")
    tree.add("other")
    result(apply_projects(tree))
    del tree.projects["former"]
    (tree.root / f"gerrit/acls/{tree.folder}/former.config").unlink()
    tree.write()
    again = result(apply_projects(tree))
    assert (again["changed"], name in again["undeclared"]) == (False, True)
    assert info(server, name)["state"] == "ACTIVE"


@pytest.mark.spread
@pytest.mark.parametrize(
    "entry",
    ["  upstream: ext::sh -c 'touch /tmp/mark'\n", "  upstream: --upload-pack=touch /tmp/mark\n", "- project: ../up\n"],
)
def test_hostile_data_touch_nothing(host: Host, tree: Tree, apply_projects: Callable[..., Run], entry: str) -> None:
    name = tree.add("first")
    with (tree.root / "gerrit/projects.yaml").open("a") as stream:
        stream.write(entry)
    run = apply_projects(tree)
    assert (run.rc, run.changed) == (2, 0)
    assert "nothing is touched, as gerrit/projects.yaml:2:" in run.message
    assert not host.file(f"{SITE}/git/{name}.git").exists
    assert not host.file("/tmp/mark").exists


@pytest.fixture
def upstream(host: Host) -> Iterator[str]:
    """A repository with two branches and a tag on another server, which is the same host."""
    commands = """set -e; rm -rf /srv/upstream; git init -q -b devel /srv/upstream/x; cd /srv/upstream/x
git config user.name Me; git config user.email me@example.org; echo one >file; git add file; git commit -qm One
git branch stable; git tag v1; chown -R gerrit: /srv/upstream"""
    host.check_output(f"sh -c {shlex.quote(commands)}")
    daemon = "git daemon --reuseaddr --listen=127.0.0.1 --export-all --base-path=/srv/upstream /srv/upstream"
    host.check_output(f"systemd-run --collect --uid=gerrit --unit=upstream {daemon}")
    deadline = time.monotonic() + 60
    while host.run("git ls-remote git://127.0.0.1/x").rc:
        assert time.monotonic() < deadline
    yield "git://127.0.0.1/x"
    host.run("systemctl stop upstream; rm -rf /srv/upstream")


@pytest.mark.spread
def test_an_upstream_is_imported_once(
    host: Host, server: Server, tree: Tree, apply_projects: Callable[..., Run], upstream: str
) -> None:
    name = tree.add("imported", upstream=upstream)
    nowhere = tree.add("nowhere", upstream="git://127.0.0.1/none")
    run = apply_projects(tree)
    assert run.rc == 2
    assert f"{nowhere}: upstream git://127.0.0.1/none can't be imported" in run.message
    assert not host.file(f"{SITE}/git/{nowhere}.git").exists
    git = f"git --git-dir={SITE}/git/{name}.git"
    refs = as_gerrit(host, f"{git} for-each-ref --format='%(refname)'").split()
    assert refs == ["refs/heads/devel", "refs/heads/stable", "refs/meta/config", "refs/tags/v1"]
    branch = json.loads(server.ask(f"/projects/{name.replace('/', '%2F')}/HEAD").removeprefix(")]}'"))
    assert branch == "refs/heads/devel"
    before = as_gerrit(host, f"{git} rev-parse devel")
    host.check_output("runuser -u gerrit -- git -C /srv/upstream/x commit -q --allow-empty -m Two")
    tree.add("nowhere")
    result(apply_projects(tree))
    assert as_gerrit(host, f"{git} rev-parse devel") == before


def check_that_none_is_open(host: Host, tree: Tree) -> None:
    """Each project that is there has its ACL, or is locked."""
    show = "git --git-dir=$r show refs/meta/config:project.config"
    found = as_gerrit(host, f"for r in $(ls -d {SITE}/git/{tree.folder}/*.git); do echo ==$r; {show}; done")
    for part in found.split("==")[1:]:
        path, _newline, text = part.partition("\n")
        named = re.search(r"group (\S+)$", text.strip())
        assert LOCKED in text or (named and text == ACL.format(core=named[1])), f"{path} is open: {text}"


def groups_of_the_account(host: Host) -> list[str]:
    """Return the names of the groups that the account is in by itself which pushes."""
    git = f"git --git-dir={SITE}/git/All-Users.git"
    identity = as_gerrit(host, f"{git} grep -h -A1 username:strata-project-config refs/meta/external-ids")
    number = identity.rpartition("= ")[2].strip()
    assert number.isdigit(), identity
    refs = f"$({git} for-each-ref --format='%(refname)' refs/groups)"
    is_in = f"{git} show $r:members 2>/dev/null | grep -qx {number}"
    found = as_gerrit(host, f"for r in {refs}; do {is_in} && {git} show $r:group.config; done")
    return re.findall(r"name = (.*)", found)


@pytest.mark.soak
def test_a_killed_run_leaves_no_project_open_and_the_next_one_completes(
    host: Host,
    tree: Tree,
    begin_projects: Begin,
    apply_projects: Callable[..., Run],
    kill_module: Callable[..., None],
    idle: Callable[[], None],
    moment: float,
) -> None:
    def begin() -> Play:
        for _ in range(60):
            number = f"{len(tree.projects):03}"
            tree.add(f"p{number}", ACL.format(core=f"{tree.folder}-{number}"))
        return begin_projects(tree)

    kill_module(begin, f"{SITE}/git/All-Projects.git/strata", 5 * moment)
    idle()
    check_that_none_is_open(host, tree)
    assert result(apply_projects(tree))["projects"]["applied"] == len(tree.projects)
    assert apply_projects(tree).changed == 0
    assert not host.file(f"{SITE}/git/All-Projects.git/strata").exists
    assert groups_of_the_account(host) == ["Administrators"]


@pytest.mark.soak
def test_a_gerrit_that_is_killed_meanwhile_is_told_and_the_next_run_completes(
    host: Host,
    server: Server,
    tree: Tree,
    begin_projects: Begin,
    apply_projects: Callable[..., Run],
    moment: float,
) -> None:
    for number in range(60):
        tree.add(f"p{number:02}")
    play = begin_projects(tree)
    host.check_output(
        f"sh -c 'until test -e {SITE}/git/All-Projects.git/strata; do :; done; sleep {5 * moment}; "
        "systemctl kill --signal=KILL gerrit'"
    )
    run = play.end()
    check_that_none_is_open(host, tree)
    if run.rc:
        assert "does not answer" in run.message, run.output
    host.check_output("systemctl restart gerrit")
    wait_until_it_answers(server)
    assert result(apply_projects(tree))["projects"]["applied"] == 60
    assert apply_projects(tree).changed == 0
    assert info(server, f"{tree.folder}/p59")["state"] == "ACTIVE"
    assert groups_of_the_account(host) == ["Administrators"]


def wait_until_it_answers(server: Server) -> None:
    path = "/config/server/version"
    wait_for(lambda: server.ask(path).startswith(")]}'"), lambda: server.ask(path), seconds=120)


@pytest.mark.spread
def test_without_gerrit_nothing_is_done_but_predicted(
    host: Host, server: Server, tree: Tree, apply_projects: Callable[..., Run]
) -> None:
    tree.add("applied")
    result(apply_projects(tree))
    new = tree.add("new")
    host.check_output("systemctl stop gerrit")
    try:
        predicted = result(apply_projects(tree, "--check"))
        run = apply_projects(tree)
    finally:
        host.check_output("systemctl start gerrit")
        wait_until_it_answers(server)
    assert predicted["changes"] == [f"project {new} is made"]
    assert (run.rc, run.changed) == (2, 0)
    assert "Gerrit does not answer at 127.0.0.1:29418" in run.message
    assert result(apply_projects(tree))["changes"] == predicted["changes"]


@pytest.mark.spread
def test_a_lock_that_a_killed_gerrit_left_is_freed(host: Host, tree: Tree, apply_projects: Callable[..., Run]) -> None:
    name = tree.add("locked")
    result(apply_projects(tree))
    lock = f"{SITE}/git/{name}.git/refs/meta/config.lock"
    host.check_output(f"runuser -u gerrit -- touch -d '2 minutes ago' {lock}")
    tree.add("locked", description="Changed")
    assert result(apply_projects(tree))["changes"] == [f"project {name} gets its ACL"]


@pytest.mark.spread
def test_a_long_run_tells_how_far_it_is(tree: Tree, apply_projects: Callable[..., Run]) -> None:
    for number in range(60):
        tree.add(f"p{number:02}")
    run = apply_projects(tree, seconds=0)
    assert "gerrit_projects: 50 of 60 projects are done" in run.output
    assert (run.calls, len(result(run)["changes"])) == (2, 61)


@pytest.mark.spread
def test_the_role_applies_projects_where_it_has_a_source(tree: Tree, converge: Callable[..., Run]) -> None:
    tree.add("by-the-role")
    flags = ("--skip-tags=apt,accounts,iptables,retention",)
    assert converge(*flags, gerrit_projects_source=str(tree.root)).changed == 1
    assert converge(*flags, gerrit_projects_source=str(tree.root)).changed == 0


def seconds(start: Callable[[], Run]) -> tuple[float, Run]:
    begin = time.monotonic()
    run = start()
    return time.monotonic() - begin, run


@pytest.mark.soak(ordinary=0, times=1)
def test_thousands_of_projects(
    tmp_path: Path, apply_projects: Callable[..., Run], record_testsuite_property: Callable[[str, object], None]
) -> None:
    many_projects.write(tmp_path, 2000)
    first, run = seconds(lambda: apply_projects(tmp_path))
    assert result(run)["projects"] == {"declared": 2000, "applied": 2000}
    again, run = seconds(lambda: apply_projects(tmp_path))
    record_testsuite_property("seconds of 2,000 projects, first and again", (first, again))
    assert (run.changed, run.calls) == (0, 1)
    assert first <= 300
    assert again <= 10
