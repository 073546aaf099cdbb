"""The file of the role rsyslog."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible.errors import AnsibleError

from .rendering import render

TARGET = {"target": "logs.example.org"}


def config(**values: Any) -> str:
    return "\n".join(render("rsyslog", "strata.conf.j2", **values))


def test_each_port_of_a_log_host_has_a_queue_of_its_own() -> None:
    text = config(rsyslog_send_to=[TARGET, TARGET | {"port": 6515, "selector": "auth,authpriv.*"}, {"target": "b"}])
    assert re.findall(r'queue\.fileName="(.*)"', text) == [
        "strata-logs.example.org",
        "strata-logs.example.org-6515",
        "strata-b",
    ]
    assert re.findall(r' port="(.*)"', text) == ["6514", "6515", "6514"]
    assert "\nauth,authpriv.* action(\n" in text


@pytest.mark.parametrize("port", [{}, {"port": 6514}])
def test_one_port_has_one_item(port: dict[str, int]) -> None:
    with pytest.raises(AnsibleError, match="rsyslog_send_to: a target has one item for each port: join the selectors"):
        config(rsyslog_send_to=[TARGET, TARGET | port | {"selector": "auth.*"}])


def test_names_of_peers_stay_as_they_are() -> None:
    text = config(rsyslog_receive=True, rsyslog_receive_peers=["bücher.example.org"], rsyslog_ca_file="/a.crt")
    assert 'permittedPeer=["bücher.example.org"]' in text
