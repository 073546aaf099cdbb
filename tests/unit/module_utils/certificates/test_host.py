"""What a host has of certificates, and what is put right of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.strata.certificates.declared import CertificatesError

from .fake import OWN, WEB, Host, refuse


def test_a_root_that_the_system_forgot_is_trusted_again(host: Host) -> None:
    host.converge(WEB)
    (host.folder / "bundle").write_text("")
    assert host.call(WEB)["changes"] == ["update-ca-certificates --fresh"]
    assert not host.call(WEB)["changed"]


def test_the_folder_is_for_root_to_write_and_all_to_read(host: Host) -> None:
    host.converge(OWN)
    (host.folder / "tls").chmod(0o777)
    assert host.call(OWN, check=True)["changes"] == host.call(OWN)["changes"] == [str(host.folder / "tls")]
    assert (host.folder / "tls").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (WEB | {"owner": "nobody-at-all"}, "there is no user nobody-at-all on this host"),
        (WEB | {"group": "nobody-at-all"}, "there is no group nobody-at-all on this host"),
    ],
)
def test_an_owner_that_a_host_does_not_have_is_named_before_anything_changes(
    host: Host, item: dict[str, Any], message: str
) -> None:
    refuse(host, item, CertificatesError, message)
