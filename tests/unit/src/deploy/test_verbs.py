"""`strata deploy`, `strata hosts` and `strata runs`, as they are called."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

import pytest
from click.testing import CliRunner

from strata.deploy import begin, metrics, settings
from strata.deploy.deploy import Job, Wanted, deploy
from strata.deploy.lock import held
from strata.deploy.state import Store
from strata.errors import StrataError, UsageError
from strata.verbs import deploy as verb
from strata.verbs import hosts, runs

from .conftest import Bastion, FileHosts, git

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import click

    from strata.deploy.begin import Handed


@pytest.fixture
def called(bastion: Bastion, monkeypatch: pytest.MonkeyPatch) -> Bastion:
    """A bastion with settings in a file; the code of a revision is this one, and hosts are files."""
    file = bastion.folder / "deploy.yml"
    metrics = str(bastion.folder / "metrics")
    given = {"url": bastion.settings.url, "inventory": "inventories/sandbox", "stages": ["bastion", "review"]}
    file.write_text(json.dumps(given | {"metrics": metrics, "folder": str(bastion.kept)}))
    monkeypatch.setattr(settings.read, "__defaults__", (file,))

    def hand_over(tree: Path, _program: str, told: Handed, arguments: Sequence[str]) -> NoReturn:
        bastion.said.append(" ".join(arguments))
        wanted = Wanted("--check" in arguments, None, "--all" in arguments)
        job = Job(tree, told.commit, told.trouble, settings.read())
        raise SystemExit(
            not deploy(job, wanted, bastion.store, FileHosts(tree, bastion.folder / "hosts", bastion), print)
        )

    monkeypatch.setattr(begin, "hand_over", hand_over)
    return bastion


def call(command: click.Command, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, arguments)
    if isinstance(done.exception, StrataError):
        raise done.exception
    return done.exit_code, done.output


def test_a_deploy_is_seen_in_runs_hosts_and_metrics(called: Bastion) -> None:
    called.unreachable = {"static2"}
    assert call(verb.command)[0] == 1
    code, output = call(runs.command)
    assert (code, output.split()[-4:]) == (0, ["4", "0", "1", "failed"])
    output = call(runs.command, "show", "1")[1]
    assert "unreachable: no route to host" in output
    output = call(hosts.command)[1]
    rows = {line.split()[0]: line for line in output.splitlines() if line.strip()}
    assert "as deployed" in rows["review1"]
    assert "unreachable: no route to host" in rows["static2"]
    metrics = "".join(path.read_text() for path in (called.folder / "metrics").iterdir())
    for line in (
        "strata_deploy_fetch_failed 0.0",
        'strata_deploy_last_run_hosts{result="changed"} 4.0',
        'strata_deploy_host_failed{host="static2"} 1.0',
    ):
        assert f"\n{line}\n" in metrics
    names = [line.split()[2] for line in metrics.splitlines() if line.startswith("# TYPE")]
    assert sorted(names) == sorted(set(names)), "what stands in two files is refused"
    with pytest.raises(UsageError, match="there is no run 7: the last one is 1"):
        call(runs.command, "show", "7")


def test_nothing_to_do_is_said_and_reads_no_tree(called: Bastion, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(verb.command)[0] == 0
    monkeypatch.setattr(begin, "hand_over", None)
    called.asked.clear()
    code, output = call(verb.command)
    assert (code, called.asked) == (0, [])
    assert output.endswith(": nothing to do\n")


def test_a_branch_that_cannot_be_fetched_is_a_failure_with_nothing_to_do_too(called: Bastion) -> None:
    assert call(verb.command)[0] == 0
    called.origin.root.rename(called.folder / "away")
    code, output = call(verb.command)
    assert (code, "could not be fetched" in output) == (1, True)
    assert "strata_deploy_fetch_failed 1.0" in (called.folder / "metrics/strata_deploy_checked.prom").read_text()


def test_hosts_are_disabled_and_enabled(called: Bastion) -> None:
    with pytest.raises(UsageError, match="nothing was deployed yet"):
        call(hosts.command, "disable", "static1", "--reason", "x")
    call(verb.command)
    assert (
        "until 2099-01-01"
        in call(hosts.command, "disable", "static1", "--reason", "a disk", "--until", "2099-01-01")[1]
    )
    assert "a disk" in call(hosts.command)[1]
    called.commit(static="two")
    assert call(verb.command)[0] == 0
    assert [called.has(host) for host in ("static1", "static2")] == ["one", "two"]
    assert call(hosts.command, "enable", "static1")[0] == 0
    assert call(verb.command)[0] == 0
    assert called.has("static1") == "two"
    for wrong, arguments in {
        "there is no host 'statik1': did you mean 'static1'": ("disable", "statik1", "--reason", "x"),
        "--until: .* is over": ("disable", "static1", "--reason", "x", "--until", "2020-01-01"),
        "--reason: say why": ("disable", "static1", "--reason", " "),
        "static1 is not disabled": ("enable", "static1"),
    }.items():
        with pytest.raises(UsageError, match=wrong):
            call(hosts.command, *arguments)


def test_what_is_halted_goes_on_when_it_is_resumed(called: Bastion) -> None:
    call(verb.command)
    assert "no deploy is at work" in call(verb.command, "--halt")[1]
    called.commit(static="two")
    code, output = call(verb.command)
    assert (code, "halted by" in output) == (0, True)
    assert called.has("static1") == "one"
    assert call(verb.command, "--resume")[0] == 0
    assert called.has("static1") == "two"


def test_a_rollback_is_shown_and_asked_for_first(called: Bastion, monkeypatch: pytest.MonkeyPatch) -> None:
    first = git(called.origin.root, "rev-parse", "HEAD")
    call(verb.command)
    second = called.commit(static="two")
    call(verb.command)
    shown: list[list[str]] = []
    monkeypatch.setattr("strata.processes.run", lambda command, **_: shown.append([str(word) for word in command]))
    assert CliRunner().invoke(verb.command, ["--rollback", first], input="n\n").exit_code == 1
    assert called.has("static1") == "two"
    assert shown[0][1:4] == ["catalog", "diff", f"{second}..{first}"]
    assert CliRunner().invoke(verb.command, ["--rollback", first], input="y\n").exit_code == 0
    assert called.has("static1") == "one"
    assert "rolled back to" in call(verb.command)[1]


def test_wrong_calls_are_a_sentence(called: Bastion, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (("--halt", "--resume"), ("--resume", "--check"), ("--rollback", "x", "--check")):
        with pytest.raises(UsageError, match="exclude each other"):
            call(verb.command, *arguments)
    with held(called.kept), pytest.raises(StrataError, match="another deploy is at work"):
        call(verb.command)
    for said in ("{}", "[]", "x"):
        monkeypatch.setenv(begin.HANDED, said)
        with pytest.raises(StrataError, match="is for `strata deploy` itself"):
            call(verb.command)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("url: x\n", "missing required arguments: inventory"),
        ("{url: x, inventory: y, branches: z}", "branches. Supported parameters include"),
        ("{url: x, inventory: y, serial: 0}", "serial must be 1 or more"),
        ("{url: x, inventory: ../y}", "must be a path in the repository"),
        ("- x\n", "must be settings and their values"),
        ("{", "cannot be read"),
    ],
)
def test_wrong_settings_are_a_sentence(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "deploy.yml").write_text(text)
    with pytest.raises(StrataError, match=wrong):
        settings.read(tmp_path / "deploy.yml")


def test_what_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for doing in (lambda: Store(tmp_path / "file/deploy"), held(tmp_path / "file/deploy").__enter__):
        with pytest.raises(StrataError, match=r"file/deploy: cannot be written: Not a directory"):
            doing()
    with pytest.raises(StrataError, match=r"file: cannot be written: File exists"):
        metrics.checked(tmp_path / "file", fetched=True, held=False)


def test_settings_that_are_not_there_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file: the role bastion writes it"):
        settings.read(tmp_path / "deploy.yml")
