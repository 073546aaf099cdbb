"""Lines of authorized_keys: what is taken, what is refused, and that no message shows a line."""

from __future__ import annotations

import base64

import pytest
from ansible.module_utils.strata.accounts.keys import HEADER, KeyLineError, authorized_keys, blobs, parse


def blob(*fields: bytes) -> str:
    return base64.b64encode(b"".join(len(each).to_bytes(4) + each for each in fields)).decode()


ED25519 = blob(b"ssh-ed25519", b"k" * 32)
RSA = blob(b"ssh-rsa", b"\1\0\1", b"\0\x80" + b"n" * 255)
LINE = f"ssh-ed25519 {ED25519}"


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        f"{LINE} alice@example.org, her laptop",
        f"ssh-rsa {RSA}",
        f"ecdsa-sha2-nistp256 {blob(b'ecdsa-sha2-nistp256', b'nistp256', b'point')}",
        f"sk-ssh-ed25519@openssh.com {blob(b'sk-ssh-ed25519@openssh.com', b'k' * 32, b'ssh:')}",
        f"restrict {LINE}",
        f'from="192.0.2.0/24,!192.0.2.7,*.example.org,2001:db8::/32",no-pty {LINE}',
        f'restrict,command="echo \\"a, b\\" # c" {LINE} c',
        f'expiry-time="20301231",permitopen="localhost:80" {LINE}',
    ],
)
def test_what_sshd_takes_stays_as_it_is(line: str) -> None:
    assert str(parse(line)) == line
    assert authorized_keys([line]) == f"{HEADER}{line}\n".encode()


def test_blanks_around_and_between_are_dropped() -> None:
    key = parse(f"  restrict  ssh-ed25519   {ED25519}  c d ")
    assert (key.blob, str(key)) == (ED25519, f"restrict {LINE} c d")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{LINE}\nssh-ed25519 {ED25519}", "has a line break"),
        (f"{LINE} \x07", "has a line break or another control character"),
        ("", "begins neither with a type of key"),
        # pragma: allowlist nextline secret
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "is not a public key at all"),
        (f"ssh-dss {blob(b'ssh-dss', b'p')}", "has an option that sshd does not know"),
        (f"restrict ssh-dss {ED25519}", "is of no type that is accepted"),
        (f"nonsense {LINE}", "has an option that sshd does not know"),
        (f'restrict="yes" {LINE}', "takes no value"),
        (f"command {LINE}", "takes a value in quotes"),
        (f'command="" {LINE}', "with an empty value"),
        (f'command="unclosed {LINE}', "begins neither"),
        (f'from="192.0.2.1/24" {LINE}', "'192.0.2.1/24' in its option from"),
        (f'from="" {LINE}', "in its option from"),
        (f'expiry-time="tomorrow" {LINE}', "an expiry-time that is not a time"),
        (f"ssh-ed25519 {ED25519[:-8]}", "is cut off or damaged"),
        (f"ssh-ed25519 {ED25519}x", "is cut off or damaged"),
        ("ssh-ed25519", "is not what its type says"),
        (f"ssh-rsa {ED25519}", "is not what its type says, ssh-rsa"),
        (f"ssh-ed25519 {blob(b'ssh-ed25519', b'k' * 31)}", "32 bytes"),
        (f"ssh-rsa {blob(b'ssh-rsa', b'3', b'n' * 128)}", "an RSA key of 1023 bits"),
    ],
)
def test_what_is_refused(line: str, message: str) -> None:
    with pytest.raises(KeyLineError) as refused:
        parse(line)
    assert message in str(refused.value)
    assert ED25519[:40] not in str(refused.value)


def test_the_number_of_a_wrong_line_is_shown() -> None:
    with pytest.raises(KeyLineError, match=r"^key 2 has a line break"):
        authorized_keys([LINE, "a\nb"])


HERE, THERE = 'from="192.0.2.10",command="/usr/bin/backup"', 'from="192.0.2.20",command="/usr/bin/deploy"'


@pytest.mark.parametrize(
    "options",
    [(HERE, THERE), (HERE, "restrict"), ('expiry-time="20301231"', HERE), ("cert-authority", "restrict")],
)
def test_a_key_may_have_lines_for_other_cases_in_their_order(options: tuple[str, str]) -> None:
    lines = [f"{each} {LINE} jane" for each in options]
    assert authorized_keys(lines).decode().splitlines()[1:] == lines


@pytest.mark.parametrize(
    "options", [("", "restrict"), ("restrict", THERE), (HERE, HERE), ('command="a,from=b"', THERE), ("", "")]
)
def test_a_line_that_sshd_never_comes_to_is_refused(options: tuple[str, str]) -> None:
    with pytest.raises(KeyLineError, match=r"^key 2 is declared twice: sshd would always take its line 1 instead$"):
        authorized_keys([f"{each} {LINE} {number}".strip() for number, each in enumerate(options)])


def test_keys_of_a_file_are_found_between_what_is_none() -> None:
    assert blobs(f"# c\n\n{LINE} a\nnonsense\nssh-rsa {RSA}\n".encode() + b"\xff\n") == {ED25519, RSA}
