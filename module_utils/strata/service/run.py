"""The files and units of one service: plan, check, apply, and go back if it fails."""

from __future__ import annotations

import fnmatch
import os
import shlex
import shutil
import tempfile
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files, listeners
from ansible.module_utils.strata.rollback import KEPT, Rollback, RollbackError, check_delay, script
from ansible.module_utils.strata.service.live import Moves, moves
from ansible.module_utils.strata.units import Step, Systemd, Unit, UnitError, steps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ansible.module_utils.basic import AnsibleModule
    from ansible.module_utils.strata.units import Status

OWED = "/var/lib/strata/owed"
UNIT_FOLDER = "/etc/systemd/system/"


class ServiceError(Exception):
    """The service cannot be brought to the declared state; the text is one sentence for the user."""


class Service:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        """Take the parameters."""
        self.module = module
        self.given = module.params
        self.systemd = Systemd(self.run)
        self.units = [
            Unit(each["name"], each["started"], each["started"] if each["enabled"] is None else each["enabled"])
            for each in self.given["units"]
        ]
        self.ports = {each["name"]: list(map(port, each["listens"])) for each in self.given["units"]}
        self.checks = list(map(words, self.given["checks"]))
        self.commands = list(map(words, self.given["commands"]))
        self.mark = os.path.join(OWED, self.given["name"])
        self.owed = os.path.exists(self.mark)
        self.states = [each | {key: words(each[key]) for key in ("read", "write")} for each in self.given["live"]]
        self.live = Moves([], [])
        self.rollback = Rollback(self.given["name"], self.run)

    def run(self, command: list[str]) -> tuple[int, str, str]:
        """Run a command; return its exit status, output and error output."""
        return self.module.run_command(command, environ_update={"LC_ALL": "C.UTF-8"})

    def converge(self) -> dict[str, Any]:
        """Plan, check, apply; return the module's result.

        Raises:
            ServiceError: it cannot be done; what was there is back.
            RollbackError: it cannot be guarded; nothing was changed.
            UnitError: systemd does not answer; nothing was changed.
            LiveError: a state of the running system cannot be read; nothing was changed.

        """
        delay = check_delay(self.given["rollback_delay"])
        settled = not self.module.check_mode and self.rollback.settle()
        changes = self.masked(files.plan(self.former()) + files.plan(self.desired()))
        status = self.systemd.status([unit.name for unit in self.units])
        absent = [name for name, found in status.items() if not found.there]
        if absent and not self.module.check_mode:
            # Only a unit file of our own may bring a unit that is not there.
            absent = [name for name in absent if not any(c.path == UNIT_FOLDER + name for c in changes)]
            if absent:
                raise ServiceError(f"there is no unit {absent[0]} on this host: install its package first")
        # In check mode: the package that brings a timer starts it, unlike a service, which waits for its configuration.
        status |= {name: replace(status[name], active=True, enabled=True) for name in absent if name.endswith(".timer")}
        due = bool(changes) or self.owed
        todo = steps(self.units, status, on_change=self.given["on_change"], due=due, newest=self.newest())
        todo += self.deaf(status, {step.unit for step in todo})
        self.validate(changes)
        self.live = moves(self.run, self.states)
        commands = [*(self.commands if due else []), *self.live.there]
        result = self.result(changes, [*map(shlex.join, commands), *map(str, todo)])
        if (result["changed"] or self.owed) and not self.module.check_mode:
            result.update(self.apply(changes, todo, status, delay if changes else 0))
        if settled:
            result["changed"] = True
            result["changes"].insert(0, "unconfirmed files of an earlier run taken back")
        return result

    def decide(self, *, keep: bool) -> dict[str, Any]:
        """Keep the unconfirmed files or put the old ones back; return the module's result. Raises RollbackError."""
        change = self.given["change"]
        if keep and self.rollback.was_kept(change):
            return dict(KEPT)
        return self.rollback.keep() if keep and self.rollback.confirm(change) else self.rollback.withdraw()

    def former(self) -> dict[str, files.State]:
        """Return the copies that are still to be made of what was there before the first run; empty for nothing."""
        copies: dict[str, files.State] = {}
        for file in self.given["files"]:
            if file["former"] and not os.path.exists(file["former"]):
                found = files.read(os.path.realpath(file["path"])) or files.File(b"")
                copies[file["former"]] = replace(found, secret=file["secret_content"] is not None)
        return copies

    def deaf(self, status: Mapping[str, Status], busy: Collection[str]) -> list[Step]:
        """Return the restarts of units that run, and to which nothing else is done, but that do not listen."""
        return [
            Step("restart", unit.name)
            for unit in self.units
            if unit.started and status[unit.name].active and unit.name not in busy
            if self.ports[unit.name]
            and listeners.wait(self.run, unit.name, self.ports[unit.name], status[unit.name].since + listeners.PATIENCE)
        ]

    def desired(self) -> dict[str, files.State]:
        """Return the wanted state of each path."""
        found: dict[str, files.State] = {}
        for pattern in self.given["purge"]:
            folder, name = os.path.split(pattern)
            present = os.listdir(folder) if os.path.isdir(folder) else []
            found.update({os.path.join(folder, each): None for each in present if fnmatch.fnmatch(each, name)})
        declared: dict[str, Any] = {}
        for file in self.given["files"]:
            other = declared.setdefault(file["path"], file)
            if other is not file:
                raise ServiceError(f"{label(file)} is declared twice, also by {other['origin'] or 'the same'}")
            found[file["path"]] = self.file(file) if file["ensure"] == "present" else None
        return found

    def masked(self, changes: list[files.Change]) -> list[files.Change]:
        """Return the changes, with what stood in files of secret content kept out of diffs also when they go."""
        secret = {file["path"] for file in self.given["files"] if file["secret_content"] is not None}
        return [
            replace(change, before=replace(change.before, secret=True))
            if change.path in secret and isinstance(change.before, files.File)
            else change
            for change in changes
        ]

    def file(self, file: dict[str, Any]) -> files.File | files.Link:
        """Return one file as it shall be."""
        given = [text for text in (file["content"], file["secret_content"], file["link"]) if text is not None]
        if len(given) != 1:
            raise ServiceError(f"{file['path']}: needs either content, secret_content or link")
        if file["link"] is not None:
            if not self.module.check_mode and not os.path.exists(os.path.join(os.path.dirname(file["path"]), given[0])):
                raise ServiceError(f"{file['path']}: there is no {given[0]} on this host")
            return files.Link(given[0])
        try:
            mode = int(file["mode"], 8)
        except ValueError:
            raise ServiceError(f"{file['path']}: mode {file['mode']!r} must be octal, such as '0644'") from None
        try:
            uid = files.owner_id("user", file["owner"], check=self.module.check_mode)
            gid = files.owner_id("group", file["group"], check=self.module.check_mode)
        except files.OwnerError as error:
            raise ServiceError(f"{file['path']}: {error}") from None
        return files.File(given[0].encode(), mode, uid, gid, secret=file["secret_content"] is not None)

    def newest(self) -> float:
        """Return when the newest of the files was written; one from the future does not count."""
        now = time.time()
        times = [os.stat(each["path"]).st_mtime for each in self.given["files"] if os.path.exists(each["path"])]
        return max((each for each in times if each <= now), default=0)

    def validate(self, changes: list[files.Change]) -> None:
        """Let each changed file be checked in a place of its own.

        Raises:
            ServiceError: one is refused.

        """
        wanted = {each["path"]: each for each in self.given["files"] if each["validate"]}
        with tempfile.TemporaryDirectory(prefix="strata-") as folder:
            for change in changes:
                if change.path not in wanted or not isinstance(change.after, files.File):
                    continue
                command = words(wanted[change.path]["validate"])
                if self.module.check_mode and not shutil.which(command[0]):
                    continue  # an earlier task brings it
                copy = os.path.join(folder, os.path.basename(change.path))
                with open(copy, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
                    stream.write(change.after.content)
                code, out, err = self.run([word.replace("%s", copy) for word in command])
                if code:
                    said = (err or out).strip().replace(copy, change.path)
                    raise ServiceError(f"{label(wanted[change.path])} is refused by {command[0]}: {said}")

    def apply(
        self, changes: list[files.Change], todo: list[Step], before: Mapping[str, Status], guard: int
    ) -> dict[str, Any]:
        """Write the files, check them and take the steps; without a confirmation in `guard` seconds they are undone.

        Return what the control side must know to confirm them.

        Raises:
            ServiceError: something failed, and the old files are back.
            RollbackError: there is no guard, and nothing was changed.

        """
        name = self.rollback.arm(guard, script(self.undoing(changes, before))) if guard else ""
        try:
            self.remember(changes)
        except OSError as error:
            if guard:
                self.rollback.disarm()
            raise ServiceError(f"{self.mark}: {error.strerror or error}; nothing was changed") from error
        try:
            files.apply(changes)
            self.settle(changes, self.checks)
            self.succeed(self.live.there)
            began = time.time()
            for step in todo:
                self.systemd.do(step)
            self.listen(began)
            if guard:
                self.rollback.require_pending(guard)
        except (ServiceError, RollbackError, UnitError, OSError) as error:
            fate = self.go_back(changes, before)
            if guard:
                self.rollback.disarm()
            raise ServiceError(f"{error}; {fate}") from error
        self.forget()
        return {"unconfirmed": guard, "change": name} if guard else {}

    def remember(self, changes: list[files.Change]) -> None:
        """Note that all is to be done that follows from the files, and how they come back if that fails after all.

        What a killed run noted stays behind that: its files were never checked.
        """
        noted = files.read(self.mark)
        owed = noted.content if isinstance(noted, files.File) else b""
        files.apply([files.Change(self.mark, noted, files.File(files.undoing(changes).encode() + owed, 0o600))])

    def settle(self, changes: list[files.Change], checks: list[list[str]]) -> None:
        """If files changed, or did in a run that was killed, check them and bring them into force.

        Raises:
            ServiceError: a check or a command fails.

        """
        if self.owed or any(change.path.startswith(UNIT_FOLDER) for change in changes):
            self.systemd.reload_manager()
        self.succeed([*checks, *self.commands] if changes or self.owed else [])

    def succeed(self, commands: list[list[str]]) -> None:
        """Run commands. Raises ServiceError with what the first says that fails."""
        for command in commands:
            code, out, err = self.run(command)
            if code:
                raise ServiceError(f"{shlex.join(command)} ends with status {code}: {(err or out).strip()}")

    def listen(self, began: float) -> None:
        """Wait until the units, whose steps began at a time, listen at their ports. Raises UnitError."""
        wanted = [unit.name for unit in self.units if unit.started and self.ports[unit.name]]
        for name, status in self.systemd.status(wanted).items():
            until = time.time() + listeners.PATIENCE
            absent = [] if status.skipped else listeners.wait(self.run, name, self.ports[name], until)
            if absent:
                said = self.systemd.said(name, int(began)) or "it says nothing"
                raise UnitError(f"{name} does not listen at {', '.join(map(str, absent))}: {said}")

    def undoing(self, changes: list[files.Change], before: Mapping[str, Status]) -> str:
        """Return the shell commands that do what `go_back` does."""
        verb = {"reload": "reload-or-restart", "restart": "restart", "none": "start"}[self.given["on_change"]]
        commands = [["systemctl", "daemon-reload"], *self.commands, *self.live.back]
        for unit in self.units:
            was = before[unit.name]
            if unit.enabled is not None and unit.enabled != was.enabled:
                commands.append(["systemctl", "enable" if was.enabled else "disable", unit.name])
            if was.active or unit.started:
                commands.append(["systemctl", verb if was.active else "stop", unit.name])
        return files.undoing(changes) + "".join(f"{shlex.join(command)} || status=1\n" for command in commands)

    def go_back(self, changes: list[files.Change], before: Mapping[str, Status]) -> str:
        """Put the old files in force again, and the units as they were; return a sentence about how that went."""
        former = [Unit(unit.name, before[unit.name].active, before[unit.name].enabled) for unit in self.units]
        failures = attempt(self.end, former)
        lost = [text for change in reversed(changes) for text in attempt(put_back, change)] + attempt(self.undo_owed)
        if lost:
            return f"not all of the old files could be put back: {'; '.join(lost)}"
        back = "the old files are back" if changes or self.owed else "nothing else was changed"
        failures += attempt(self.settle, changes, []) or attempt(self.succeed, self.live.back)
        failures += [] if failures else attempt(self.resume, former)
        if failures:
            return f"{back}, but the service does not run as before: {'; '.join(failures)}"
        self.forget()
        return f"{back} in force" if changes or self.owed else back

    def end(self, former: list[Unit]) -> None:
        """End what did not run, while the files are there that it was started with. Raises UnitError."""
        now = self.systemd.status([unit.name for unit in former])
        # One that fails again and again would come up as soon as the old files are back.
        status = {name: replace(each, active=each.active or each.starting) for name, each in now.items()}
        for step in steps(former, status, on_change="none", due=False, newest=0):
            if step.verb in {"stop", "disable"}:
                self.systemd.do(step)

    def resume(self, former: list[Unit]) -> None:
        """Let units run as they did, with the files that are back. Raises UnitError."""
        status = self.systemd.status([unit.name for unit in former])
        for step in steps(former, status, on_change=self.given["on_change"], due=True, newest=0):
            self.systemd.do(step)

    def undo_owed(self) -> None:
        """Put back what was there before a run that was killed. Raises ServiceError."""
        if self.owed:
            code, _, err = self.run(["sh", "-c", f"umask 077; status=0; . {shlex.quote(self.mark)}; exit $status"])
            if code:
                raise ServiceError(err.strip())

    def forget(self) -> None:
        """Forget what was owed."""
        os.unlink(self.mark)
        if not os.listdir(OWED):
            os.rmdir(OWED)

    def result(self, changes: list[files.Change], done: list[str]) -> dict[str, Any]:
        """Return the module's result."""
        diff = files.diff(changes) + [{"prepared": f"{each}\n"} for each in done]
        names = [change.path for change in changes] + done
        return {"changed": bool(names), "changes": names, "diff": diff}


def put_back(change: files.Change) -> None:
    """Bring a path back to its old state, if it has another one."""
    files.apply(files.plan({change.path: change.before}))


def attempt(action: Callable[..., None], *given: Any) -> list[str]:
    """Do something that may fail; return what went wrong, if it did."""
    try:
        action(*given)
    except (ServiceError, UnitError, OSError) as error:
        return [str(error)]
    return []


def words(command: str) -> list[str]:
    """Return the words of a command. Raises ServiceError."""
    try:
        found = shlex.split(command)
    except ValueError as error:
        raise ServiceError(f"{command!r} is no command: {error}") from None
    if not found:
        raise ServiceError(f"{command!r} is no command")
    return found


def port(text: str) -> listeners.Port:
    """Return a port at which a unit shall listen. Raises ServiceError."""
    try:
        return listeners.port(text)
    except ValueError as error:
        raise ServiceError(f"listens: {error}") from None


def label(file: dict[str, Any]) -> str:
    """Return the path of a file, and the variable that asks for it, if that is known."""
    return f"{file['path']} ({file['origin']})" if file["origin"] else str(file["path"])
