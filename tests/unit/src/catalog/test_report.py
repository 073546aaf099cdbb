"""What a person reads of a difference, and a review gets."""

from __future__ import annotations

from strata.catalog import report
from strata.catalog.difference import Change, Difference, Group
from strata.page.write import Entry, State
from strata.page.write import Group as PageGroup

TEXT = ("files[/etc/a].content:", "  @@ -1 +1 @@", *(f"  +line {n}" for n in range(500)))
LONG = Change("files[/etc/a].content", TEXT)
PORT = Change("a", ("a: 1 -> 2",))
WEB = Difference("~", "ansible.legacy.web", "httpd", "Serve", "roles/httpd/tasks/main.yml:5", (PORT,))
FILES = Difference("+", "ansible.legacy.files", "apt", "Write", "roles/apt/tasks/main.yml:5", (LONG,))


def test_lines() -> None:
    found = [Group(("a", "b"), (WEB,)), Group(("c",), refused=(("after", "site.yml:1: no\nsite.yml:2: no"),))]
    assert list(report.lines([*found, Group(("d",))])) == [
        "2 hosts: a, b",
        "  ~ httpd: Serve: ansible.legacy.web, roles/httpd/tasks/main.yml:5",
        "      a: 1 -> 2",
        "1 host: c",
        "  ! cannot be compiled after: site.yml:1: no",
        "        site.yml:2: no",
        "1 host: d: no difference",
    ]
    assert report.total([*found, Group(("d",))]) == "2 of 4 hosts differ, 1 cannot be compiled"


def test_nothing_controls_the_terminal() -> None:
    change = Change("a", ("a: \x1b[2Jclear \u202eback \r",))
    (line,) = list(report.lines([Group(("a",), (Difference("~", "m", "r", "n", "p:1", (change,)),))]))[2:]
    assert line == "      a: \\u001b[2Jclear \\u202eback \\u000d"


def test_markdown_is_cut_but_not_its_summary() -> None:
    found = [Group(tuple(f"web{n:02}" for n in range(20)), (WEB,)), Group(("a",), (FILES, WEB)), Group(("b",), (WEB,))]
    whole = report.markdown(found, "main..HEAD", 100_000)
    assert whole.startswith("**main..HEAD:** 22 of 22 hosts differ, 0 cannot be compiled\n\n- 20 hosts (`web00`, ")
    assert "`web07` and 12 more): 1 differences" in whole
    assert "```diff\n~ httpd: Serve" in whole
    assert "\n+      line 499\n" in whole
    for length in (600, 1000, 3000):
        cut = report.markdown(found, "main..HEAD", length)
        assert len(cut) <= length
        assert cut.startswith(whole[:200])
        assert cut.count("```") % 2 == 0
        assert "1 more groups: `strata catalog diff` shows them." in cut


def test_a_text_cannot_end_its_block() -> None:
    change = Change("a", ("a:", "  +````", "  +# not a heading"))
    text = report.markdown([Group(("a`b",), (Difference("~", "m", "r", "n", "p:1", (change,)),))], "A..B", 10_000)
    assert "\n`````diff\n" in text
    assert text.endswith("\n`````")
    assert "`ab`" in text


def test_data() -> None:
    (found,) = report.data([Group(("a",), (WEB,))])
    assert found["hosts"] == ["a"]
    assert found["differences"][0]["changes"] == [{"attribute": "a", "lines": ["a: 1 -> 2"]}]
    assert report.data([Group(("a",), refused=(("before", "no"),))])[0]["refused"] == {"before": "no"}


def test_page() -> None:
    refused = (("after", "site.yml:1: no\nsite.yml:2: no"),)
    found = report.page([Group(("a",), (WEB,)), Group(("b",), refused=refused), Group(("c",))], "A..B")
    assert found.groups == (
        PageGroup(
            State.CHANGE,
            ("a",),
            (Entry("~", "httpd: Serve: ansible.legacy.web", "roles/httpd/tasks/main.yml:5", ("a: 1 -> 2",)),),
        ),
        PageGroup(
            State.FAILED,
            ("b",),
            (Entry("!", "cannot be compiled after", "", ("site.yml:1: no", "site.yml:2: no")),),
        ),
        PageGroup(State.SAME, ("c",)),
    )
