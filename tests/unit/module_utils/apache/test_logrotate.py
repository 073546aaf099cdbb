"""The file that says how the sites' logs are rotated, and whose fault it is when logrotate refuses it."""

import os
import shutil
import subprocess

import pytest
from ansible.module_utils.strata.apache import logrotate
from ansible.module_utils.strata.apache.vhosts import Site


def params(*options, **scripts):
    return {"logrotate_options": list(options)} | {
        f"logrotate_{name}": scripts.get(name, "") for name in logrotate.SCRIPTS
    }


def site(text):
    return Site("a", "25-a.conf", (80,), text, "")


def text(*arguments):
    return "".join(f"{line.text}\n" for line in logrotate.lines(*arguments))


def test_all_logs_are_covered_once():
    lines = """
        ErrorLog "/srv/logs/a_error.log"
        CustomLog "/srv/logs/a_access.log" combined
        customlog /srv/logs/a_access.log "%h"
        TransferLog /srv//t.log
        ErrorLog "${APACHE_LOG_DIR}/a_error.log"
        CustomLog /var/log/apache2/a_access.log combined
        CustomLog ${APACHE_LOG_DIR}/sub/a.log combined
        CustomLog ${APACHE_LOG_DIR}/strange combined
        CustomLog "|/usr/bin/logger -t a" combined
        CustomLog /dev/stdout combined
        ErrorLog syslog:local1
        CustomLog ${ELSEWHERE}/a.log combined
        # CustomLog /srv/logs/no.log combined
        CustomLogFormat /srv/logs/no.log
    """
    assert logrotate.logs([site(lines), site("ErrorLog /srv/logs/b.log")]) == [
        "/srv/logs/a_access.log",
        "/srv/logs/a_error.log",
        "/srv/logs/b.log",
        "/srv/t.log",
        "/var/log/apache2/strange",
        "/var/log/apache2/sub/a.log",
    ]


def test_scripts_come_with_what_must_always_happen():
    found = text(params("weekly", "size=4k", lastaction="echo done\n", postrotate="echo mine"), ["/srv/a.log"])
    assert found.startswith(
        '# Managed by Strata: changes made here are overwritten\n"/var/log/apache2/*.log" "/srv/a.log" {\n'
    )
    assert "    weekly\n    size=4k\n    sharedscripts\n" in found
    assert "systemctl reload apache2; fi\necho mine\n    endscript\n" in found
    assert "    lastaction\necho done\n    endscript\n}\n" in found
    assert "httpd-prerotate" in found
    assert "firstaction" not in found


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (params("weekly\nrotate 4"), "logrotate_options: 'weekly"),
        (params("}"), "logrotate_options: '}' is not an option"),
        (params("postrotate"), "logrotate_options: 'postrotate' is not an option"),
        (params("# x"), "is not an option"),
        (params("olddir {"), "is not an option"),
        (params(prerotate="true\n  endscript\n}"), "logrotate_prerotate: a script has no line `endscript`"),
    ],
)
def test_what_would_break_out_is_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        logrotate.lines(bad, [])


OUTPUT = """\
warning: logrotate in debug mode does nothing except printing debug messages!
reading config file /run/staged
warning: /run/staged:4 unknown option 'rotat' -- ignoring line
error: /run/staged:3 bad rotation count 'x'
error: found error in "/var/log/apache2/*.log" , skipping
error: /run/staged:2 duplicate log entry for /srv/a.log
error: /etc/logrotate.d/other:1 unknown unit 'q'
error: stat of /srv/none failed: No such file or directory
error: skipping "/srv/a.log" because parent directory has insecure permissions
"""


def test_errors_name_the_parameter():
    wanted = logrotate.lines(params("rotate x", "rotat 5"), [])
    found = logrotate.errors(OUTPUT, "/run/staged", wanted, with_others=True)
    assert found == [
        "logrotate_options: logrotate refuses 'rotat 5': unknown option 'rotat' -- ignoring line",
        "logrotate_options: logrotate refuses 'rotate x': bad rotation count 'x'",
        "the logs of the vhosts: duplicate log entry for /srv/a.log",
    ]
    assert any(
        "insecure permissions" in each for each in logrotate.errors(OUTPUT, "/run/staged", wanted, with_others=False)
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to users, which only root can")
@pytest.mark.parametrize("owner", [0, 54321])
def test_log_below_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch, owner):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    (tmp_path / "logs").mkdir()
    os.chown(tmp_path / "logs", owner, owner)
    sites = [site(f'ErrorLog "{tmp_path}/logs/a.log"')]
    if not owner:
        assert logrotate.plan(None, params("weekly"), sites, check_mode=True)
        return
    with pytest.raises(ValueError, match=f"a.log is below {tmp_path}/logs, which others than root can change"):
        logrotate.plan(None, params("weekly"), sites, check_mode=True)


@pytest.mark.parametrize("name", logrotate.SCRIPTS)
def test_broken_script_is_named(name, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/sbin/logrotate")

    def run(command, data=None):
        done = subprocess.run(command, input=data, capture_output=True, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    with pytest.raises(ValueError, match=rf"logrotate_{name}: the shell refuses it: .*nothing was changed"):
        logrotate.plan(run, params(**{name: "if true"}), [], check_mode=False)


def test_host_without_logrotate(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert logrotate.plan(None, params("weekly"), [], check_mode=True)[0].path == logrotate.PATH
    with pytest.raises(ValueError, match="logrotate is not installed"):
        logrotate.plan(None, params("weekly"), [], check_mode=False)
    assert logrotate.plan(None, params() | {"logrotate_options": None}, [], check_mode=False) == []


def test_logs_that_apache_has_open_and_nothing_rotates_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/sbin/logrotate")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/apache2").write_text(f'"{tmp_path}/logs/*.log" {{\n    daily\n}}\n')
    for name in ("other.dpkg-old", "an other.local"):
        (tmp_path / "folder" / name).write_text(f"{tmp_path}/hidden\n")
    (tmp_path / "logs").mkdir()
    names = ("logs/a.log", "hidden", "read")
    modes = ("a", "a", "w")
    streams = [(tmp_path / name).open(mode) for name, mode in zip(names, modes, strict=True)]

    def run(_command):
        return (
            0,
            "",
            (
                "Ignoring other.dpkg-old, because of *.dpkg-old pattern match\n"
                "Ignoring an other.local, because of *.local pattern match\nreading config file apache2\n"
            ),
        )

    try:
        mine = [path for path in logrotate.unrotated(run, "self", str(tmp_path / "folder")) if str(tmp_path) in path]
    finally:
        for stream in streams:
            stream.close()
    assert mine == [str(tmp_path / "hidden")]
