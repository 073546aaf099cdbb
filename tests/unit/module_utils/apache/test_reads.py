"""Which files Apache reads besides its configuration, and whether it has read what is there."""

import os

import pytest
from ansible.module_utils.strata.apache import reads
from ansible.module_utils.strata.apache.vhosts import Site


def site(text):
    return Site("a.example.org", "25-a.conf", (443,), text, "httpd_vhosts")


@pytest.fixture
def loaded(tmp_path):
    """Return a function that makes the file of Apache's that says when it has read all others."""

    def now(*older):
        path = tmp_path / "apache2.pid"
        path.touch()
        newest = max(max(each.lstat().st_ctime_ns, each.stat().st_ctime_ns) for each in older)
        os.utime(path, ns=(newest, newest))
        return str(path)

    return now


def test_certificate_that_apache_has_read_is_not_renewed(tmp_path, loaded):
    names = ("my crt", "key", "ca")
    for name in names:
        (tmp_path / name).write_text("old")
    text = f'SSLCertificateFile "{tmp_path}/my crt"\n sslcertificatekeyfile "{tmp_path}/key"\n'
    text += f"SSLProxyCACertificateFile {tmp_path}/ca\nSSLCertificateFile ${{X}}/a\n# SSLCertificateFile /b\n"
    seen = loaded(*(tmp_path / name for name in names))
    assert reads.renewed([site(text)], seen) == []
    for name in names:
        path = tmp_path / name
        times = path.stat()
        os.utime(seen, ns=(times.st_ctime_ns - 1, times.st_ctime_ns - 1))
        path.write_text("new")
        os.utime(path, ns=(0, 0))  # as a copy that keeps the times
        assert str(path) in reads.renewed([site(text)], seen)


def test_link_that_leads_elsewhere_is_renewed(tmp_path, loaded):
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    link = tmp_path / "live"
    link.symlink_to("one")
    seen = loaded(link)
    text = f"SSLCertificateFile {link}"
    assert reads.renewed([site(text)], seen) == []
    os.utime(seen, ns=(link.lstat().st_ctime_ns - 1,) * 2)
    assert reads.renewed([site(text)], seen) == [str(link)]


def test_nothing_is_renewed_of_what_is_not_there(tmp_path, loaded):
    (tmp_path / "x").touch()
    assert reads.renewed([site("SSLCertificateFile /etc/none")], loaded(tmp_path / "x")) == []
    assert reads.renewed([site("SSLCertificateFile /etc/hostname")], "/run/none/apache2.pid") == []


def test_file_of_users_that_is_missing_is_named():
    text = 'AuthUserFile "/etc/none.htpasswd"\nAuthUserFile ${X}/y\n# AuthUserFile /z'
    assert reads.unreadable([site(text), site("")]) == [
        "vhost a.example.org (httpd_vhosts): there is no file of users /etc/none.htpasswd."
    ]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_file_of_users_is_tried_as_apaches_user():
    readable, secret = "/etc/hostname", "/etc/shadow"
    found = reads.unreadable([site(f"AuthUserFile {readable}\nAuthUserFile {secret}")])
    assert len(found) == 1
    assert f"the user www-data cannot read {secret}" in found[0]
    assert os.geteuid() == 0
