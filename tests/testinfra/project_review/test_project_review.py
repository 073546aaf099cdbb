"""The review server, as a visitor sees it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from http_client import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from plays import Run
    from testinfra.host import Host

NAME = "review.example.org"
CA = "/etc/ssl/strata/ca.crt"


def test_plain_http_leads_to_tls(host: Host) -> None:
    answer = ask(host, "127.0.0.1", NAME, "/q/1")
    assert (answer["status"], answer["headers"]["Location"]) == (301, f"https://{NAME}/q/1")


def test_gerrit_answers_over_tls_as_itself(host: Host) -> None:
    answer = ask(host, "127.0.0.1", NAME, "/projects/", trusted=host.file(CA).content_string)
    assert answer["status"] == 200
    assert set(json.loads(answer["text"].removeprefix(")]}'"))) >= {"infra/project-config", "infra/system-config"}
    assert "Strict-Transport-Security" in answer["headers"]


@pytest.mark.parametrize("path", ["", "p/"])
def test_a_project_is_cloned(host: Host, path: str) -> None:
    resolve = f"http.curloptResolve={NAME}:443:127.0.0.1"
    seen = host.check_output(
        f"git -c {resolve} -c http.sslCAInfo={CA} ls-remote https://{NAME}/{path}infra/system-config"
    )
    assert "refs/heads/main" in seen


def test_ssh_is_open_to_all(host: Host) -> None:
    rules = host.check_output("iptables -S strata-INPUT").splitlines()
    assert [rule for rule in rules if "--dport 29418 " in rule and rule.endswith("-j ACCEPT")]


@pytest.mark.spread
def test_a_new_certificate_is_served_at_once(host: Host, converge: Callable[..., Run]) -> None:
    pair = "/etc/ssl/strata/review"
    served = f"openssl s_client -connect 127.0.0.1:443 -servername {NAME} </dev/null 2>/dev/null"

    def serial(command: str) -> str:
        return host.check_output(f"{command} | openssl x509 -noout -serial")

    before = serial(served)
    assert before == serial(f"cat {pair}.crt")
    host.check_output(f"rm {pair}.key")  # how the site asks for a new one
    run = converge()
    assert (run.rc, run.changed) == (0, 1), run.output
    assert before != serial(served) == serial(f"cat {pair}.crt")
