"""The files of logrotate's rotations."""

from __future__ import annotations

import importlib.util
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

spec = importlib.util.spec_from_file_location(
    "rotation_files", Path(__file__).parents[3] / "filter_plugins/rotation_files.py"
)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
rotation_files = module.FilterModule().filters()["rotation_files"]

CHECK = "test -e \"$1\" && echo 'it''s'"
OPTIONS = ["daily", "rotate 14"]


def rotation(**keys: Any) -> dict[str, Any]:
    return {"name": "app", "paths": ["/var/log/app.log"], "origin": "app__logrotate_files"} | keys


def one(**keys: Any) -> dict[str, Any]:
    (found,) = rotation_files([rotation(**keys)], OPTIONS, CHECK)
    return found


def test_a_rotation_has_the_options_of_all() -> None:
    assert one() == {
        "path": "/etc/logrotate.d/app",
        "origin": "app__logrotate_files",
        "content": (
            "# Managed by Strata, for app__logrotate_files: changes made here are overwritten.\n"
            '"/var/log/app.log" {\n    daily\n    rotate 14\n}\n'
        ),
        "ensure": "present",
        "validate": shlex.join(["sh", "-c", CHECK, "sh", "%s", "/etc/logrotate.d/app"]),
    }


def test_a_rotation_may_have_its_own_options_paths_and_scripts() -> None:
    found = one(
        paths=["/var/log/app/*.log", '/var/log/other "app".log'],
        options=["weekly"],
        postrotate="if true; then\n    echo 'it''s'\nfi\n\n",
        firstaction="true",
        prerotate="",
        ensure="absent",
    )
    assert found["content"].splitlines()[1:] == [
        '"/var/log/app/*.log" "/var/log/other \\"app\\".log" {',
        "    weekly",
        "    firstaction",
        "true",
        "    endscript",
        "    postrotate",
        "if true; then",
        "    echo 'it''s'",
        "fi",
        "    endscript",
        "}",
    ]
    assert found["ensure"] == "absent"
    assert shlex.split(found["validate"])[6:] == ["true", "if true; then\n    echo 'it''s'\nfi\n\n"]


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("/var/log/bücher/*.log", '"/var/log/bücher/*.log"'),
        ("/var/log/日本/😀.log", '"/var/log/日本/😀.log"'),
        ("/var/log/a\\*b", '"/var/log/a\\*b"'),
        ('/var/log/"a" b', '"/var/log/\\"a\\" b"'),
    ],
)
def test_a_path_stays_as_it_is(path: str, quoted: str) -> None:
    assert one(paths=[path])["content"].splitlines()[1] == f"{quoted} {{"


@pytest.mark.parametrize("path", ["", "/a\n/b", "/a{b,c}", "/a\\", '/a\\"'])
def test_a_path_that_logrotate_would_read_in_another_way_is_refused(path: str) -> None:
    with pytest.raises(
        AnsibleFilterError, match=r"^app__logrotate_files: the rotation app has the path .*: logrotate takes"
    ):
        one(paths=[path])


def test_no_options_are_not_those_of_all() -> None:
    assert one(options=[])["content"].splitlines()[2:] == ["}"]


def test_rotations_keep_their_order() -> None:
    found = rotation_files([rotation(name=name) for name in ("b", "a", "C_1-x")], OPTIONS, CHECK)
    assert [each["path"] for each in found] == [f"/etc/logrotate.d/{name}" for name in ("b", "a", "C_1-x")]


@pytest.mark.parametrize("name", ["../a", "a\n", "a/b", "a%s", "a|b", "", ".", ".."])
def test_what_is_no_name_of_a_file_is_refused(name: str) -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        one(name=name)
    assert str(raised.value) == (
        f"app__logrotate_files: {json.dumps(name)} is not a valid name of a file: "
        "one without /, %, \\, |, & and line breaks"
    )


@pytest.mark.parametrize("name", ["app.example.org", "a.bak", "two words", "@new"])
def test_which_names_it_reads_is_for_logrotate_to_say(name: str) -> None:
    found = one(name=name)
    assert found["path"] == f"/etc/logrotate.d/{name}"
    assert shlex.split(found["validate"])[5] == found["path"]
