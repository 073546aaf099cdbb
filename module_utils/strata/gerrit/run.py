"""One run over the whole Gerrit of a host: plan, fetch, apply, check, and roll back if it does not serve."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files, folders, quiet
from ansible.module_utils.strata.errors import DeclarationError, StrataError
from ansible.module_utils.strata.gerrit import config, declared, host, jars, plan, service, undo
from ansible.module_utils.strata.gerrit.projects.site import acting_as, read_site
from ansible.module_utils.strata.gerrit.projects.ssh import Gerrit
from ansible.module_utils.strata.gerrit.service import Daemon, NotServingError
from ansible.module_utils.strata.units import UnitError

if TYPE_CHECKING:
    from ansible.module_utils.strata.commands import Run
    from ansible.module_utils.strata.gerrit.declared import Site
    from ansible.module_utils.strata.gerrit.jars import JarChange
    from ansible.module_utils.strata.gerrit.plan import Plan
    from ansible.module_utils.strata.quiet import QuietModule

#: What `init` changes besides the files that are declared, so that an older Gerrit would not start any more.
SCHEMA = ("All-Projects.git", "All-Users.git")
#: Seconds that plugins may take to load after Gerrit has seen them.
LOADING = 30


class GerritError(StrataError):
    """Gerrit cannot be brought to the declared state; the text is one sentence for the user."""


@dataclass(frozen=True)
class Installation:
    """The Gerrit of this host: the declared site, its daemon at its addresses, and what was there before a change."""

    run: Run
    site: Site
    addresses: list[service.Address]
    daemon: Daemon
    undo: undo.Undo


def converge(module: QuietModule) -> dict[str, Any]:
    """Bring Gerrit to the declared state; return the module's result.

    Raises:
        GerritError: it does not serve with it; what was there before is back.
        StrataError, OSError: it cannot be tried; nothing of the site was touched.

    """
    params = module.params
    uid = files.owner_id("user", params["user"], check=module.check_mode)
    gid = files.owner_id("group", params["group"], check=module.check_mode)
    site = declared.unpack(params, uid, gid)
    daemon = Daemon(module.run, site.path, site.patience)
    kept = undo.Undo(undo.place(), partial(_tips, module.run, site.user))
    gerrit = Installation(module.run, site, service.addresses(site.config), daemon, kept)
    return _converge(gerrit, check_mode=module.check_mode) | {
        "ansible_facts": {"ssh_services": host.ssh_services(site)}
    }


def _converge(gerrit: Installation, *, check_mode: bool) -> dict[str, Any]:
    site = gerrit.site
    found = host.read(site, gerrit.daemon, pending=gerrit.undo.pending)
    absent = jars.absent(found.jars, site.jars)
    if not check_mode:
        if missing := [jar.sha256 for jar in absent if not jar.url]:
            return quiet.result([], [], missing=missing, folder=jars.cache())
        for jar in absent:
            jars.fetch(jar, "")
    war = "" if check_mode and site.jars[0] in absent else _war(site, found)
    _check_java(site, war, check_mode=check_mode)
    if war:
        site = replace(site, jars=[jars.of_the_war(war, jar) if jar.member else jar for jar in site.jars])
        gerrit = replace(gerrit, site=site)
    former = sorted({*found.record.files} - {*site.declared()})
    planned = plan.plan(site, found, host.compare(site.desired(found.configs, former)))
    if not (planned.action or planned.files or planned.jars or gerrit.daemon.serves(gerrit.addresses)):
        planned = replace(planned, action="restart")
    diff = files.diff(planned.files) + [{"prepared": f"{each}\n"} for each in planned.steps]
    if planned.changes and not check_mode:
        for change in planned.jars:
            if change.jar:
                jars.fetch(change.jar, war)
        apply(gerrit, found, planned)
    return quiet.result(planned.changes, diff)


def _war(site: Site, found: host.Host) -> str:
    """Return where the WAR is, in its place or on its way there."""
    war = site.jars[0]
    return site.place(war.place) if found.jars.get(war.place) == war.sha256 else war.cached


def _check_java(site: Site, war: str, *, check_mode: bool) -> None:
    """Check that the host's Java runs this Gerrit.

    Raises:
        JarError: it doesn't. (In check mode a missing one may be yet to come.)

    """
    found = jars.java_found(site.java)
    if found is None and not check_mode:
        raise jars.JarError(f"there is no Java at {site.java}: install its package first; nothing was changed")
    if war and found is not None:
        version = jars.version(war)
        if found < (needed := jars.java_needed(version)):
            raise jars.JarError(
                f"Gerrit {version} needs Java {needed}, and {site.java} is Java {found}; nothing was changed"
            )


def apply(gerrit: Installation, found: host.Host, planned: Plan) -> None:
    """Make the changes and see that Gerrit serves with them.

    Raises:
        GerritError: it doesn't; what was there before is back.

    """
    site, daemon = gerrit.site, gerrit.daemon
    for path, mode in planned.folders.items():
        _own(site, path, mode)
    if found.active and gerrit.undo.moved():
        gerrit.undo.forget()  # Gerrit has served since: what is there now is what served last
    gerrit.undo.keep([change.path for change in planned.files] + [site.place(each.place) for each in planned.jars])
    mark = daemon.mark()
    try:
        if planned.init and found.active:
            daemon.do("stop")
        if planned.init:
            gerrit.undo.keep(_touched_by_init(site))
            gerrit.undo.note_tips(_migrated(site), changing=False)
        put(gerrit, planned.files, planned.jars)
        if planned.init:
            gerrit.undo.note_tips(_migrated(site), changing=True)
            try:
                init(gerrit)
            finally:
                gerrit.undo.note_tips(_migrated(site), changing=False)
        if planned.action == "reload":
            _reload(site)
        if planned.action in {"start", "restart"}:
            start(gerrit, "start" if planned.init else planned.action)
        else:
            _wait_loaded(gerrit, planned.jars, mark)
        if planned.enable:
            daemon.do("enable")
        host.Record(site.jars[0].sha256, site.declared()).write()
    except (StrataError, OSError) as error:
        fate = rollback(gerrit, run_again=found.active or found.pending, stop=bool(planned.action))
        raise GerritError(f"{error}; {fate}") from error
    gerrit.undo.forget()
    jars.forget(site.jars)


def put(gerrit: Installation, changes: list[files.Change], jar_changes: list[JarChange]) -> None:
    """Put files in their places. Raises OSError."""
    for change in jar_changes:
        path = gerrit.site.place(change.place)
        if change.jar:
            jars.place(change.jar, path, gerrit.site.uid, gerrit.site.gid)
        else:
            jars.remove(path)
    files.apply(changes)
    gerrit.daemon.systemd.reload_manager()


def _touched_by_init(site: Site) -> list[str]:
    """Return what `init` may change, so that it is kept before."""
    index = site.place("index")
    settings = os.path.join(index, "gerrit_index.config")
    return [
        *(site.place(name) for name in (declared.CONFIG, declared.SECURE, "bin/gerrit.sh")),
        *_migrated(site),
        settings if os.path.exists(settings) else index,
    ]


def _migrated(site: Site) -> list[str]:
    """Return the paths of the repositories that `init` migrates."""
    return [os.path.join(site.repositories, name) for name in SCHEMA]


def init(gerrit: Installation) -> None:
    """Let the WAR prepare the site for its version, and restore what that changes of the declared files.

    Raises:
        GerritError: it fails.

    """
    _program(gerrit, "init", "--batch", "--no-auto-start", "--skip-plugins")
    desired = gerrit.site.desired(host.read_configs(gerrit.run, gerrit.site))
    put(gerrit, host.compare(desired), [])


def start(gerrit: Installation, verb: str) -> None:
    """Start or restart Gerrit; if it says that it lacks an index, make that first.

    Raises:
        NotServingError: it does not serve.

    """
    mark = gerrit.daemon.mark()
    try:
        gerrit.daemon.start(gerrit.addresses, verb)
    except NotServingError:
        lacking = {name for name in service.NO_INDEX.findall(gerrit.daemon.logged(mark)) if name}
        if not lacking:
            raise
        gerrit.daemon.do("stop")
        _program(gerrit, "reindex", *(f"--index={name}" for name in sorted(lacking)))
        gerrit.daemon.start(gerrit.addresses)


def _reload(site: Site) -> None:
    """Have Gerrit take over what it can of its configuration while it runs. Raises ProjectsError."""
    with acting_as(site.user), Gerrit(read_site(site.path, site.user), account="") as gerrit:
        gerrit.ask("gerrit", "reload-config")


def _program(gerrit: Installation, name: str, *options: str) -> None:
    """Run a program of the WAR as Gerrit's user. Raises GerritError with what it says."""
    site = gerrit.site
    heap = site.value("container", "heapLimit")
    options_of_java = config.values(site.config, "container", "javaOptions")
    java = [site.java, *([f"-Xmx{heap}"] if heap else []), *options_of_java]
    command = [*java, "-jar", site.place(jars.WAR), name, "-d", site.path, *options]
    code, out, err = _as_user(gerrit.run, site.user, command)
    if code:
        said = service.telling(out + err) or (err or out).strip()[-500:]
        raise GerritError(f"gerrit.war {shlex.join([name, *options])} ends with status {code}: {said}")


def _as_user(run: Run, user: str, command: list[str]) -> tuple[int, str, str]:
    """Run a command as Gerrit's user, who may have no way to where the module was called."""
    return run(["runuser", "-u", user, "--", "env", "--chdir=/", *command])


def _tips(run: Run, user: str, repository: str) -> str:
    """Return what tells the state of a repository: its refs, of which git asks nobody but its owner."""
    quiet_git = ["HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "git", f"--git-dir={repository}"]
    _, out, _ = _as_user(run, user, [*quiet_git, "for-each-ref", "--format=%(objectname) %(refname)"])
    return hashlib.sha256(out.encode()).hexdigest()


def _own(site: Site, path: str, mode: int) -> None:
    """Make a folder, unless it is there, and give it to Gerrit's user.

    Raises:
        GerritError: it is somebody else's.
        LinkError: there is a link of somebody else on the way.

    """
    with folders.opened(path, create=True, links=True) as folder:
        if (owner := os.fstat(folder).st_uid) not in (0, site.uid):
            raise GerritError(f"{path} belongs to uid {owner}, not to {site.user}: chown it, or move it away")
        os.fchown(folder, site.uid, site.gid)
        os.fchmod(folder, mode)


def _wait_loaded(gerrit: Installation, changes: list[JarChange], mark: dict[str, tuple[int, int]]) -> None:
    """Wait until Gerrit has loaded changed plugins by itself; if it doesn't see them, restart it.

    Raises:
        NotServingError: it cannot load one.

    """
    names = {os.path.basename(each.place)[:-4]: "Loaded|Reloaded" if each.jar else "Unloading" for each in changes}
    deadline = time.monotonic() + plan.scan_interval(gerrit.site) + LOADING
    while names:
        said = gerrit.daemon.logged(mark)
        if refused := re.findall("Cannot load plugin (.*)", said):
            raise NotServingError(f"Gerrit cannot load the plugin {refused[0]}: {service.telling(said)}")
        names = {n: verbs for n, verbs in names.items() if not re.search(f"(?:{verbs}) plugin {re.escape(n)},", said)}
        if names and time.monotonic() > deadline:
            gerrit.daemon.start(gerrit.addresses, "restart")
            return
        time.sleep(service.PAUSE)


def rollback(gerrit: Installation, *, run_again: bool, stop: bool) -> str:
    """Restore what was there, and let Gerrit serve with it if it did; return a sentence about how that went."""
    failures = []
    try:
        if stop:
            gerrit.daemon.do("stop")
    except UnitError as error:
        failures.append(str(error))
    failures += gerrit.undo.restore()
    if failures:
        return f"not all could be restored: {'; '.join(failures)}"
    gerrit.daemon.systemd.reload_manager()
    back = "what was there before is back"
    if stop and run_again and os.path.exists(gerrit.site.place(jars.WAR)):
        present = host.read_configs(gerrit.run, gerrit.site).get(declared.CONFIG, [])
        try:
            gerrit.daemon.start(service.addresses(present))
        except (NotServingError, DeclarationError) as error:
            return f"{back}, but Gerrit does not serve with it: {error}"
        back += " and serves"
    gerrit.undo.forget()
    return back
