"""What differs between two revisions, for people: lines, Markdown for a review, and JSON for programs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from strata.page.write import Entry, Page, State
from strata.page.write import Group as PageGroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from strata.catalog.difference import Group

#: What controls terminals, or lets a text seem to be in another order.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")

#: So many names of hosts a group has in a summary.
MOST_NAMES = 8


def clean(text: str) -> str:
    """Return a text with what controls terminals as a person reads it."""
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def total(found: Sequence[Group]) -> str:
    """Return the counts of hosts as one line."""
    differing = sum(len(group.hosts) for group in found if group.differences)
    refused = sum(len(group.hosts) for group in found if group.refused)
    hosts = sum(len(group.hosts) for group in found)
    return f"{differing} of {hosts} hosts differ, {refused} cannot be compiled"


def lines(found: Iterable[Group]) -> Iterator[str]:
    """Give groups as lines."""
    for group in found:
        names = f"{_count(group)}: {', '.join(group.hosts)}"
        yield clean(names if group.refused or group.differences else f"{names}: no difference")
        yield from (f"  {line}" for line in _details(group))


def _details(group: Group) -> Iterator[str]:
    for when, reason in group.refused:
        first, *rest = reason.splitlines()
        yield clean(f"! cannot be compiled {when}: {first}")
        yield from (clean(f"      {line}") for line in rest)
    for each in group.differences:
        yield clean(f"{each.sign} {each.title}")
        yield from (clean(f"    {line}") for line in each.lines)


def markdown(found: Sequence[Group], title: str, longest: int) -> str:
    """Return groups as Markdown, cut to a length: the summary is kept, and what is left out is counted.

    Args:
        found: the groups.
        title: what was compared.
        longest: so many characters.

    """
    summary = [f"**{clean(title)}:** {total(found)}", ""]
    for group in found:
        sizes = f"{len(group.differences)} differences" if group.differences else "no difference"
        summary.append(f"- {_names(group)}: {'cannot be compiled' if group.refused else sizes}")
    text = "\n".join(summary)[:longest]
    for at, group in enumerate(found):
        details = [_diff_line(line) for line in _details(group)]
        if not details:
            continue
        fence = "`" * max(3, 1 + max((len(run) for line in details for run in re.findall("`+", line)), default=0))
        head = f"\n\n{_names(group)}\n\n{fence}diff\n"
        left = longest - len(text) - len(head) - len(fence) - len(_cut(10**6, len(found)))
        kept = _fitting(details, left)
        if kept:
            text += head + "".join(f"{line}\n" for line in details[:kept]) + fence
        if kept < len(details):
            return text + _cut(
                len(details) - kept, sum(bool(each.differences or each.refused) for each in found[at + 1 :])
            )
    return text


def _fitting(texts: Sequence[str], length: int) -> int:
    """Return how many of the first texts fit into a length, as lines."""
    for at, text in enumerate(texts):
        length -= len(text) + 1
        if length < 0:
            return at
    return len(texts)


def _cut(left: int, groups: int) -> str:
    return f"\n\n… {left} more lines of this group, and {groups} more groups: `strata catalog diff` shows them."


def _diff_line(line: str) -> str:
    """Return a line with its sign at its beginning, where a review looks for it."""
    found = re.match(r"(\s*)([-+])", line)
    return f"{found[2]}{found[1]}{line[found.end() :]}" if found else line


def _names(group: Group) -> str:
    names = [f"`{clean(name).replace('`', '')}`" for name in group.hosts[:MOST_NAMES]]
    more = len(group.hosts) - len(names)
    return f"{_count(group)} ({', '.join(names)}{f' and {more} more' if more else ''})"


def _count(group: Group) -> str:
    return f"{len(group.hosts)} host{'s' if len(group.hosts) > 1 else ''}"


def page(found: Sequence[Group], title: str) -> Page:
    """Return groups as a page of HTML shows them."""
    labels = {State.FAILED: "cannot be compiled", State.CHANGE: "different", State.SAME: "equal"}
    return Page(title, total(found), labels, tuple(map(_page_group, found)))


def _page_group(group: Group) -> PageGroup:
    state = State.FAILED if group.refused else State.CHANGE if group.differences else State.SAME
    wrong = (Entry("!", f"cannot be compiled {when}", "", tuple(reason.splitlines())) for when, reason in group.refused)
    changes = (
        Entry(each.sign, clean(each.heading), clean(each.place), tuple(map(clean, each.lines)))
        for each in group.differences
    )
    return PageGroup(state, group.hosts, (*wrong, *changes))


def data(found: Iterable[Group]) -> list[dict[str, Any]]:
    """Return groups as JSON has them."""
    return [
        {
            "hosts": list(group.hosts),
            "refused": dict(group.refused),
            "differences": [
                {
                    "sign": each.sign,
                    "module": each.module,
                    "role": each.role,
                    "name": each.name,
                    "place": each.place,
                    "changes": [{"attribute": change.path, "lines": list(change.lines)} for change in each.changes],
                }
                for each in group.differences
            ],
        }
        for group in found
    ]
