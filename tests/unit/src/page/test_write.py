"""The page: what it shows cannot become part of it, and it needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
from typing import TYPE_CHECKING

import pytest

from strata.errors import StrataError
from strata.page.write import Entry, Group, Page, State, html, write

if TYPE_CHECKING:
    from pathlib import Path

NASTY = '</script><script>alert("x")</script><!-- \u2028 \' &amp;'
LABELS = {State.FAILED: "failed", State.CHANGE: "to change", State.SAME: "nothing to do"}


def page(*groups: Group) -> Page:
    return Page(NASTY, NASTY, LABELS, groups)


def data(text: str) -> dict[str, list[dict[str, object]]]:
    """Return what the page's script reads."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    read: dict[str, list[dict[str, object]]] = json.loads(found[1])
    return read


def test_nothing_gets_out_of_its_place() -> None:
    text = html(page(Group(State.CHANGE, (NASTY,), (Entry("~", NASTY, NASTY, (NASTY,)),))))
    assert text.count("<script") == 2
    assert "<!--" not in text
    (group,) = data(text)["groups"]
    assert group["entries"] == [{"sign": "~", "title": NASTY, "place": NASTY, "lines": [NASTY]}]


def test_only_its_own_script_and_style_are_allowed() -> None:
    text = html(page())
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', text)
    assert policy
    assert policy[1].startswith("default-src 'none';")
    for tag in ("style", "script"):
        own = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert own
        digest = base64.b64encode(hashlib.sha256(own[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]
    assert not re.search(r"(?:src|href)=|url\(|import ", text)


def test_the_urgent_and_the_many_come_first() -> None:
    groups = [
        Group(State.SAME, ("a", "b", "c")),
        Group(State.CHANGE, ("d",)),
        Group(State.CHANGE, ("e", "f")),
        Group(State.FAILED, ("g",)),
    ]
    assert [group["hosts"] for group in data(html(page(*groups)))["groups"]] == [
        ["g"],
        ["e", "f"],
        ["d"],
        ["a", "b", "c"],
    ]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    write(page(Group(State.SAME, ("a",))), target)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert stat.S_IMODE(target.stat().st_mode) & 0o400
    with pytest.raises(StrataError, match=r"--html: .*/no/page.html: No such file or directory"):
        write(page(), tmp_path / "no/page.html")
