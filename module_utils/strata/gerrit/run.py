"""One run over the whole Gerrit of a host: plan, fetch, apply, check, and go back if it does not serve."""

from __future__ import annotations

import os
import re
import shlex
import time
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files
from ansible.module_utils.strata.gerrit import config as gerrit_config
from ansible.module_utils.strata.gerrit import declared as plan
from ansible.module_utils.strata.gerrit import jars, service
from ansible.module_utils.strata.gerrit.config import ConfigError
from ansible.module_utils.strata.gerrit.jars import JarError, Move
from ansible.module_utils.strata.gerrit.projects.plan import ProjectsError
from ansible.module_utils.strata.gerrit.projects.site import KEYS, acting_as, read_site
from ansible.module_utils.strata.gerrit.projects.ssh import Gerrit
from ansible.module_utils.strata.gerrit.service import NotServingError
from ansible.module_utils.strata.gerrit.undo import Undo
from ansible.module_utils.strata.units import UnitError

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

UNDO = ".strata-undo"
#: Gerrit's own command, in place of a verb of systemd.
RELOAD = "reload-config"
#: What `init` changes besides the files that are declared, so that an older Gerrit would not start any more.
SCHEMA = ("All-Projects.git", "All-Users.git")
UNITS = {
    "ms": 0.001,
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hr": 3600,
    "hour": 3600,
}
DEFAULT_SCAN = 60
#: What Gerrit's user says of keys is put into a file that others trust: nothing but a type and base64 gets there.
PUBLIC_KEY = re.compile(r"^(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/]+={0,2}", re.MULTILINE)
MOST_OF_A_KEY = 4096
#: Seconds that plugins may take to load after Gerrit has seen them.
LOADING = 30


class GerritError(Exception):
    """Gerrit cannot be brought to the declared state; the text is one sentence for the user."""


class Run:
    """What is declared, what is there, and the tools to bring the one to the other."""

    def __init__(self, module: AnsibleModule) -> None:
        """Read the declarations.

        Raises:
            ConfigError, JarError, OwnerError: they are not valid.

        """
        self.module = module
        self.params: dict[str, Any] = module.params
        self.jars = jars.declared(self.params)
        uid = files.owner_id("user", self.params["user"], check=module.check_mode)
        gid = files.owner_id("group", self.params["group"], check=module.check_mode)
        self.site = plan.Site(self.params, self.run, uid, gid)
        self.addresses = service.addresses(self.site.config)
        self.service = service.Service(self.run, self.site.path, self.params["patience"])
        self.undo = Undo(os.path.join(self.site.path, UNDO))
        self.state = plan.State.read()

    def run(self, command: list[str]) -> tuple[int, str, str]:
        """Run a command; return its exit status, output and error output."""
        # Not where the module was called: Gerrit's user may have no way there.
        return self.module.run_command(command, cwd="/", environ_update={"LC_ALL": "C.UTF-8"})

    def converge(self) -> dict[str, Any]:
        """Bring Gerrit to the declared state; return the module's result.

        Raises:
            GerritError: it does not serve with it; what was there is back.
            ConfigError, JarError, UnitError, OSError: it cannot be tried; nothing of the site was touched.

        """
        there = jars.installed(self.site.path, self.jars)
        war = self.have_war(there)
        if isinstance(war, dict):
            return war
        self.check_java(war)
        if war:
            self.jars = [jars.of_the_war(war, jar) if jar.member else jar for jar in self.jars]
        moves = jars.moves(there, self.jars)
        former = sorted({*self.state.files} - {*self.site.declared()})
        changes = plan.masked(files.plan(self.site.desired(former)))
        folders = self.site.folders()
        init = self.jars[0].sha256 != self.state.initialised
        status = self.service.status()
        verb = self.verb(changes, moves, init=init, active=status.active)
        live = moves if verb in {"", RELOAD} else []
        done = [f"{path}: folder" for path in folders] + [str(move) for move in moves] + ["init"] * init
        done += [f"{service.UNIT}: {verb}"] * bool(verb) + [f"{service.UNIT}: enable"] * (not status.enabled)
        result = self.result(changes, done)
        if self.module.check_mode or not (result["changed"] or self.undo.pending):
            return result
        for move in moves:
            if move.jar:
                jars.fetch(move.jar, war)
        self.apply(folders, changes, moves, init=init, verb=verb, live=live, was_active=status.active)
        return result

    def have_war(self, there: dict[str, str]) -> str | dict[str, Any]:
        """Return where the WAR is, after fetching what is declared; in check mode nothing, if it isn't there yet.

        What only the control side has, and nobody has sent yet, is asked for instead.

        Raises:
            JarError: it cannot be had.

        """
        absent = [jar for jar in self.jars if jar.sha256 and there.get(jar.place) != jar.sha256]
        absent = [jar for jar in absent if jars.digest(jar.cached) != jar.sha256]
        if not self.module.check_mode:
            if missing := [jar.sha256 for jar in absent if not jar.url]:
                return {"changed": False, "missing": missing, "folder": jars.CACHE}
            for jar in absent:
                jars.fetch(jar, "")
        elif self.jars[0] in absent:
            return ""
        war = self.jars[0]
        return os.path.join(self.site.path, war.place) if there.get(war.place) == war.sha256 else war.cached

    def check_java(self, war: str) -> None:
        """Check that the host's Java runs this Gerrit.

        Raises:
            JarError: it doesn't. (In check mode a missing one may be yet to come.)

        """
        program = self.params["java"]
        found = jars.java_found(program)
        if found is None and not self.module.check_mode:
            raise JarError(f"there is no Java at {program}: install its package first; nothing was changed")
        if war and found is not None:
            version = jars.version(war)
            if found < (needed := jars.java_needed(version)):
                raise JarError(
                    f"Gerrit {version} needs Java {needed}, and {program} is Java {found}; nothing was changed"
                )

    def verb(self, changes: list[files.Change], moves: list[Move], *, init: bool, active: bool) -> str:
        """Return what the server needs: a start, a restart, or nothing."""
        if not active:
            return "start"
        if init or self.undo.pending or self.site.needs_restart(changes) or not self.can_load(moves):
            return "restart"
        if self.site.needs_reload(changes):
            return RELOAD
        # Whether one serves to which nothing happens.
        return "" if changes or moves or self.service.serves(self.addresses) else "restart"

    def can_load(self, moves: list[Move]) -> bool:
        """Return whether a running Gerrit finds all of these by itself; it doesn't when its last plugin goes."""
        gone = [move for move in moves if not move.jar]
        left = any(jar.place.startswith("plugins/") for jar in self.jars)
        plugins = all(move.place.startswith("plugins/") for move in moves)
        return plugins and (left or not gone) and (not moves or self.scan_interval() > 0)

    def scan_interval(self) -> float:
        """Return the seconds after which Gerrit looks for changed plugins again; 0 if it never does."""
        text = self.site.value("plugins", "checkFrequency", f"{DEFAULT_SCAN} s")
        found = re.fullmatch(r"([0-9]+)\s*([a-z]*)", text.strip().lower())
        unit = (UNITS.get(found[2] or "ms") or UNITS.get(found[2].removesuffix("s"))) if found else None
        return int(found[1]) * unit if found and unit else 0

    def apply(
        self,
        folders: dict[str, int],
        changes: list[files.Change],
        moves: list[Move],
        *,
        init: bool,
        verb: str,
        live: list[Move],
        was_active: bool,
    ) -> None:
        """Make the changes and see that Gerrit serves with them.

        Raises:
            GerritError: it doesn't; what was there is back.

        """
        owed = self.undo.pending
        for path, mode in folders.items():
            os.makedirs(path, mode=mode, exist_ok=True)
            os.chown(path, self.site.uid, self.site.gid)
            os.chmod(path, mode)
        self.undo.keep([change.path for change in changes] + [os.path.join(self.site.path, m.place) for m in moves])
        mark = self.service.mark()
        try:
            if init and was_active:
                self.service.do("stop")
            if init:
                self.undo.keep(self.touched_by_init())
            self.put(changes, moves)
            if init:
                self.init()
            if verb == RELOAD:
                self.reload()
            if verb not in {"", RELOAD}:
                self.start("start" if init else verb)
            else:
                self.wait_loaded(live, mark)
            if not self.service.status().enabled:
                self.service.do("enable")
            plan.State(self.jars[0].sha256, self.site.declared()).write()
        except (NotServingError, UnitError, JarError, GerritError, OSError) as error:
            fate = self.go_back(run_again=was_active or owed, stop=bool(verb))
            raise GerritError(f"{error}; {fate}") from error
        self.undo.forget()
        jars.forget(self.jars)

    def put(self, changes: list[files.Change], moves: list[Move]) -> None:
        """Put files in their places. Raises OSError."""
        for move in moves:
            path = os.path.join(self.site.path, move.place)
            if move.jar:
                jars.place(move.jar, path, self.site.uid, self.site.gid)
            else:
                os.unlink(path)
        files.apply(changes)
        self.service.systemd.reload_manager()

    def touched_by_init(self) -> list[str]:
        """Return what `init` may change, so that it is kept before."""
        index = os.path.join(self.site.path, "index")
        config = os.path.join(index, "gerrit_index.config")
        names = [plan.CONFIG, plan.SECURE, "bin/gerrit.sh"]
        return [
            *(os.path.join(self.site.path, name) for name in names),
            *(os.path.join(self.site.repositories, name) for name in SCHEMA),
            config if os.path.exists(config) else index,
        ]

    def init(self) -> None:
        """Let the WAR prepare the site for its version, and put back what that changes of the declared files.

        Raises:
            GerritError: it fails.

        """
        self.program("init", "--batch", "--no-auto-start", "--skip-plugins")
        self.put(files.plan(self.site.desired([])), [])

    def start(self, verb: str) -> None:
        """Start or restart Gerrit; if it says that it lacks an index, make that first.

        Raises:
            NotServingError: it does not serve.

        """
        mark = self.service.mark()
        try:
            self.service.start(self.addresses, verb)
        except NotServingError:
            lacking = {name for name in service.NO_INDEX.findall(self.service.logged(mark)) if name}
            if not lacking:
                raise
            self.service.do("stop")
            self.program("reindex", *(f"--index={name}" for name in sorted(lacking)))
            self.service.start(self.addresses)

    def reload(self) -> None:
        """Have Gerrit take over what it can of its configuration while it runs. Raises GerritError."""
        user = self.params["user"]
        try:
            with acting_as(user), Gerrit(read_site(self.site.path, user), account="") as gerrit:
                gerrit.ask("gerrit", "reload-config")
        except ProjectsError as error:
            raise GerritError(str(error)) from error

    def program(self, name: str, *options: str) -> None:
        """Run a program of the WAR as Gerrit's user. Raises GerritError with what it says."""
        heap = self.site.value("container", "heapLimit")
        options_of_java = gerrit_config.values(self.site.config, "container", "javaOptions")
        java = [self.params["java"], *([f"-Xmx{heap}"] if heap else []), *options_of_java]
        command = [*java, "-jar", os.path.join(self.site.path, jars.WAR), name, "-d", self.site.path, *options]
        code, out, err = self.run(["runuser", "-u", self.params["user"], "--", *command])
        if code:
            said = service.telling(out + err) or (err or out).strip()[-500:]
            raise GerritError(f"gerrit.war {shlex.join([name, *options])} ends with status {code}: {said}")

    def wait_loaded(self, moves: list[Move], mark: dict[str, tuple[int, int]]) -> None:
        """Wait until Gerrit has loaded changed plugins by itself; if it doesn't see them, restart it.

        Raises:
            NotServingError: it cannot load one.

        """
        names = {os.path.basename(move.place)[:-4]: "Loaded|Reloaded" if move.jar else "Unloading" for move in moves}
        deadline = time.monotonic() + self.scan_interval() + LOADING
        while names:
            said = self.service.logged(mark)
            if refused := re.findall("Cannot load plugin (.*)", said):
                raise NotServingError(f"Gerrit cannot load the plugin {refused[0]}: {service.telling(said)}")
            names = {
                n: verbs for n, verbs in names.items() if not re.search(f"(?:{verbs}) plugin {re.escape(n)},", said)
            }
            if names and time.monotonic() > deadline:
                self.service.start(self.addresses, "restart")
                return
            time.sleep(service.PAUSE)

    def go_back(self, *, run_again: bool, stop: bool) -> str:
        """Put back what was there, and let Gerrit serve with it if it did; return a sentence about how that went."""
        failures = []
        try:
            if stop:
                self.service.do("stop")
        except UnitError as error:
            failures.append(str(error))
        failures += self.undo.restore()
        if failures:
            return f"not all could be put back: {'; '.join(failures)}"
        self.service.systemd.reload_manager()
        back = "what was there before is back"
        if stop and run_again and os.path.exists(os.path.join(self.site.path, jars.WAR)):
            try:
                self.service.start(service.addresses(self.site.present()))
            except (NotServingError, ConfigError) as error:
                return f"{back}, but Gerrit does not serve with it: {error}"
            back += " and serves"
        self.undo.forget()
        return back

    def ssh_services(self) -> list[dict[str, Any]]:
        """Return the port of Gerrit's own SSH server, and its public keys, as far as there are any yet."""
        keys: list[str] = []
        for path in (os.path.join(self.site.path, "etc", f"ssh_host_{kind}_key.pub") for kind in KEYS):
            if os.path.isfile(path):
                with open(path, encoding="ascii", errors="replace") as stream:
                    keys += [found[0] for found in PUBLIC_KEY.finditer(stream.read(MOST_OF_A_KEY))]
        return [{"port": each.port, "keys": keys} for each in self.addresses if each.scheme == "ssh" and keys]

    def result(self, changes: list[files.Change], done: list[str]) -> dict[str, Any]:
        """Return the module's result."""
        names = [change.path for change in changes] + done
        diff = files.diff(changes) + [{"prepared": f"{each}\n"} for each in done]
        return {"changed": bool(names), "changes": names, "diff": diff}
