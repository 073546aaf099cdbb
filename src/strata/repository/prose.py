"""What of the repository only people read."""

from __future__ import annotations

import re

PROSE = re.compile(r"LICENSE|[^/]+\.md|docs/.+|project-config/README\.md")
#: Pages that programs write, so that a rule looks at them.
GENERATED = re.compile(r"(?:vendor/)?roles/[^/]+/README\.md|docs/contributions\.md")


def is_prose(path: str) -> bool:
    """Return whether only people read a file."""
    return PROSE.fullmatch(path) is not None and GENERATED.fullmatch(path) is None
