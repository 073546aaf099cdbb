"""What a run of the role said."""


def changes(run):
    """Return what the role's task changed."""
    assert run.rc == 0, run.output
    return run.results[-1]["changes"]
