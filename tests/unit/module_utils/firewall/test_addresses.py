"""Names: what is remembered of their addresses, and how long asking for them may take."""

import threading
from types import SimpleNamespace

import pytest
from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.firewall import addresses
from ansible.module_utils.strata.firewall.addresses import Answer, update
from ansible.module_utils.strata.firewall.declared import HOUR, check_hosts
from ansible.module_utils.strata.firewall.host import FirewallError

DAY = 24 * HOUR
NOW = 100 * DAY
NAME = "db.example.org"


def answers(v4=(), v6=(), name=NAME):
    both = {4: v4, 6: v6}
    return {
        (name, family): Answer(problem=given) if isinstance(given, str) else Answer(frozenset(given))
        for family, given in both.items()
    }


def updated(seen, *given, now=NOW):
    memory, problems = update({NAME: seen}, answers(*given), DAY, now)
    return memory[NAME], problems.get(NAME, "")


def test_new_addresses_are_noted_with_the_time():
    assert updated({}, ["192.0.2.1"], ["2001:db8::1"]) == ({"192.0.2.1": NOW, "2001:db8::1": NOW}, "")


def test_an_answer_that_gives_only_some_addresses_changes_nothing():
    seen = {"192.0.2.1": NOW - HOUR, "192.0.2.2": NOW - 2 * HOUR}
    assert updated(seen, ["192.0.2.1"]) == updated(seen, ["192.0.2.2"]) == (seen, "")


def test_times_are_renewed_now_and_then():
    assert updated({"192.0.2.1": NOW - 4 * HOUR}, ["192.0.2.1"]) == ({"192.0.2.1": NOW}, "")


@pytest.mark.parametrize(("age", "kept"), [(DAY, True), (DAY + 3 * HOUR, True), (DAY + 3 * HOUR + 1, False)])
def test_an_address_is_forgotten_when_it_was_missing_for_its_lifetime(age, kept):
    seen, _ = updated({"192.0.2.1": NOW - age}, ["192.0.2.2"])
    assert ("192.0.2.1" in seen) == kept


def test_a_time_in_the_future_is_not_believed():
    assert updated({"192.0.2.1": NOW + DAY}, ["192.0.2.2"])[0]["192.0.2.1"] == NOW


@pytest.mark.parametrize(("given", "reason"), [((), "it has no addresses"), (("late", "late"), "late")])
def test_a_name_that_does_not_resolve_keeps_its_addresses_however_old(given, reason):
    seen = {"192.0.2.1": NOW - 9 * DAY}
    assert updated(seen, *given) == (seen, f"does not resolve ({reason})")


def test_a_family_that_cannot_be_asked_for_keeps_its_addresses():
    seen = {"192.0.2.1": NOW - 9 * DAY, "2001:db8::1": NOW - 9 * DAY}
    assert updated(seen, ["192.0.2.2"], "late") == (
        {"192.0.2.2": NOW, "2001:db8::1": NOW - 9 * DAY},
        "resolves only in part (late)",
    )


def test_a_name_that_never_resolved_has_no_addresses():
    assert updated({}) == ({}, "does not resolve (it has no addresses)")


def test_names_that_are_no_longer_declared_are_forgotten():
    memory, _ = update({"old.example.org": {"192.0.2.1": NOW}}, answers(["192.0.2.2"]), DAY, NOW)
    assert list(memory) == [NAME]


def test_all_names_are_asked_for_at_once_and_one_that_hangs_is_given_up(monkeypatch):
    ended, asked = threading.Event(), threading.Barrier(6)

    def ask(name, _family):
        asked.wait(timeout=60)  # answers only if all others ask at the same time
        if name == "hangs":
            ended.wait()
        return Answer(frozenset(["192.0.2.1"]))

    # The time is up when the answers are there: for them is waited, for what hangs is not.
    clock = iter([0, *[0] * 4, *[60] * 2])
    monkeypatch.setattr(addresses, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    found = addresses.resolve(["a", "b", "hangs", "a"], 60, ask)
    ended.set()
    assert {key: answer.problem for key, answer in found.items()} == {
        (name, family): "no answer within 60 s" if name == "hangs" else ""
        for name in ("a", "b", "hangs")
        for family in (4, 6)
    }


def test_the_resolver_is_asked_for_each_family():
    assert addresses.ask("localhost", 4).addresses == {"127.0.0.1"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "STATE", str(tmp_path))
    (tmp_path / "iptables").mkdir()
    return tmp_path / "iptables"


def declare(monkeypatch, *names, **given):
    monkeypatch.setattr(
        addresses, "resolve", lambda asked: {k: v for one in asked for k, v in answers(name=one, **given).items()}
    )
    entries = [{"hostname": name, "port": "80", "origin": f"{name[0]}__hosts"} for name in names]
    return addresses.addresses_of(check_hosts(entries), "c", DAY)


@pytest.mark.usefixtures("folder")
def test_names_that_never_resolved_are_named_with_their_origins(monkeypatch):
    with pytest.raises(FirewallError, match=r"^a__hosts: a\.x does not resolve \(no\); b__hosts: b\.x .* nothing was"):
        declare(monkeypatch, "a.x", "b.x", v4="no", v6="no")


def test_what_is_remembered_survives_in_the_file(folder, monkeypatch):
    memory, warnings = declare(monkeypatch, "a.x", v4=["192.0.2.1"])
    assert warnings == []
    monkeypatch.setattr(files.os, "fchown", lambda *_: None)
    files.apply(files.plan({addresses.path("c"): addresses.noted(memory)}))
    assert (folder / "c.json").stat().st_mode & 0o777 == 0o600
    again, warnings = declare(monkeypatch, "a.x", v4="no", v6="no")
    assert again == memory
    assert warnings == ["a__hosts: a.x does not resolve (no); the addresses known so far are kept: 192.0.2.1"]


def test_nothing_to_remember_is_no_file():
    assert addresses.noted({}) is None


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"x": 1}}', '{"a": {"192.0.2.1": "x"}}'])
def test_a_memory_that_another_program_wrote_is_named(folder, text):
    (folder / "c.json").write_text(text)
    with pytest.raises(FirewallError, match=r"c\.json does not hold addresses of names .*remove it"):
        addresses.recall("c")
