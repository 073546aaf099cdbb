"""Sources, keys, pins, settings and debconf's answers: what is written, what is refused, and what goes."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible.module_utils.strata import files
from ansible.module_utils.strata.apt import conf, debconf
from ansible.module_utils.strata.apt import keys as apt_keys
from ansible.module_utils.strata.apt import settings as apt_settings
from ansible.module_utils.strata.apt import sources as apt_sources
from ansible.module_utils.strata.apt.plan import AptError
from ansible.module_utils.strata.apt.settings import Record, Settings

PACKET = b"\x98\x04\x04key"
ARMOUR = (
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n"
    f"{base64.b64encode(PACKET).decode()}\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----"
)
SOURCE = {
    "name": "example",
    "types": ["deb"],
    "uris": ["https://packages.example.org/debian"],
    "suites": ["trixie"],
    "components": ["main", "extra"],
    "architectures": [],
    "signed_by": "",
    "trusted": None,
    "enabled": True,
    "fields": {},
    "origin": "web__apt_sources",
}


def source(**keys: Any) -> apt_sources.Source:
    return apt_sources.parse_source(SOURCE | keys, {"known": "/etc/apt/keyrings/known.asc"})


def settings(**parameters: Any) -> Settings:
    return apt_settings.parse({"sources": [], "keys": [], "pins": [], "conf": []} | parameters)


def test_source_is_a_stanza() -> None:
    assert source(signed_by="known", enabled=False, trusted=True, fields={"Languages": "none"}).text == (
        "# Managed by Strata: changes made here are overwritten\n"
        "Enabled: no\nTypes: deb\nURIs: https://packages.example.org/debian\nSuites: trixie\nComponents: main extra\n"
        "Signed-By: /etc/apt/keyrings/known.asc\nTrusted: yes\nLanguages: none\n"
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"name": "a/b"}, r"the name 'a/b' \(web__apt_sources\) must be letters"),
        ({"uris": []}, r"the source example \(web__apt_sources\) needs at least one of uris"),
        ({"uris": ["https://me:secret@example.org/"]}, "has a user or password in its uris"),
        ({"uris": ["example.org"]}, "has 'example.org' in uris, which is not a URI"),
        ({"suites": ["a b"]}, "has 'a b' in suites, which must be one word"),
        ({"components": []}, "needs components, unless its suites are paths"),
        ({"suites": ["./"]}, "has a suite that is a path"),
        ({"suites": ["trixie", "./"], "components": []}, "has a suite that is a path"),
        ({"signed_by": "unknown"}, "apt_keys has no key of that name: declared are known"),
        ({"fields": {"Suites": "sid"}}, "has 'Suites' in fields"),
        ({"fields": {"Targets": "a\nSuites: sid"}}, "must be a line of text"),
    ],
)
def test_what_apt_would_not_understand_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(AptError, match=said) as caught:
        source(**keys)
    assert "secret" not in str(caught.value)


def test_keys_are_files_as_they_were_given() -> None:
    path, file = apt_keys.key_file("one", f"\n{ARMOUR}\n\n", "")
    assert (path, file.content) == ("/etc/apt/keyrings/one.asc", f"{ARMOUR}\n".encode())
    path, file = apt_keys.key_file("one", base64.encodebytes(PACKET).decode(), "")
    assert (path, file.content) == ("/etc/apt/keyrings/one.gpg", PACKET)


def test_comment_of_a_key_may_be_in_any_encoding() -> None:
    assert apt_keys.certificates(ARMOUR.replace("Comment: x", "Comment: \xe9").encode("latin-1")) == [PACKET]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "known",
        "bm8ga2V5",
        ARMOUR.replace("PUBLIC", "PRIVATE"),
        ARMOUR.replace("\n\n", "\n"),
        ARMOUR.replace("BEGIN PGP PUBLIC", "BEGIN X"),
    ],
)
def test_what_is_no_public_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(AptError, match=r"the key one \(someone\) is damaged or no public key") as caught:
        apt_keys.key_file("one", key, "someone")
    assert not key or key not in str(caught.value)


def test_key_inside_a_source_becomes_a_file() -> None:
    declared = settings(sources=[SOURCE | {"signed_by": ARMOUR}])
    assert list(declared.files) == ["/etc/apt/keyrings/example.asc", "/etc/apt/sources.list.d/example.sources"]
    assert "Signed-By: /etc/apt/keyrings/example.asc\n" in declared.sources[0].text


def test_pin_is_a_file() -> None:
    item = {"name": "new", "packages": ["git", "g*"], "pin": "release n=sid", "priority": 501, "origin": "x"}
    assert conf.pin_file(item) == (
        "/etc/apt/preferences.d/new.pref",
        "Package: git g*\nPin: release n=sid\nPin-Priority: 501\n",
    )
    for wrong in ({"pin": "sid"}, {"pin": "release a\nPin-Priority: 1"}, {"packages": ["a b"]}, {"name": "a.b"}):
        with pytest.raises(AptError, match=r"the pin \S+ \(x\)"):
            conf.pin_file(item | wrong)


def test_settings_are_a_file() -> None:
    given = {
        "Acquire::Retries": 3,
        "A::b": True,
        "A::Proxy::h-1.example.org": "DIRECT",
        "Empty": "",
        "L": ["a", "${b}"],
    }
    path, text = conf.conf_file({"name": "80strata", "settings": given, "origin": "x"})
    assert path == "/etc/apt/apt.conf.d/80strata"
    assert text.removeprefix(conf.MARK) == (
        'Acquire::Retries "3";\nA::b "true";\nA::Proxy::h-1.example.org "DIRECT";\n#clear L;\nL { "a"; "${b}"; };\n'
    )


@pytest.mark.parametrize(
    "wrong",
    [{'a"b': 1}, {"a": 'x"; DPkg::Pre-Invoke {"y'}, {"a": {"b": 1}}, {"a;b": 1}, {"P": "http://me:secret@example.org"}],
)
def test_settings_that_apt_would_misread_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(AptError, match=r"fragment 80strata \(x\)") as caught:
        conf.conf_file({"name": "80strata", "settings": wrong, "origin": "x"})
    assert "secret" not in str(caught.value)


def test_same_file_from_two_roles_is_one_and_other_ones_are_refused() -> None:
    other = SOURCE | {"origin": "mail__apt_sources"}
    assert len(settings(sources=[SOURCE, other]).files) == 1
    with pytest.raises(
        AptError, match="declared twice, and not the same: by web__apt_sources and by mail__apt_sources"
    ):
        settings(sources=[SOURCE, other | {"suites": ["sid"]}])


def test_sources_are_changed_by_their_keys_too() -> None:
    declared = settings(sources=[SOURCE | {"signed_by": ARMOUR}, SOURCE | {"name": "off", "enabled": False}])
    everything = [files.Change(path, None, file) for path, file in declared.files.items()]
    assert [each.name for each in declared.changed_sources(everything)] == ["example"]
    assert [each.name for each in declared.changed_sources(everything[:1])] == ["example"]
    assert declared.changed_sources([]) == []


def test_keys_come_before_what_needs_them_and_go_after_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt_keys, "FOLDER", str(tmp_path / "keyrings"))
    monkeypatch.setattr(apt_sources, "FOLDER", str(tmp_path / "sources"))
    first = settings(sources=[SOURCE | {"signed_by": ARMOUR}])
    changes = apt_settings.plan(first, Record(), [])
    files.apply(changes)
    assert [change.path.rpartition("/")[2] for change in changes] == ["example.asc", "example.sources"]
    assert apt_settings.plan(first, Record(), []) == []
    changes = apt_settings.plan(settings(), Record(tuple(first.files)), [])
    assert [change.path.rpartition("/")[2] for change in changes] == ["example.sources", "example.asc"]


def test_purge_leaves_a_source() -> None:
    with pytest.raises(AptError, match=r"purging /etc/apt/sources\.list would leave no source"):
        apt_settings.plan(settings(sources=[SOURCE | {"enabled": False}]), Record(), ["/etc/apt/sources.list"])


def test_password_of_a_foreign_source_is_not_shown() -> None:
    old = files.File(b"# deb http://me:canary@example.org/ x main\n")
    (shown,) = files.diff(apt_settings.masked([files.Change("/etc/apt/sources.list", old, None)]))
    assert "secret content" in shown["before"]
    assert "canary" not in shown["before"]
    plain = files.Change("/x", None, files.File(b"URIs: http://example.org/\n"))
    assert "example.org" in files.diff(apt_settings.masked([plain]))[0]["after"]


def test_record_is_read_as_it_was_written(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt_settings, "RECORD", str(tmp_path / "apt.json"))
    assert apt_settings.recorded() == Record()
    record = Record(("/etc/apt/x",), ("less",))
    (tmp_path / "apt.json").write_bytes(record.file.content)  # type: ignore[union-attr]
    assert apt_settings.recorded() == record
    assert Record().file is None
    for begun in ((), ("less",)):
        record = Record(begun=begun)
        (tmp_path / "apt.json").write_bytes(record.file.content)  # type: ignore[union-attr]
        assert apt_settings.recorded() == record


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b'{"files": ["/etc/apt/x"', "Expecting"),
        (b"\xff\xfe\xfd", "decode"),
        (b"[]", "something else"),
        (b'{"file": []}', "something else"),
        (b'{"files": "/etc/apt/x"}', "files is no list of names"),
        (b'{"held": [1]}', "held is no list of names"),
    ],
)
def test_damaged_record_is_named(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str) -> None:
    path = tmp_path / "apt.json"
    path.write_bytes(content)
    monkeypatch.setattr(apt_settings, "RECORD", str(path))
    with pytest.raises(AptError, match=rf"{path}, .* is damaged \(.*{said}.*\): put it back, or remove it"):
        apt_settings.recorded()


ANSWER = {
    "package": "postfix",
    "question": "postfix/mailname",
    "type": "string",
    "value": "example.org",
    "secret_value": None,
    "origin": "mail__apt_debconf",
}


def test_answers_are_lines_of_debconf() -> None:
    secret = {"question": "postfix/key", "type": "password", "value": None, "secret_value": "canary"}
    one, two = debconf.parse_answers([ANSWER, ANSWER | secret, ANSWER])
    assert one.line == "postfix postfix/mailname string example.org\n"
    assert two.line == "postfix postfix/key password canary\n"
    assert "canary" not in repr(two)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"value": None}, "needs either value or secret_value"),
        ({"secret_value": "x"}, "needs either value or secret_value"),
        ({"type": "password"}, "is a password: give it as secret_value"),
        ({"value": "a\nb c string d"}, "an answer of one line"),
        ({"package": "a b"}, "needs the name of a package"),
    ],
)
def test_wrong_answers_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(AptError, match=said):
        debconf.parse_answers([ANSWER | wrong])


def test_two_answers_to_one_question_are_refused_with_both_origins() -> None:
    with pytest.raises(AptError, match=r"\(web__apt_debconf\) is another one than that of mail__apt_debconf"):
        debconf.parse_answers([ANSWER, ANSWER | {"value": "other", "origin": "web__apt_debconf"}])
