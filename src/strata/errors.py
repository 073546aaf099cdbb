"""What ends a command with one sentence instead of a traceback."""


class StrataError(Exception):
    """Something failed; the message says what, where and what to do. Exit code 1."""

    exit_code = 1


class UsageError(StrataError):
    """The command was used wrongly. Exit code 2."""

    exit_code = 2
