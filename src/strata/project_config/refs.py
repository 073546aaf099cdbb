"""The refs that an ACL may name, and its regular expressions."""

from __future__ import annotations

import re

PLACEHOLDER = re.compile(r"\$\{(?:username|shardeduserid)\}")
FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
JAVA_ONLY = re.compile(r"\\[pP]\{[^}]*\}")


def ref_problem(ref: str) -> str | None:
    """Return what is wrong with the ref, pattern or regular expression of an access section."""
    if "${" in PLACEHOLDER.sub("", ref):
        return f"{ref} has a variable that Gerrit does not know: ${{username}} and ${{shardeduserid}} are all"
    plain = PLACEHOLDER.sub("user", ref)
    if not plain.startswith(("refs/", "^refs/")):
        return f"{ref} is not a ref: it begins with refs/, or with ^refs/ if it is a regular expression"
    if plain.startswith("^"):
        return regex_problem(plain)
    prefix = plain.removesuffix("/*")
    if "*" in prefix:
        return f"{ref} has * elsewhere than in /* at its end: write a regular expression, which begins with ^refs/"
    return None if prefix == "refs" or is_ref(prefix) else f"{ref} is not a name that git allows for a ref"


def is_ref(name: str) -> bool:
    """Return whether git allows a name for a ref."""
    parts = name.split("/")
    bad = any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
    return len(parts) > 1 and not bad and not name.endswith(".") and not FORBIDDEN.search(name)


def regex_problem(pattern: str) -> str | None:
    """Return what is wrong with a regular expression, which is Java's: what only Java knows passes."""
    try:
        re.compile(JAVA_ONLY.sub("x", pattern))
    except (re.error, OverflowError, RecursionError) as error:
        return f"{pattern} is not a regular expression: {error}"
    return None
