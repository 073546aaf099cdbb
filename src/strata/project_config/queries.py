"""What Gerrit knows in expressions: the operators and values of its code of 3.10 to 3.13, and what is wrong by these.

A submit requirement may use all operators of a search of changes, and some of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strata.errors import nearest
from strata.project_config.expressions import ExpressionError, Term, terms
from strata.project_config.refs import regex_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

#: Operators of submit requirements.
OPERATORS = frozenset(
    """a added after age attention author authoremail before branch bug cc change cherrypickof comment commentby
    commit committer committeremail conflicts d deleted delta description destination dir directory
    distinctvoters ext extension f file footer from has hasfooter hashtag inhashtag intopic is label limit m
    mergedafter mergedbefore message o onlyextensions onlyexts owner ownerin p parentof parentproject parentrepo
    parentrepository path prefixhashtag prefixsubject prefixtopic project projects query r ref repo repos
    repositories repository revertof reviewedby reviewer reviewerin rule since size status subject submissionid
    topic tr unresolved until uploader uploaderemail uploaderin visibleto""".split()  # noqa: SIM905
)
STATES = ("abandoned", "closed", "merged", "new", "open", "pending", "reviewed")
KINDS = (
    *("attention", "cherrypick", "consistent", "false", "merge", "mergeable", "private", "pure-revert", "started"),
    *("true", "visible", "watched", "wip"),
)
HAS = ("attention", "submodule-update", "unresolved")

#: Values that ask who is signed in, and operators that do whatever their value is.
PEOPLE = ("attention", "cc", "commentby", "from", "o", "owner", "r", "reviewedby", "reviewer", "uploader")
SIGNED_IN = {
    **dict.fromkeys(PEOPLE, ("me", "self")),
    "has": ("draft", "edit", "star"),
    "is": ("cc", "owner", "reviewer", "starred", "uploader"),
}
PERSONAL = frozenset({"destination", "query"})

#: Operators whose value is a group.
GROUP_OPERATORS = frozenset({"approverin", "ownerin", "reviewerin", "uploaderin"})

#: Operators of copyCondition, and the values of some.
COPY_OPERATORS = ("approverin", "changeis", "changekind", "has", "is", "uploaderin")
COPY_KINDS = ("MERGE_FIRST_PARENT_UPDATE", "NO_CHANGE", "NO_CODE_CHANGE", "REWORK", "TRIVIAL_REBASE")
COPIED_VOTES = ("ANY", "MAX", "MIN")

LABEL = re.compile(r"(?P<name>[\w-]+?)(?:(?:>=|<=|[=<>])(?P<value>[^,]*)|(?P<vote>[+-]\d+))?(?P<arguments>(?:,.*)?)")
VOTES = ("MAX", "MIN", "ANY", "OK", "REJECT", "NEED", "MAY", "IMPOSSIBLE")
ARGUMENT = re.compile(r"(?P<name>\w+)(?:>=|<=|[=<>])(?P<value>.*)")
ARGUMENTS = ("count", "group", "user", "users")
VOTERS = re.compile(r"\[(?P<labels>[^\]]+)\](?:,value=(?:MAX|MIN|[+-]?\d+))?,count>\d+")


def requirement_problem(text: str) -> str | None:
    """Return what is wrong with an expression of a submit requirement, whatever labels there are."""
    return _problem(text, _asked)


def copy_problem(text: str) -> str | None:
    """Return what is wrong with a copyCondition."""
    return _problem(text, _copied)


def labels(text: str) -> Iterator[tuple[str, int | None]]:
    """Yield the labels that a submit requirement asks for, each with the vote if that is a number."""
    try:
        found = terms(text)
    except ExpressionError:
        return
    for term in found:
        operator = term.operator.lower()
        if operator == "label" and (match := LABEL.fullmatch(term.value)):
            vote = match["vote"] or match["value"] or ""
            yield match["name"], int(vote) if re.fullmatch(r"[+-]?\d{1,4}", vote) else None
        elif operator == "distinctvoters" and (match := VOTERS.fullmatch(term.value)):
            yield from ((name.strip(), None) for name in match["labels"].split(","))


def groups(text: str) -> Iterator[str]:
    """Yield the groups that a submit requirement or copyCondition asks for people in."""
    try:
        found = terms(text)
    except ExpressionError:
        return
    for term in found:
        operator = term.operator.lower()
        if operator in GROUP_OPERATORS:
            yield term.value
        elif operator == "label" and (match := LABEL.fullmatch(term.value)):
            given = filter(None, map(ARGUMENT.fullmatch, match["arguments"].split(",")))
            yield from (each["value"] for each in given if each["name"] == "group")


def _problem(text: str, check: Callable[[Term, str], str | None]) -> str | None:
    try:
        found = terms(text)
    except ExpressionError as error:
        return f"`{text}` is not an expression: {error}"
    return next((problem for term in found if (problem := check(term, term.operator.lower()))), None)


def _asked(term: Term, operator: str) -> str | None:
    if "_" in operator or (operator in {"has", "is"} and "_" in term.value):
        return None  # A plugin's, which are named so.
    if operator not in OPERATORS:
        return _unknown(term, OPERATORS, "label:NAME=MAX")
    if operator in PERSONAL or term.value.lower() in SIGNED_IN.get(operator, ()):
        return f"{term.text} asks who is signed in, and Gerrit refuses it: nobody is when it looks at a change"
    check = CHECKS.get(operator)
    return check(term) if check else None


def _copied(term: Term, operator: str) -> str | None:
    # Gerrit takes these words in any case, and with dashes.
    word = term.value.upper().replace("-", "_")
    if operator not in COPY_OPERATORS:
        return _unknown(term, COPY_OPERATORS, "changekind:NO_CODE_CHANGE")
    if operator == "changekind" and word not in COPY_KINDS:
        return _odd(term, COPY_KINDS)
    if operator == "has" and term.value != "unchanged-files":
        return _odd(term, ["unchanged-files"])
    if operator == "is" and word not in COPIED_VOTES and not re.fullmatch(r"-?\d{1,9}", term.value):
        return _odd(term, [*COPIED_VOTES, "a number without +, with - in double quotes"])
    return None


def _label_problem(term: Term) -> str | None:
    match = LABEL.fullmatch(term.value)
    if not match:
        return f"{term.text} is not written as label:NAME=MAX"
    value = match["value"]
    if value is not None and value.upper() not in VOTES and not re.fullmatch(r"[+-]?\d{1,4}", value):
        return f"{term.text}: {value} is not a vote: MAX, MIN, ANY or a number"
    given = [found for each in match["arguments"].split(",") if (found := ARGUMENT.fullmatch(each))]
    names = [each["name"] for each in given]
    if unknown := [name for name in names if name not in ARGUMENTS]:
        return f"{term.text}: {unknown[0]} is unknown, and not one of {', '.join(ARGUMENTS)}"
    if {"count", "user"} <= {*names}:
        return f"{term.text} has count beside user, which Gerrit refuses"
    if odd := [
        each for each in given if each["name"] == "count" and not re.fullmatch(r"0*[1-9]\d{0,3}", each["value"])
    ]:
        return f"{term.text}: {odd[0]['value']} is not a count of votes"
    return None


def _voters_problem(term: Term) -> str | None:
    if VOTERS.fullmatch(term.value):
        return None
    return f'{term.text} is not written as distinctvoters:"[LABEL,LABEL],value=MAX,count>1"'


def _kind_problem(term: Term) -> str | None:
    if term.value.lower() == "submittable":
        return f"{term.text} cannot be asked by what decides of it"
    return None if term.value.lower() in KINDS else _state_problem(term, (*KINDS, *STATES))


def _state_problem(term: Term, known: Iterable[str] = STATES) -> str | None:
    # Gerrit knows a state by its beginning, too.
    return None if any(state.startswith(term.value.lower()) for state in STATES) else _odd(term, known)


def _has_problem(term: Term) -> str | None:
    known = term.value in HAS or re.fullmatch(r"submodule-update,base=\d+", term.value)
    return None if known else _odd(term, HAS)


def _range_problem(term: Term) -> str | None:
    if re.fullmatch(r"(?:[<>]=?|=)?[+-]?\d{1,9}", term.value):
        return None
    return f"{term.text}: {term.value} is not a number, with < or > before it or not"


def _pattern_problem(term: Term) -> str | None:
    return regex_problem(term.value) if term.value.startswith("^") else None


def _unknown(term: Term, known: Iterable[str], example: str) -> str:
    if not term.operator:
        return f"{term.text} has no operator: write operator:value, such as {example}"
    return f"{term.text}: {term.operator} is not an operator that Gerrit has here{nearest(term.operator, known)}"


def _odd(term: Term, known: Iterable[str]) -> str:
    return f"{term.text}: {term.operator} has no value {term.value}, but {', '.join(known)}"


#: What looks at the values of operators of submit requirements; those of others may be anything.
CHECKS: Mapping[str, Callable[[Term], str | None]] = {
    **dict.fromkeys(("authoremail", "committeremail", "uploaderemail"), lambda term: regex_problem(term.value)),
    **dict.fromkeys(("added", "deleted", "delta", "size", "unresolved"), _range_problem),
    **dict.fromkeys(("branch", "f", "file", "p", "path", "project", "ref", "repo", "repository"), _pattern_problem),
    "distinctvoters": _voters_problem,
    "has": _has_problem,
    "is": _kind_problem,
    "label": _label_problem,
    "status": _state_problem,
}
