"""What ends the evaluation of a template: a value that only the host knows, or something that is refused.

Both are no `Exception`, so that neither a filter such as `default`, nor a test such as `defined`, nor any `except` of
Ansible's takes them for a value that is not set.
"""

from __future__ import annotations

from typing import Any, NoReturn


class UnknownError(BaseException):
    """A value is not known without the host; the text says why."""


class RefusedError(BaseException):
    """Something cannot be compiled; the text says what, with file and line once they are known."""


class Unknown:
    """Stands for a value that is not known; to evaluate it raises UnknownError."""

    def __init__(self, reason: str) -> None:
        """Take the reason, the end of a sentence."""
        self.reason = reason

    def trip(self) -> NoReturn:
        """Raise UnknownError."""
        raise UnknownError(self.reason)


class Facts(dict[str, Any]):
    """The recorded facts of a host, of which any other is not known, rather than not set."""

    def __init__(self, host: str, facts: dict[str, Any]) -> None:
        """Take what is recorded of a host."""
        super().__init__(facts)
        self._host = host

    def __missing__(self, name: str) -> NoReturn:
        """Raise UnknownError."""
        raise UnknownError(f"the fact {name} of {self._host} is not recorded")

    def get(self, name: str, default: Any = None) -> Any:
        """Return a fact, whatever the default: it may be there on the host."""
        del default
        return self[name]

    def __contains__(self, name: object) -> bool:
        """Tell that a fact is there, or raise UnknownError."""
        return super().__contains__(name) or self[str(name)]
