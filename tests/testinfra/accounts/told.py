"""What a run of the role said."""

import re


def said(run):
    """Return the message of the role's task, in one line."""
    return re.sub(r"\s+", " ", str(run.results[-1]["msg"]))


def changes(run):
    """Return what the role's task changed."""
    assert run.rc == 0, run.output
    return run.results[-1]["changes"]
