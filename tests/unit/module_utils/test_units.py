"""Units of systemd: which steps bring them to the wanted state, and how systemctl's answer is read."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata import units
from ansible.module_utils.strata.units import Status, Step, Systemd, Unit, UnitError

UP = Status(there=True, active=True, enabled=True, since=100.0)
DOWN = Status(there=True)


def plan(unit: Unit, status: Status, *, on_change: str = "restart", due: bool = False, newest: float = 0) -> list[str]:
    return [
        step.verb for step in units.steps([unit], {"a.service": status}, on_change=on_change, due=due, newest=newest)
    ]


@pytest.mark.parametrize(
    ("unit", "status", "expected"),
    [
        (Unit("a.service"), UP, []),
        (Unit("a.service"), DOWN, ["enable", "start"]),
        (Unit("a.service", enabled=None), DOWN, ["start"]),
        (Unit("a.service", started=False, enabled=False), UP, ["disable", "stop"]),
        (Unit("a.service", started=False, enabled=False), DOWN, []),
        (Unit("a.service"), Status(there=True, enabled=True, skipped=True), []),
        (Unit("a.service", started=False, enabled=True), Status(there=True, enabled=True, skipped=True), []),
    ],
)
def test_what_differs_is_put_right(unit: Unit, status: Status, expected: list[str]) -> None:
    assert plan(unit, status) == expected


@pytest.mark.parametrize(
    ("on_change", "due", "newest", "expected"),
    [
        ("restart", True, 0, ["restart"]),
        ("reload", True, 0, ["reload"]),
        ("none", True, 200, []),
        ("restart", False, 99, []),
        ("restart", False, 101, ["restart"]),
        ("reload", False, 101, []),
    ],
)
def test_a_running_unit_gets_what_changed(on_change: str, due: bool, newest: float, expected: list[str]) -> None:
    assert plan(Unit("a.service"), UP, on_change=on_change, due=due, newest=newest) == expected


def test_a_stopped_unit_is_started_and_not_restarted() -> None:
    assert plan(Unit("a.service", enabled=None), DOWN, due=True) == ["start"]
    assert plan(Unit("a.service", started=False, enabled=None), DOWN, due=True) == []


def shown(**properties: str) -> str:
    lines = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled"} | properties
    return "".join(f"{name}={value}\n" for name, value in lines.items())


class Answers:
    """A systemd that gives one answer after the other, the last one for ever."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str]) -> tuple[int, str, str]:
        self.commands.append(command)
        if command[0] == "journalctl":
            return 0, "first\nbad option\n", ""
        if command[1] != "show":
            return 0, "", ""
        return 0, self.answers.pop(0) if len(self.answers) > 1 else self.answers[0], ""


def test_units_are_asked_for_in_one_call() -> None:
    answers = Answers(shown() + "\n" + shown(LoadState="not-found", ActiveState="inactive", UnitFileState=""))
    status = Systemd(answers).status(["a.service", "b.service"])
    assert len(answers.commands) == 1
    assert status["a.service"].active
    assert status["a.service"].enabled
    assert not status["b.service"].there
    assert not status["b.service"].enabled


@pytest.mark.parametrize(
    ("state", "enabled"), [("static", True), ("alias", True), ("masked", False), ("disabled", False)]
)
def test_what_cannot_be_enabled_counts_as_enabled(state: str, enabled: bool) -> None:
    assert Systemd(Answers(shown(UnitFileState=state))).status(["a.service"])["a.service"].enabled == enabled


@pytest.mark.parametrize("code", [0, 1])
def test_the_unit_of_an_init_script_is_enabled_if_its_links_are_there(code: int) -> None:
    def run(command: list[str]) -> tuple[int, str, str]:
        if command[1] == "show":
            return 0, shown(UnitFileState="generated") + "\n" + shown(UnitFileState="enabled"), ""
        assert command == ["systemctl", "is-enabled", "--quiet", "--", "a.service"]
        return code, "", ""

    status = Systemd(run).status(["a.service", "b.service"])
    assert status["a.service"].enabled == (code == 0)
    assert status["b.service"].enabled


def test_no_unit_takes_no_call() -> None:
    answers = Answers("")
    assert Systemd(answers).status([]) == {}
    assert answers.commands == []


@pytest.mark.parametrize("answer", ["", "\n", shown()])
def test_a_systemd_that_does_not_answer_is_named(answer: str) -> None:
    with pytest.raises(UnitError, match=r"^systemctl does not tell how a.service, b.service is: it says nothing$"):
        Systemd(Answers(answer)).status(["a.service", "b.service"])
    with pytest.raises(UnitError, match=r"does not tell how a.service is"):
        Systemd(Answers("")).status(["a.service"])


def test_a_unit_that_fails_while_it_starts_says_why() -> None:
    answers = Answers(shown(ActiveState="activating"), shown(ActiveState="failed"))
    with pytest.raises(UnitError, match=r"^a.service does not run after its restart: first; bad option$"):
        Systemd(answers).do(Step("restart", "a.service"))


def test_a_unit_that_is_started_again_and_again_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "ALIVE", 5)
    answers = Answers(shown(Type="simple", NRestarts="0"), shown(Type="simple", NRestarts="1"))
    with pytest.raises(UnitError, match="does not run after its start"):
        Systemd(answers).do(Step("start", "a.service"))


def test_a_unit_that_its_conditions_skip_is_well() -> None:
    skipped = shown(ActiveState="inactive", ConditionResult="no", ConditionTimestampMonotonic="17")
    Systemd(Answers(skipped)).do(Step("start", "a.service"))
