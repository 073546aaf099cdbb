"""A run on a host that has no Apache yet. The real Apache has tests/testinfra."""

import pytest
from ansible.module_utils.strata.apache import run
from ansible.module_utils.strata.errors import DeclarationError

from .samples import params, vhost


class Module:
    """What a run needs of a module: parameters, and nothing that works."""

    def __init__(self, *, check_mode):
        self.params, self.check_mode = params(vhosts=[vhost(docroot="/srv/a")]), check_mode

    def run(self, command, data=b"", **environment):
        raise AssertionError(command, data, environment)


@pytest.fixture(autouse=True)
def not_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "BINARY", str(tmp_path / "apache2"))


def test_check_mode_predicts_all_of_a_first_run():
    result = run.converge(Module(check_mode=True))
    assert result["changed"] is True
    assert result["changes"] == [*result["paths"], "apache2.service: start", "apache2.service: enable"]
    assert {"/etc/apache2/sites-enabled/25-a.example.org.conf", "/etc/apache2/ports.conf"} < {*result["paths"]}
    assert result["service"] == ["start", "enable"]
    assert [each["prepared"] for each in result["diff"][-2:]] == [f"{line}\n" for line in result["changes"][-2:]]


def test_apache_must_be_installed():
    with pytest.raises(DeclarationError, match="apache2 is not installed: the package apache2 must be there"):
        run.converge(Module(check_mode=False))
