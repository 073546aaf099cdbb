"""Keys of apt that are files on the control side."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail

ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("apt_transaction_action", ROOT / "action_plugins/apt_transaction.py")
action = importlib.util.module_from_spec(spec)
spec.loader.exec_module(action)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n", "-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n"),
        (b"\x98\xff", "mP8="),
    ],
)
def test_file_becomes_the_key(tmp_path, content, expected):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/one").write_bytes(content)
    key = {"name": "one", "file": "keys/one", "origin": "web__apt_keys"}
    assert action._with_content(key, str(tmp_path)) == {"name": "one", "origin": "web__apt_keys", "key": expected}
    assert action._with_content(key | {"file": str(tmp_path / "keys/one")}, "/nowhere")["key"] == expected


def test_armour_that_is_not_text_is_named(tmp_path):
    (tmp_path / "one").write_bytes(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: \xe9\n")
    said = rf"the key one \(web__apt_keys\) is in ASCII armour, but not all of {tmp_path}/one is text"
    with pytest.raises(AnsibleActionFail, match=said):
        action._with_content({"name": "one", "file": "one", "origin": "web__apt_keys"}, str(tmp_path))


def test_key_that_is_given_stays():
    assert action._with_content({"name": "one", "key": "x"}, "") == {"name": "one", "key": "x"}


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ({}, "needs either key or file"),
        ({"key": "x", "file": "y"}, "either"),
        ({"file": "no"}, "cannot be read from /no"),
    ],
)
def test_what_cannot_be_read_is_named(key, said):
    with pytest.raises(AnsibleActionFail, match=rf"the key one \(web__apt_keys\) .*{said}"):
        action._with_content({"name": "one", "origin": "web__apt_keys"} | key, "/")
