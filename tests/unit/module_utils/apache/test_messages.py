"""What Apache's messages mean for files and sites."""

import pytest
from ansible.module_utils.strata.apache import messages
from ansible.module_utils.strata.apache.host import ROOT
from ansible.module_utils.strata.apache.modules import Settings
from ansible.module_utils.strata.apache.vhosts import sites
from ansible.module_utils.strata.files import Change

from .samples import vhost

ENABLED = f"{ROOT}/sites-enabled"


def declared(*names):
    """Return sites with these names."""
    return sites([vhost(name, docroot="/srv/docs") for name in names])


STAGED = "/run/strata-apache-x/apache2"
SYNTAX = f"""AH00526: Syntax error on line 3 of {STAGED}/sites-enabled/25-a.conf:
Invalid command 'Nonsense', perhaps misspelled
Action '-t' failed.
The Apache error log may have more information.
"""
NESTED = (
    f"apache2: Syntax error on line 225 of {ROOT}/apache2.conf: "
    f"Syntax error on line 1 of {ROOT}/sites-enabled/25-a.conf: Syntax error on line 7 of /etc/own.inc: Could not open"
)
UNCLOSED = (
    f"apache2: Syntax error on line 225 of {ROOT}/apache2.conf: "
    f"{ROOT}/sites-enabled/25-a.conf:2: <VirtualHost> was not closed."
)


def test_message_is_apaches_own_with_real_paths():
    assert messages.message(SYNTAX, STAGED) == (
        f"AH00526: Syntax error on line 3 of {ROOT}/sites-enabled/25-a.conf:\n"
        "Invalid command 'Nonsense', perhaps misspelled"
    )


@pytest.mark.parametrize(
    ("text", "file", "site"),
    [
        (messages.message(SYNTAX, STAGED), f"{ENABLED}/25-a.conf", "a"),
        (NESTED, "/etc/own.inc", "a"),
        (UNCLOSED, f"{ENABLED}/25-a.conf", "a"),
        (f"AH00526: Syntax error on line 1 of {ENABLED}/99-hand.conf:\nBad", f"{ENABLED}/99-hand.conf", None),
        ("AH00534: apache2: Configuration error: More than one MPM loaded.", "", None),
    ],
)
def test_message_is_mapped_to_file_and_site(text, file, site):
    found = messages.blamed(text, declared("b", "a"))
    assert messages.location(text) == file
    assert (found.name if found else None) == site


def test_settings_of_a_module_are_blamed():
    settings = Settings("wsgi", "WSGIRestrictStdout Off\n", "app__httpd_modules")
    text = f"AH00526: Syntax error on line 2 of {ROOT}/conf-enabled/strata_module_wsgi.conf:\nInvalid command"
    assert str(messages.blamed(text, [settings])) == "the conf of module wsgi (app__httpd_modules)"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("(98)Address already in use: AH00072: make_sock: could not bind to address [::]:8081", ["b", "listens"]),
        ("AH02572: Failed to configure at least one certificate and key for a.example.org:443", ["a.example.org"]),
        ("AH02562: Failed to configure certificate x:443:0, check /etc/ssl/b.pem", ["b"]),
        ("AH00020: Configuration Failed, exiting", ["changed"]),
    ],
)
def test_dying_words_are_mapped_to_sites(text, names):
    suspected = [
        vhost("a.example.org", docroot="/srv/docs"),
        vhost("b", port=8081, content="SSLCertificateFile /etc/ssl/b.pem"),
        vhost("changed", docroot="/srv/docs"),
        vhost("listens", content="  Listen 192.0.2.1:8081"),
    ]
    changes = [Change(f"{ROOT}/sites-available/25-changed.conf", None, None)]
    found = messages.suspects(text, sites(suspected), changes)
    assert [site.name for site in found] == names


def test_error_log_is_read_for_apaches_own_faults():
    stamp = "[Sat Nov 21 12:05:41.218804 2026]"
    log = "\n".join(
        [
            f"{stamp} [mpm_event:notice] [pid 1:tid 1] AH00493: SIGUSR1 received.  Doing graceful restart",
            f"{stamp} [ssl:emerg] [pid 1:tid 1] AH02562: Failed to configure certificate",
            f"{stamp} [core:error] [pid 1:tid 1] [client 192.0.2.1:99] AH00037: Symbolic link not allowed",
            "(98)Address already in use: AH00072: make_sock: could not bind",
            f"{stamp} [:emerg] [pid 1:tid 1] AH00020: Configuration Failed, exiting",
        ]
    )
    assert messages.log_messages(log) == [
        "AH02562: Failed to configure certificate",
        "(98)Address already in use: AH00072: make_sock: could not bind",
        "AH00020: Configuration Failed, exiting",
    ]


def test_sites_error_logs_are_known():
    text = 'ErrorLog ${APACHE_LOG_DIR}/a.log\n errorlog "/srv/my b.log"\nErrorLog "|/usr/bin/rotate"\nErrorLog syslog\n'
    assert messages.error_logs(sites([vhost(content=text)])) == ["/var/log/apache2/a.log", "/srv/my b.log"]
