"""Check mode touches nothing and predicts exactly what a run does, whatever parameter was changed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from strata.paths import ROOT

SPECS = ROOT / "roles/httpd/meta/argument_specs.yml"
PAIR = "/etc/apache2/strata-tls/25-secure.example.org"
LOG = {"logroot": "/srv/logs", "log_format": "common", "serveraliases": ["b.example.org"], "priority": 60}


def values(host: Any, declared: dict[str, Any]) -> dict[str, Any]:
    """Return other values of all parameters, among them every key of vhosts."""
    certificate, key = (host.file(f"{PAIR}.{end}").content_string for end in ("crt", "key"))
    vhosts = [
        {"name": "a", "docroot": "/var/www", "options": ["+Indexes"], "addresses": ["127.0.0.1"], "port": 81, **LOG},
        {"name": "c", "kind": "redirect", "dest": "https://x.example.org", "permanent": True, "ensure": "present"},
        {
            "name": "d",
            "kind": "proxy",
            "dest": "wss://localhost",
            "dest_ca": f"{PAIR}.crt",
            "websocket": True,
            "preserve_host": True,
            "timeout": 3,
            "exclusions": ["/x"],
            "docroot": "/var/www",
            "auth": {"name": "x", "user_file": "/etc/private.htpasswd"},
        },
        {"name": "e", "kind": "proxy", "dest": "https://localhost", "dest_verify": False},
        {"name": "f", "kind": "uwsgi", "dest": "127.0.0.1:9", "ssl": True, "self_signed": True},
        {
            "name": "g",
            "docroot": "/var/www",
            "ssl": True,
            "certificate": f"{PAIR}.crt",
            "key": f"{PAIR}.key",
            "chain": f"{PAIR}.crt",
            "hsts": 5,
            "redirect_ssl": True,
        },
        {
            "name": "h",
            "docroot": "/var/www",
            "ssl": True,
            "certificate_content": certificate,
            "key_content": key,
        },
        {"name": "i", "content": "# raw"},
        # Stays, because its certificate is used above.
        next(each for each in declared["httpd_vhosts"] if each["name"] == "secure.example.org"),
    ]
    return {
        "httpd_vhosts": vhosts,
        "httpd_modules": ["rewrite", {"name": "expires", "conf": "ExpiresActive On"}],
        "httpd_disabled_modules": ["deflate"],
        "httpd_ports": [80, 82],
        "httpd_disabled_sites": ["000-default", "30-foreign"],
        "httpd_purge": ["sites", "modules", "confs"],
        "httpd_logrotate_options": ["weekly", "rotate 3", "missingok"],
        **{f"httpd_logrotate_{name}": "true" for name in ("firstaction", "prerotate", "postrotate", "lastaction")},
    }


def test_every_parameter_is_among_them(host, declared):
    options = yaml.safe_load(SPECS.read_text())["argument_specs"]["main"]["options"]
    tried = values(host, declared)
    assert set(tried) == {name for name in options if "__" not in name}
    keys = {key for vhost in tried["httpd_vhosts"] for key in vhost}
    # A template is a role's: what it comes to is content.
    assert keys == set(options["httpd_vhosts"]["options"]) - {"template"}


@pytest.mark.usefixtures("original_configuration")
def test_all_parameters_together_are_predicted_there_and_back(host, converge, fingerprint, declared):
    changed = values(host, declared)
    for given in (changed, {}):
        before = fingerprint()
        predicted = converge("--diff", check=True, **given)
        assert fingerprint() == before
        run = converge(**given)
        assert (run.rc, run.changed, predicted.rc, predicted.changed) == (0, 1, 0, 1), run.output
        for key in ("changes", "paths", "service", "foreign"):
            assert predicted.results[-1][key] == run.results[-1][key]
        assert run.results[-1]["service"] == ["restart"]
        assert converge(**given).changed == 0
