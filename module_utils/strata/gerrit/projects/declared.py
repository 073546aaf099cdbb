"""The projects of a Gerrit as they are declared: what the control side sends."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass

from ansible.module_utils.strata.errors import StrataError

CONFIG, GROUPS = "project.config", "groups"
REF = "refs/meta/config"
ROOT_PROJECT = "All-Projects"


class ProjectsError(StrataError):
    """The projects cannot be configured; the text is one sentence for the user."""


@dataclass(frozen=True)
class Wanted:
    """A project as the control side sends it: `config` is the text of project.config, `acl` the file it comes from.

    `groups` are those that its rules name, `asked` those that its expressions ask for, which must be there before.
    """

    name: str
    config: str
    groups: tuple[str, ...] = ()
    parent: str | None = None
    acl: str = ""
    upstream: str | None = None
    branch: str | None = None
    asked: tuple[str, ...] = ()

    @property
    def needed(self) -> frozenset[str]:
        """Return the groups without which Gerrit does not take its ACL."""
        return frozenset(self.groups) | frozenset(self.asked)


def unpack(manifest: str) -> list[Wanted]:
    """Return the projects that the action packed."""
    projects = json.loads(zlib.decompress(base64.b64decode(manifest)))
    lists = ("groups", "asked")
    return [Wanted(**{**project, **{key: tuple(project.get(key, ())) for key in lists}}) for project in projects]
