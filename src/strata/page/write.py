"""A page that shows hosts by what would change on them: one file that needs nothing else, also with 1,000 hosts."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from strata import whole
from strata.errors import StrataError


class State(StrEnum):
    """What became of hosts, the most urgent first."""

    FAILED = "failed"
    CHANGE = "change"
    UNKNOWN = "unknown"
    SAME = "same"


@dataclass(frozen=True)
class Entry:
    """One thing that would change, or is wrong: `sign` is one of + - ~ ! ?, `lines` may be those of a diff."""

    sign: str
    title: str
    place: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Hosts with the same entries."""

    state: State
    hosts: tuple[str, ...]
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Page:
    """What is shown: `labels` say what a state is called here."""

    title: str
    summary: str
    labels: dict[State, str]
    groups: tuple[Group, ...]


def html(page: Page) -> str:
    """Return the page. What it shows is data that a script of its own reads, and no other script can run in it."""
    folder = Path(__file__).parent
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    order = list(State)
    groups = sorted(page.groups, key=lambda group: (order.index(group.state), -len(group.hosts), group.hosts))
    data = json.dumps({"labels": page.labels, "groups": list(map(asdict, groups))}, separators=(",", ":"))
    return environment.get_template("page.html.j2").render(
        page=page,
        style=style,
        script=script,
        # In a script nothing is escaped for HTML: no end of it, nor the beginning of a comment, may stand there.
        data=data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"),
        hashes={"style": _hash(style), "script": _hash(script)},
    )


def write(page: Page, path: Path) -> None:
    """Write the page to a file, whole or not at all.

    Raises:
        StrataError: it cannot be written.

    """
    try:
        mask = os.umask(0o022)
        os.umask(mask)
        whole.write(path, html(page).encode(), 0o666 & ~mask)
    except OSError as error:
        raise StrataError(f"--html: {path}: {error.strerror}") from None


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
