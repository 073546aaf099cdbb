"""What is deployed to which hosts, in which order, and what becomes of those with which something is wrong."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from strata.deploy.runs import Runs
from strata.deploy.state import Disabled, Hold, HostState
from strata.errors import StrataError, UsageError

from .conftest import ALL, git

if TYPE_CHECKING:
    from .conftest import Bastion


def test_a_first_deploy_brings_all_hosts_up_in_the_order_of_the_stages(bastion: Bastion) -> None:
    assert bastion.deploy()
    assert [bastion.has(host) for host in ALL] == ["one"] * 5
    assert bastion.applied == ALL
    assert [done.stage for done in bastion.last().hosts] == ["bastion", "review", "rest", "rest", "rest"]
    states = [bastion.store.host(host) for host in ALL]
    assert {state.revision for state in states} == {bastion.last().revision}
    assert all(state.success and not state.begun and not state.failure for state in states)


def test_what_is_kept_is_read_by_nobody_else(deployed: Bastion) -> None:
    kept = [path for path in deployed.kept.glob("*") if path.name not in {"trees", "repository.git", "current"}]
    kept += [*deployed.kept.glob("hosts/*")]
    modes = {path.relative_to(deployed.kept).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in kept}
    assert len(modes) > len(ALL)
    assert all(mode in {0o600, 0o700} for mode in modes.values()), modes
    assert stat.S_IMODE(deployed.kept.stat().st_mode) == 0o700


def test_nothing_is_asked_of_hosts_without_a_change(deployed: Bastion) -> None:
    deployed.deploy()
    assert (deployed.asked, deployed.applied) == ([], [])
    assert len(Runs(deployed.kept).all()) == 1


def test_only_hosts_that_a_change_affects_are_asked(deployed: Bastion) -> None:
    commit = deployed.commit(static="two")
    assert deployed.deploy()
    assert deployed.asked[0] == ("static1", "static2", "static3")
    assert set(deployed.applied) == {"static1", "static2", "static3"}
    assert deployed.has("static2") == "two"
    assert deployed.store.host("review1").revision == commit, "nothing of it changed, so it is there already"


def test_a_change_of_prose_reaches_no_host(deployed: Bastion) -> None:
    deployed.origin.write("README.md", "Read me.\n")
    commit = deployed.commit()
    assert deployed.deploy()
    assert deployed.asked == []
    assert {deployed.store.host(host).revision for host in ALL} == {commit}
    deployed.deploy()
    assert deployed.said == []


def test_a_host_whose_plan_is_empty_is_not_touched(deployed: Bastion) -> None:
    deployed.commit(static="two")
    (deployed.folder / "hosts/static2").write_text("project_static_text: two\n")
    assert deployed.deploy()
    assert deployed.applied == ["static1", "static3"]
    assert deployed.results() == {"static1": "changed", "static2": "unchanged", "static3": "changed"}


def test_the_plan_of_each_host_is_asked_for_again_and_must_be_empty(deployed: Bastion) -> None:
    deployed.commit(review="two")
    deployed.stubborn = {"review1"}
    assert not deployed.deploy()
    assert deployed.asked == [("review1",), ("review1",)]
    assert "its plan is not empty after the run: project: Configure it" in deployed.store.host("review1").message


def test_a_bad_change_stops_after_the_first_host_of_its_service_and_holds_back_no_other(deployed: Bastion) -> None:
    deployed.commit(static="two", review="two", bastion="two")
    deployed.failing = {"bastion1", "static1"}
    assert not deployed.deploy()
    assert deployed.applied == ["bastion1", "review1", "static1"]
    assert deployed.results() == {
        "bastion1": "failed",
        "review1": "changed",
        "static1": "failed",
        "static2": "held back",
        "static3": "held back",
    }
    assert deployed.has("static2") == "one"
    deployed.failing = set()
    assert deployed.deploy(), "the next run does what was missed"
    assert set(deployed.applied) == {"bastion1", "static1", "static2", "static3"}
    assert deployed.store.host("static1") == replace(
        deployed.store.host("static1"), begun="", message="", revision=deployed.last().revision
    )


def test_hosts_of_a_service_are_done_so_many_at_a_time_as_is_said(deployed: Bastion) -> None:
    deployed.settings = replace(deployed.settings, serial=2)
    deployed.commit(static="two")
    deployed.failing = {"static1"}
    assert not deployed.deploy()
    assert sorted(deployed.applied) == ["static1", "static2"]


def test_a_change_that_is_reverted_after_it_failed_halfway_is_reverted_on_the_host(deployed: Bastion) -> None:
    deployed.commit(static="two")
    deployed.failing = {"static1"}
    deployed.during = lambda host: (deployed.folder / "hosts" / host).write_text("half\n")
    assert not deployed.deploy()
    deployed.failing, deployed.during = set(), lambda _host: None
    deployed.commit(static="one")
    assert deployed.deploy()
    assert deployed.has("static1") == "one"


def test_an_unreachable_host_is_tried_next_time_and_holds_nobody_back(deployed: Bastion) -> None:
    deployed.commit(static="two")
    deployed.unreachable = {"static1"}
    assert not deployed.deploy()
    assert deployed.results()["static1"] == "unreachable"
    assert deployed.has("static2") == "two"
    assert deployed.store.host("static1").failure == ""
    deployed.unreachable = set()
    assert deployed.deploy()
    assert deployed.applied == ["static1"]


def test_a_check_changes_nothing_and_says_what_would_change(deployed: Bastion) -> None:
    deployed.commit(static="two")
    before = {host: deployed.store.host(host) for host in ALL}
    assert deployed.deploy(check=True)
    assert deployed.applied == []
    assert any("3 to change on 3 of 3 hosts" in line for line in deployed.said), deployed.said
    assert {host: deployed.store.host(host) for host in ALL} == before


def test_a_limit_leaves_others_for_the_next_run(deployed: Bastion) -> None:
    deployed.commit(static="two")
    assert deployed.deploy(limit="static2")
    assert deployed.applied == ["static2"]
    assert deployed.deploy()
    assert set(deployed.applied) == {"static1", "static3"}
    with pytest.raises(UsageError, match="--limit: no host matches statick: did you mean 'static'"):
        deployed.deploy(limit="statick")


def test_all_hosts_are_asked_if_all_are_wanted(deployed: Bastion) -> None:
    assert deployed.deploy(every=True)
    assert deployed.applied == []
    assert set(deployed.results()) == set(ALL)
    (deployed.folder / "hosts/static3").write_text("somebody's own\n")
    assert deployed.deploy(every=True)
    assert deployed.applied == ["static3"]


def test_a_disabled_host_is_left_alone_until_its_end_and_then_gets_what_it_missed(deployed: Bastion) -> None:
    store = deployed.store
    store.disable("static1", Disabled("a broken disk", "2026-01-01T00:00:00+00:00", "alice"))
    deployed.commit(static="two")
    assert deployed.deploy()
    assert deployed.has("static1") == "one"
    assert "static1: disabled by alice: a broken disk" in deployed.said
    deployed.deploy()
    assert deployed.asked == [], "it is not due either"
    store.disable(
        "static1", Disabled("a broken disk", "2026-01-01T00:00:00+00:00", "alice", "2026-01-02T00:00:00+00:00")
    )
    assert deployed.deploy()
    assert "static1: no longer disabled, which it was until 2026-01-02T00:00:00+00:00: a broken disk" in deployed.said
    assert deployed.has("static1") == "two"
    assert store.disabled() == {}


def test_a_halt_ends_after_the_host_that_is_being_done(deployed: Bastion) -> None:
    deployed.commit(review="two", static="two")
    deployed.during = lambda _host: deployed.store.put_hold(Hold("", "2026-01-01T00:00:00+00:00", "alice"))
    assert not deployed.deploy()
    assert deployed.applied == ["review1"]
    assert deployed.results() == {"review1": "changed", **dict.fromkeys(("static1", "static2", "static3"), "halted")}
    deployed.store.put_hold(None)
    deployed.during = lambda _host: None
    assert deployed.deploy()
    assert deployed.has("static3") == "two"


def test_a_rollback_holds_until_it_is_ended(deployed: Bastion) -> None:
    first = deployed.last().revision
    deployed.commit(static="two")
    assert deployed.deploy()
    deployed.store.put_hold(Hold(deployed.source.revision(first[:10]), "2026-01-01T00:00:00+00:00", "alice"))
    assert deployed.deploy()
    assert deployed.asked[0] == ("static1", "static2", "static3")
    assert [deployed.has(host) for host in ("static1", "review1")] == ["one", "one"]
    deployed.commit(review="three")
    deployed.deploy()
    assert deployed.has("review1") == "one"
    deployed.store.put_hold(None)
    assert deployed.deploy()
    assert [deployed.has(host) for host in ("static1", "review1")] == ["two", "three"]


def test_only_revisions_of_the_branch_can_be_gone_back_to(deployed: Bastion) -> None:
    git(deployed.origin.root, "checkout", "--quiet", "-b", "other")
    other = deployed.commit(static="other")
    for name in (other, "nothing", "--output=/tmp/x"):
        with pytest.raises(UsageError, match="main has no such revision"):
            deployed.source.revision(name)


def test_what_is_known_is_deployed_if_the_branch_cannot_be_fetched(deployed: Bastion) -> None:
    deployed.commit(static="two")
    deployed.source.fetch()
    deployed.origin.root.rename(deployed.folder / "away")
    assert deployed.deploy()
    assert deployed.has("static1") == "two"
    assert any(line.startswith("the branch could not be fetched") for line in deployed.said)
    assert "does not appear to be a git repository" in deployed.last().trouble


def test_a_rewritten_branch_is_refused(deployed: Bastion) -> None:
    git(deployed.origin.root, "commit", "--quiet", "--amend", "--message", "another one")
    rewritten = deployed.commit(static="evil")
    for _ in range(2):
        with pytest.raises(StrataError, match=rf"was rewritten: {rewritten[:12]} does not descend from .*--rewritten"):
            deployed.deploy()
    assert deployed.has("static1") == "one"
    assert deployed.source.accept(rewritten=True) == rewritten
    assert deployed.deploy()
    assert deployed.has("static1") == "evil"


def test_hosts_that_come_and_go(deployed: Bastion) -> None:
    hosts = {"bastion": {"hosts": {"bastion1": None}}, "static": {"hosts": {"static1": None, "static4": None}}}
    deployed.origin.write("inventories/sandbox/hosts.yml", json.dumps({"all": {"children": hosts}}))
    deployed.commit()
    assert deployed.deploy()
    assert deployed.applied == ["static4"]
    target = deployed.store.target()
    assert target is not None
    assert target.hosts == ["bastion1", "static1", "static4"]
    assert deployed.store.host("static3") == HostState()


def test_old_runs_are_forgotten(deployed: Bastion) -> None:
    runs = Runs(deployed.kept)
    file = deployed.kept / "runs.jsonl"
    file.write_text(file.read_text().replace('"began": "2', '"began": "1') + '{"run": 1, "kind": "ho')
    log = runs.log(1, "static1")
    log.parent.mkdir(parents=True)
    log.write_text("what Ansible said\n")
    deployed.commit(static="two")
    assert deployed.deploy()
    assert [run.number for run in runs.all()] == [2]
    assert not log.exists()
    assert runs.all()[0].ended
