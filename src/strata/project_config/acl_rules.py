"""What an ACL file means, judged by what Gerrit knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strata.errors import nearest
from strata.project_config import gerrit, queries
from strata.project_config.findings import Finding
from strata.project_config.refs import ref_problem, regex_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.project_config.acl import Acl, Entry, Section

RULE = re.compile(
    r"(?:(?P<action>deny|block|interactive|batch) +)?(?:\+force +)?"
    r"(?:(?P<low>[+-]?\d{1,9})\.\.(?P<high>[+-]?\d{1,9}) +)?group +(?P<group>\S.*)"
)
VALUE = re.compile(r"(?P<number>[+-]?\d{1,4})(?:\s+.*)?")
LABEL_NAME = re.compile(r"[A-Za-z0-9-]+")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
LOWER_PERMISSIONS = {name.lower(): name for name in gerrit.PERMISSIONS}
FLAG = "true|yes|on|1|false|no|off|0|"
#: How values of a kind are written, and what those are that are not.
SIMPLE = {
    gerrit.FLAG: (FLAG, "neither true nor false"),
    gerrit.INHERITED: (f"{FLAG}|inherit", "not one of true, false and inherit"),
    gerrit.NUMBER: (r"[+-]?\d{1,9}", "not a number"),
    gerrit.SIZE: (r"\d{1,12} ?[kmg]?", "not a size: a number, with k, m or g"),
    gerrit.VALUES: (VALUE.pattern, "not the value of a label: a number and its description"),
}
#: What says what is wrong with values that have a language of their own.
JUDGES = {
    gerrit.COPY: queries.copy_problem,
    gerrit.REGEX: regex_problem,
    gerrit.REGEXES: regex_problem,
    gerrit.REQUIREMENT: queries.requirement_problem,
}
EXCLUSIVE = "exclusiveGroupPermissions"


def findings(path: str, acl: Acl) -> Iterator[Finding]:
    """Yield what is wrong in a file, and warn of what is unknown or old in it."""
    for line, message in _wrong(acl):
        yield Finding(path, line, message)
    for line, message in _odd(acl):
        yield Finding(path, line, message, warning=True)


def groups(acl: Acl) -> dict[str, int]:
    """Return the groups that a file names, each with the line that names it first."""
    found: dict[str, int] = {}
    for section, entry in acl.entries():
        name = entry.value or ""
        if _kind(section, entry) in {gerrit.RULE, gerrit.RULES}:
            match = RULE.fullmatch(name)
            name = f"group {match['group']}" if match else ""
        elif (section.name.lower(), entry.key.lower()) != ("notify", "email"):
            continue
        if name.startswith("group "):
            found.setdefault(name.removeprefix("group ").strip(), entry.line)
    return found


def asked_groups(acl: Acl) -> Iterator[tuple[str, Entry]]:
    """Yield the groups that expressions of a file ask for, each with its entry."""
    for section, entry in acl.entries():
        if _kind(section, entry) in {gerrit.REQUIREMENT, gerrit.COPY}:
            yield from ((group, entry) for group in queries.groups(entry.value or ""))


def labels(acl: Acl) -> dict[str, list[int]]:
    """Return the labels that a file defines, with their values."""
    found: dict[str, list[int]] = {}
    for section in acl.sections:
        if section.name.lower() == "label" and section.subsection:
            values = [VALUE.fullmatch(value) for value in acl.values("label", section.subsection, "value")]
            found[section.subsection] = [int(match["number"]) for match in values if match]
    return found


def voted(acl: Acl) -> Iterator[tuple[str, Entry]]:
    """Yield the labels that a file lets somebody vote on, each with its entry."""
    for section, entry in acl.entries():
        if section.name.lower() == "access" and (name := _label(entry.key)):
            yield name, entry


def required(acl: Acl) -> Iterator[tuple[str, int | None, Entry]]:
    """Yield the labels that submit requirements ask for, each with the vote if it is a number, and its entry."""
    for section, entry in acl.entries():
        if _kind(section, entry) == gerrit.REQUIREMENT:
            yield from ((label, vote, entry) for label, vote in queries.labels(entry.value or ""))


def _label(key: str) -> str:
    return next((key.removeprefix(each) for each in gerrit.LABEL_PERMISSIONS if key.startswith(each)), "")


def _kind(section: Section, entry: Entry) -> str | tuple[str, ...] | None:
    """Return the kind of an entry's value, None for an entry that is not known."""
    known = gerrit.section(section.name)
    key = entry.key.lower()
    if known is None:
        return None
    if section.name.lower() == "access" and section.subsection is not None:
        if key == EXCLUSIVE.lower():
            return gerrit.TEXT
        permission = key in LOWER_PERMISSIONS or _label(entry.key) or key.startswith("plugin-")
        return gerrit.RULES if permission else None
    if section.name.lower() == "plugin":
        return gerrit.TEXTS
    if section.name.lower() == "capability" and key not in known.lower:
        # Plugins bring capabilities named PLUGIN-NAME.
        return gerrit.RULES if "-" in key else None
    return known.keys[known.lower[key]] if key in known.lower else None


def _wrong(acl: Acl) -> Iterator[tuple[int, str]]:
    defined = labels(acl)
    for section in acl.sections:
        yield from _section_problems(acl, section)
        for entry in section.entries:
            if CONTROL.search(entry.value or ""):
                yield entry.line, f"{entry.key}: the value has control characters, or more than one line"
            elif (problem := _problem(section, entry, defined)) is not None:
                yield entry.line, f"{entry.key}: {problem}"
    yield from _given_twice(acl)


def _section_problems(acl: Acl, section: Section) -> Iterator[tuple[int, str]]:
    name, sub, known = section.name.lower(), section.subsection, gerrit.section(section.name)
    if name in {"include", "includeif"}:
        yield section.line, f"{section.header} reads other files: refused"
    if known is None:
        return
    if known.subsection is True and not sub:
        yield section.line, f'[{section.name}] needs a name: [{section.name} "..."]'
    elif known.subsection is False and sub is not None:
        yield section.line, f"[{section.name}] has no subsections"
    elif name == "access" and sub is not None and (problem := ref_problem(sub)):
        yield section.line, problem
    elif name == "label" and sub:
        if not LABEL_NAME.fullmatch(sub):
            yield section.line, f"{sub} is not the name of a label: letters, digits and dashes"
        yield from _label_problems(acl, section)
    given = {key for each in acl.sections if each.identity == section.identity for key in map(_lower, each.entries)}
    for key in sorted(known.required):
        if sub and key.lower() not in given:
            yield section.line, f"{section.header} has no {key}, without which Gerrit refuses it"


def _lower(entry: Entry) -> str:
    return entry.key.lower()


def _label_problems(acl: Acl, section: Section) -> Iterator[tuple[int, str]]:
    numbers: dict[int, Entry] = {}
    for entry in section.entries:
        match = VALUE.fullmatch(entry.value or "")
        if entry.key.lower() == "value" and match:
            first = numbers.setdefault(int(match["number"]), entry)
            if first.value != entry.value:
                yield entry.line, f"value: {match['number']} is given twice, first in line {first.line}"
    possible = labels(acl)[section.subsection or ""]
    for entry in section.entries:
        if entry.key.lower() == "defaultvalue" and re.fullmatch(r"[+-]?\d{1,4}", entry.value or ""):
            default = int(entry.value or "")
            if possible and not min(possible) <= default <= max(possible):
                yield entry.line, f"defaultValue: {entry.value} is not one of the label's values"


def _given_twice(acl: Acl) -> Iterator[tuple[int, str]]:
    seen: dict[tuple[str, str, str], Entry] = {}
    for section, entry in acl.entries():
        kind = _kind(section, entry)
        if kind is None or kind in gerrit.MANY or entry.key.lower() == EXCLUSIVE.lower():
            continue
        first = seen.setdefault((*section.identity, entry.key.lower()), entry)
        if first.value != entry.value:
            message = f"{entry.key} is given twice with different values, first in line {first.line}"
            yield entry.line, message


def _problem(section: Section, entry: Entry, defined: dict[str, list[int]]) -> str | None:
    kind, value = _kind(section, entry), entry.value
    if kind is None:
        known = gerrit.section(section.name)
        strict = known is not None and known.strict
        return f"unknown, and Gerrit refuses it{nearest(entry.key, known.keys)}" if known and strict else None
    if value is None and kind not in {gerrit.FLAG, gerrit.INHERITED}:
        return "has no value"
    if kind in {gerrit.RULE, gerrit.RULES}:
        return _rule_problem(section, entry, defined)
    if isinstance(kind, tuple):
        return _choice_problem(entry, kind)
    if entry.key.lower() == EXCLUSIVE.lower():
        return _exclusive_problem(value or "")
    return _simple_problem(kind, value or "")


def _simple_problem(kind: str, value: str) -> str | None:
    if kind in JUDGES:
        return JUDGES[kind](value)
    if kind not in SIMPLE or re.fullmatch(SIMPLE[kind][0], value, re.IGNORECASE):
        return None
    return f"{value} is {SIMPLE[kind][1]}"


def _choice_problem(entry: Entry, choices: tuple[str, ...]) -> str | None:
    value = entry.value or ""
    folded = re.sub(r"[-_ ]", " ", value).lower()
    if value in choices or (entry.key.lower() != "function" and folded in choices):
        return None
    return f"{value} is not one of {', '.join(choices)}"


def _exclusive_problem(value: str) -> str | None:
    for name in filter(None, re.split(r"[,\s]+", value)):
        if name.lower() not in LOWER_PERMISSIONS and not _label(name) and not name.startswith("plugin-"):
            return f"{name} is not a permission{nearest(name, gerrit.PERMISSIONS)}"
    return None


def _rule_problem(section: Section, entry: Entry, defined: dict[str, list[int]]) -> str | None:
    value, label = entry.value or "", _label(entry.key)
    ranged = bool(label) or (section.name.lower() == "capability" and entry.key.lower() in gerrit.RANGED_CAPABILITIES)
    example = "-1..+1 group NAME" if ranged else "group NAME"
    if not (match := RULE.fullmatch(value)):
        return f"{value} is not a rule: write {example}"
    if (match["low"] is not None) != ranged:
        return f"{value} has {'no' if ranged else 'a'} range: write {example}"
    if not ranged:
        return None
    low, high = int(match["low"]), int(match["high"])
    if low > high:
        return f"the range {match['low']}..{match['high']} is upside down"
    if (possible := defined.get(label)) and not min(possible) <= low <= high <= max(possible):
        return f"the range {match['low']}..{match['high']} goes beyond the values of {label}"
    return None


def _odd(acl: Acl) -> Iterator[tuple[int, str]]:
    for section in acl.sections:
        known, name = gerrit.section(section.name), section.name.lower()
        if known is None and name not in {"include", "includeif"}:
            yield section.line, f"[{section.name}] is unknown{nearest(section.name, gerrit.SECTIONS)}"
        for entry in section.entries:
            if known is not None and _kind(section, entry) is None and not known.strict:
                names = {"inheritFrom"} if section.subsection is None else {EXCLUSIVE, *gerrit.PERMISSIONS}
                yield (
                    entry.line,
                    f"{entry.key} is unknown{nearest(entry.key, names if name == 'access' else known.keys)}",
                )
            if name == "label":
                yield from ((entry.line, message) for message in _old(entry))
            if name == "submit-requirement":
                yield from ((entry.line, f"{entry.key}: {message}") for message in _risky(acl, section, entry))


def _risky(acl: Acl, section: Section, entry: Entry) -> Iterator[str]:
    value = (entry.value or "").lower()
    if "is:mergeable" in value:
        yield "is:mergeable is refused by a Gerrit whose change.mergeabilityComputationBehavior is NEVER, the default"
    others = (acl.values(section.name, section.subsection, key) for key in ("applicableIf", "overrideIf"))
    if entry.key.lower() == "submittableif" and value == "is:false" and not any(others):
        yield "no change can be submitted, as is:false never holds and nothing overrides it"


def _old(entry: Entry) -> Iterator[str]:
    new = {key.lower(): value for key, value in gerrit.OLD_LABEL_KEYS.items()}
    if entry.key.lower() in new:
        yield f"{entry.key} is refused by Gerrit 3.7 and newer: say {new[entry.key.lower()]} in copyCondition"
    if entry.key.lower() == "copyvalue":
        yield "copyValue is refused by Gerrit 3.7 and newer: say is:NUMBER in copyCondition"
    if entry.key.lower() == "function" and entry.value in gerrit.OLD_FUNCTIONS:
        yield f"the function {entry.value} is refused by Gerrit 3.7 and newer: use a submit-requirement"
