"""Things that affect each other, and the shortest chain from one to another."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Kind(StrEnum):
    """What a node of the graph is."""

    FILE = "file"
    ROLE = "role"
    SCENARIO = "scenario"
    PART = "part"
    HOST = "host"
    EVERYTHING = "everything"


@dataclass(frozen=True, order=True)
class Node:
    """A thing that can be affected; a file's name is its path, a host's its inventory and its own name."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        """Return the node as a chain shows it."""
        return self.name if self.kind in {Kind.FILE, Kind.EVERYTHING} else f"{self.kind} {self.name}"


EVERYTHING = Node(Kind.EVERYTHING, "everything")


def file(path: str) -> Node:
    """Return the node of a file."""
    return Node(Kind.FILE, path)


def role(name: str) -> Node:
    """Return the node of a role."""
    return Node(Kind.ROLE, name)


def part(name: str) -> Node:
    """Return the node of a part of the suite."""
    return Node(Kind.PART, name)


def reach(starts: Iterable[Node], successors: Callable[[Node], Iterable[Node]]) -> dict[Node, Node | None]:
    """Return all nodes that can be reached, each with the one before it on a shortest way, None for a start."""
    before: dict[Node, Node | None] = dict.fromkeys(starts)
    waiting = deque(before)
    while waiting:
        node = waiting.popleft()
        for following in sorted(set(successors(node))):
            if following not in before:
                before[following] = node
                waiting.append(following)
    return before


def chain(node: Node, before: Mapping[Node, Node | None]) -> list[Node]:
    """Return the shortest way to a node that `reach` found, from its start on."""
    way = [node]
    while (previous := before[way[-1]]) is not None:
        way.append(previous)
    return way[::-1]
