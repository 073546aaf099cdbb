"""From one state of a firewall to another, and back."""

from ansible.module_utils.strata import files
from ansible.module_utils.strata.firewall.declared import V4, V6
from ansible.module_utils.strata.firewall.plan import (
    NOTHING,
    Change,
    Owned,
    Plan,
    plan,
    transition,
    undo_commands,
    with_jump,
)

CHAIN = "strata-INPUT"
JUMP = (1, f"-j {CHAIN}")


def test_a_new_chain_is_made_filled_and_jumped_to():
    assert transition(CHAIN, NOTHING, with_jump(CHAIN, ["-j DROP"])).splitlines() == [
        "*filter",
        ":strata-INPUT - [0:0]",
        "-A strata-INPUT -j DROP",
        "-I INPUT 1 -j strata-INPUT",
        "COMMIT",
    ]


def test_a_jump_in_its_place_is_left_alone():
    text = transition(CHAIN, Owned((), (JUMP,)), Owned(("-j DROP",), (JUMP,)))
    assert "INPUT" not in text.replace(CHAIN, "")


def test_moved_and_double_jumps_become_one():
    text = transition(CHAIN, Owned((), ((2, JUMP[1]), (4, "-i eth0 -g strata-INPUT"))), Owned((), (JUMP,)))
    assert [line for line in text.splitlines() if " INPUT " in line] == [
        "-D INPUT -j strata-INPUT",
        "-D INPUT -i eth0 -g strata-INPUT",
        "-I INPUT 1 -j strata-INPUT",
    ]


def test_our_jump_comes_behind_those_that_can_stay_ahead():
    present = Owned((), (JUMP,), ahead=2)
    after = with_jump(CHAIN, ["-j DROP"]).behind(present)
    assert after == Owned(("-j DROP",), ((3, JUMP[1]),))
    assert [line for line in transition(CHAIN, present, after).splitlines() if " INPUT " in line] == [
        "-D INPUT -j strata-INPUT",
        "-I INPUT 3 -j strata-INPUT",
    ]


def test_a_chain_that_was_not_there_can_be_taken_away_again():
    text = transition(CHAIN, Owned(("-j DROP",), (JUMP,)), NOTHING)
    assert text.splitlines()[2:-1] == ["-D INPUT -j strata-INPUT", "-X strata-INPUT"]


def test_only_families_that_differ_are_planned():
    good = with_jump(CHAIN, ["-j DROP"])
    assert plan({V4: good, V6: NOTHING}, {V4: good, V6: good}) == [Change(V6, NOTHING, good)]


def test_undoing_leads_from_the_new_rules_to_the_former():
    after = with_jump(CHAIN, ["-j DROP"])
    changes = [Change(V4, Owned(("-j ACCEPT",), ((2, JUMP[1]),)), after), Change(V6, NOTHING, after)]
    text = undo_commands(CHAIN, changes)
    for change in changes:
        wanted = transition(CHAIN, change.after, change.before)
        assert f"{change.family.prefix}-restore --noflush --wait=60 <<'END' || status=1\n{wanted}END\n" in text


def test_a_plan_says_what_it_does_and_shows_it():
    written = files.Change("/etc/iptables/rules.v6", None, files.File(b"*filter\n"))
    done = Plan([Change(V6, NOTHING, with_jump(CHAIN, ["-j DROP"]))], [written], enable=True)
    assert done.lines() == ["IPv6 rules", "/etc/iptables/rules.v6", "netfilter-persistent.service enabled"]
    diff = done.diff(CHAIN)
    assert [entry["after_header"] for entry in diff] == [
        "IPv6 rules in force",
        *done.lines()[1:2],
        done.lines()[2][:-8],
    ]
    assert (diff[0]["before"], diff[0]["after"]) == ("", f"INPUT, rule 1: -j {CHAIN}\nchain {CHAIN}:\n  -j DROP\n")
    assert (diff[2]["before"], diff[2]["after"]) == ("", "enabled\n")
    assert (Plan([], []).lines(), Plan([], []).diff(CHAIN)) == ([], [])
