"""The addresses of names, asked of the resolver in bounded time and remembered on the host.

The memory of a chain maps each name to its addresses, and each address to the time when it was last in an answer. It
bridges the time in which a name doesn't resolve, and answers of which each gives other addresses of a name.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.firewall.declared import V4, V6
from ansible.module_utils.strata.firewall.host import FirewallError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ansible.module_utils.strata.firewall.declared import Allowed

#: Seconds for all names together; resolvers repeat a question that got lost after 5.
LIMIT = 6

# A time is renewed when it is older than this part of the lifetime, so that most runs write nothing.
RENEWED = 8

NO_ADDRESS = {socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY}

Memory = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Answer:
    """What the resolver says of a name in one family: addresses, or why it doesn't know."""

    addresses: frozenset[str] = frozenset()
    problem: str = ""


Answers = dict[tuple[str, int], Answer]


def ask(name: str, family: int) -> Answer:
    """Return the addresses of a name in a family (4 or 6)."""
    kind = socket.AF_INET if family == V4.version else socket.AF_INET6
    try:
        found = socket.getaddrinfo(name, None, kind, socket.SOCK_STREAM)
    except socket.gaierror as error:
        return Answer() if error.errno in NO_ADDRESS else Answer(problem=str(error.strerror))
    except OSError as error:
        return Answer(problem=str(error.strerror))
    return Answer(frozenset(str(ipaddress.ip_address(str(one[4][0]).partition("%")[0])) for one in found))


def resolve(names: Iterable[str], limit: float = LIMIT, asking: Callable[[str, int], Answer] = ask) -> Answers:
    """Ask for all names at once, IPv4 and IPv6, and return the answers that came within `limit` seconds."""
    questions = [(name, family) for name in dict.fromkeys(names) for family in (V4.version, V6.version)]
    answers: Answers = {}
    # Nothing ends a question that hangs but the end of the process, which daemons don't put off.
    threads = [
        threading.Thread(target=lambda one=question: answers.__setitem__(one, asking(*one)), daemon=True)
        for question in questions
    ]
    deadline = time.monotonic() + limit
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    late = Answer(problem=f"no answer within {limit} s")
    return {question: answers.get(question, late) for question in questions}


def recall(chain: str) -> Memory:
    """Return the memory of a chain; names that it has never resolved are not in it.

    Raises:
        FirewallError: the file can't be read, as it can be only when another program wrote it.

    """
    state = files.read(path(chain))
    if not isinstance(state, files.File):
        return {}
    try:
        return {
            name: {str(ipaddress.ip_address(address)): int(seen) for address, seen in addresses.items()}
            for name, addresses in json.loads(state.content).items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise FirewallError(
            f"{path(chain)} does not hold addresses of names ({error}): remove it, so that it is made anew"
        ) from None


def path(chain: str) -> str:
    """Return the file of a chain's memory."""
    return os.path.join(paths.STATE, "iptables", f"{chain}.json")


def noted(memory: Memory) -> files.State:
    """Return the file that holds a memory; none for an empty one."""
    return files.File((json.dumps(memory, indent=1, sort_keys=True) + "\n").encode(), 0o600) if memory else None


def update(memory: Memory, answers: Answers, lifetime: int, now: int) -> tuple[Memory, dict[str, str]]:
    """Return the memory after these answers, and the problem of each name of which not all is known.

    A name that did not resolve keeps what is remembered, even if that is nothing. An address that is missing in an
    answer is forgotten when its time is older than `lifetime` seconds.
    """
    after: Memory = {}
    problems: dict[str, str] = {}
    for name in dict.fromkeys(name for name, _ in answers):
        mine = {family: answers[name, family] for family in (V4.version, V6.version)}
        seen = {address: min(at, now) for address, at in memory.get(name, {}).items()}
        reasons = list(dict.fromkeys(answer.problem for answer in mine.values() if answer.problem))
        if not any(answer.addresses for answer in mine.values()):
            after[name] = seen
            problems[name] = f"does not resolve ({'; '.join(reasons) or 'it has no addresses'})"
            continue
        if reasons:
            problems[name] = f"resolves only in part ({'; '.join(reasons)})"
        after[name] = {}
        for family, answer in mine.items():
            for address in answer.addresses:
                fresh = now - seen.get(address, -lifetime) <= lifetime // RENEWED
                after[name][address] = seen[address] if fresh else now
            for address, at in seen.items():
                known = ipaddress.ip_address(address).version == family and address not in answer.addresses
                if known and (answer.problem or now - at <= lifetime + lifetime // RENEWED):
                    after[name][address] = at
    return after, problems


def addresses_of(allowed: Iterable[Allowed], chain: str, lifetime: int) -> tuple[Memory, list[str]]:
    """Resolve the names of hosts; return what is known of them, and warnings.

    Raises:
        FirewallError: a name does not resolve and has never done so, or the memory can't be read.

    """
    origins: dict[str, dict[str, None]] = {}
    for one in allowed:
        if one.name:
            origins.setdefault(one.name, {})[one.origin] = None
    memory = recall(chain)
    if not origins:
        return {}, []
    memory, problems = update(memory, resolve(origins), lifetime, int(time.time()))
    texts = {name: f"{', '.join(origins[name])}: {name} {problem}" for name, problem in problems.items()}
    unknown = [text for name, text in texts.items() if not memory[name]]
    if unknown:
        raise FirewallError(
            f"{'; '.join(unknown)}: this host has never known an address, so there is none to keep; nothing was changed"
        )
    return memory, [
        f"{text}; the addresses known so far are kept: {', '.join(sorted(memory[name]))}"
        for name, text in texts.items()
    ]
