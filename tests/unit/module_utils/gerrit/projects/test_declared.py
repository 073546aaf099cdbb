"""What the control side sends."""

from __future__ import annotations

import base64
import json
import zlib

from ansible.module_utils.strata.gerrit.projects.declared import Wanted, unpack


def test_a_manifest_has_all_projects() -> None:
    projects = [{"name": "acme/x", "config": "[project]\n", "groups": ["a", "b"]}, {"name": "acme/y", "config": ""}]
    projects[1] |= {"groups": [], "parent": "acme/x", "branch": "devel", "upstream": "https://example.org/y"}
    manifest = base64.b64encode(zlib.compress(json.dumps(projects).encode())).decode()
    assert unpack(manifest) == [
        Wanted("acme/x", "[project]\n", ("a", "b")),
        Wanted("acme/y", "", (), parent="acme/x", branch="devel", upstream="https://example.org/y"),
    ]
