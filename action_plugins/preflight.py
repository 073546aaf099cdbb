"""Action plugin: learn what the host runs, and check the play's roles and their parameters before anything else."""

from __future__ import annotations

import os
import re
import shlex
import time
from typing import TYPE_CHECKING, Any

from ansible._internal._datatag._tags import Origin
from ansible._internal._templating._jinja_common import UndecryptableVaultError
from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import DEFAULT_TYPE_VALIDATORS, remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.parsing.vault import EncryptedString
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import filter_loader, lookup_loader
from ansible.utils.vars import load_extra_vars

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Options = dict[str, dict[str, Any]]

# Asked of the host without a module: that is one remote call of 0.02 s instead of the 0.5 s of ansible.builtin.setup.
MARK = "-- its public SSH keys --"
ASKED = (
    "cat /etc/os-release && printf 'DEBIAN_VERSION=' && cat /etc/debian_version && "
    f"{{ echo '{MARK}'; cat /etc/ssh/ssh_host_*_key.pub 2>/dev/null | head -c 16384; }}"
)

# What a host says of its keys is put into a file that others trust: nothing but a type and base64 gets there.
HOST_KEY = re.compile(
    r"((?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/]+={0,2})(?:\s.*)?", re.ASCII
)

# Where a role says what its parameters are.
MAIN = "main.yml"
SPECS = ("argument_specs.yml", "argument_specs.yaml", MAIN)

# What parameters called ports have.
PORTS = re.compile(r"\d{1,9}(:\d{1,9})?", re.ASCII)
LAST_PORT = 65535
SSH_PORT = 22

# What opens TCP ports in the role iptables: ports or ranges, entries that have one as `port`, and raw rules.
OPENINGS = ("iptables_ssh_ports", "iptables_public_tcp_ports", "iptables_allowed_hosts", "iptables_allowed_groups")
RAW_RULES = ("iptables_first_rules_v4", "iptables_first_rules_v6", "iptables_rules_v4", "iptables_rules_v6")
RULE_PORTS = re.compile(r"--d(?:estination-)?ports?[ =](\S+)")

# Names that have more than this in common differ by a slip of a finger.
NEAR_MISS = 0.9

#: By the name of a parameter and the identity of its option, which is kept, as another one could have the same later.
VALIDATORS: dict[tuple[str, int], tuple[dict[str, Any], ArgumentSpecValidator]] = {}


class ActionModule(ActionBase):
    """Gather the facts about the host, then validate the set of roles and their parameters, contributions included.

    The facts about the distribution have the names and values that ansible.builtin.setup gives them. For the cache of
    facts, `ssh_host_keys` are the host's public SSH keys, and `strata_seen` is the time in seconds since the epoch. The
    host is asked in each play, as what the cache says may be from before an upgrade. Only a run that is given the facts
    by --extra-vars needs no connection here.

    Fails with one sentence a problem: variable, role, file with line, and the nearest known name, or the role and which
    version of another it requires. The value of a `no_log` parameter never stands in a message. Takes no arguments.

    A host's `ansible_port` that its own firewall does not open is a problem, too.

    A secret that is encrypted with a key that is not there is a problem too, but not in a run that is given the facts:
    so changes can be checked where there is no key.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the task: failed with all problems, or ok with the facts that the host was asked for."""
        result = super().run(tmp, task_vars)
        known = (task_vars or {}).get("ansible_facts", {})
        given = load_extra_vars(self._loader).get("ansible_facts", {})
        facts = {} if "distribution" in given else self._gather()
        self._vars = {**(task_vars or {}), "ansible_facts": {**known, **facts}}
        if "distribution" in given:
            self._vars = {name: readable(value) for name, value in self._vars.items()}
        self._templar.available_variables = self._vars
        self._contributions = lookup_loader.get("contributions", loader=self._loader, templar=self._templar)
        metadata = lookup_loader.get("role_metadata", loader=self._loader, templar=self._templar)
        self._folders = metadata.role_folders(self._vars)
        self._known_roles = sorted(self._folders, key=len, reverse=True)
        roles = sorted(name.rpartition(".")[2] for name in self._vars["ansible_role_names"])
        self._options = {role: self._read_options(role, self._folders[role]) for role in roles if role in self._folders}
        self._ranges = {
            name: each for role in self._options for name, each in metadata.ranges(self._folders[role]).items()
        }
        unmet = (
            f"{_place('meta/strata.yml', wanted)}: {problem}"
            for wanted, problem in metadata.unmet(roles, self._folders)
        )
        problems = list(dict.fromkeys([*unmet, *self._problems()]))
        if problems:
            return {**result, "failed": True, "msg": "\n".join(problems)}
        return {**result, "ansible_facts": facts}

    def _gather(self) -> dict[str, Any]:
        """Return the facts about the host."""
        answer = self._low_level_execute_command(ASKED)
        if answer["rc"]:
            raise AnsibleError(f"the host does not say what it runs, as Debian does: {answer['stderr'].strip()}")
        platform, _, keys = answer["stdout"].partition(MARK)
        return {**platform_facts(platform), "ssh_host_keys": host_keys(keys), "strata_seen": int(time.time())}

    def _read_options(self, role: str, folder: str) -> Options:
        """Return what a role says of its parameters, where Ansible looks for it; {} if it says nothing."""
        for file in SPECS:
            path = os.path.join(folder, "meta", file)
            content = self._loader.load_from_file(path) if os.path.exists(path) else None
            if file == MAIN and "argument_specs" not in (content or {}):
                content = None
            if content is None:
                continue
            try:
                options: Options = content["argument_specs"]["main"].get("options", {})
            except (KeyError, TypeError, AttributeError):
                raise AnsibleError(f"{path}: the role {role} needs `argument_specs: main: options:` here") from None
            return options
        return {}

    def _problems(self) -> Iterator[str]:
        for role, options in self._options.items():
            for name, option in options.items():
                unknown = list(_unknown_types(name, option))
                if unknown:
                    yield from (f"{_place(name, option)}: role {role}: {problem}" for problem in unknown)
                elif name in self._vars:
                    yield from self._parameter_problems(role, name, option)
                elif option.get("required"):
                    yield f"{name} is not set, but the role {role} requires it: {_text(option.get('description'))}"
        yield from self._unknown_variables()
        if "iptables" in self._options:
            yield from self._closed_to_ansible()

    def _parameter_problems(self, role: str, name: str, option: dict[str, Any]) -> Iterator[str]:
        """Validate one parameter and, one by one, what other roles contribute to it."""
        found = False
        for part in self._contributions.parts(name, self._vars):
            for problem in self._value_problems(part.variable, name, option):
                found = True
                yield f"{_place(part.variable, self._vars[part.variable])}: role {part.role or role}: {problem}"
        if not found and "__" not in name and option.get("type") == "list" and self._vars[name] is not None:
            try:
                self._contributions.run([name], self._vars)
            except AnsibleError as error:
                yield f"{_place(name, self._vars[name])}: role {role}: {error.message}"

    def _value_problems(self, variable: str, name: str, option: dict[str, Any]) -> Iterator[str]:
        try:
            value = self._contributions.value(variable, self._vars)
        except AnsibleError as error:
            if isinstance(error.__cause__, UndecryptableVaultError):
                yield f"{variable} is a secret, or made from one, that no key of this run decrypts: give --vault-id"
            elif not option.get("no_log"):
                yield f"{variable} cannot be evaluated: {error.message}"
            elif isinstance(error, AnsibleUndefinedVariable) and self._is_default(variable):
                yield f"{variable} is not set, but needed: {error.message}"
            else:
                yield f"{variable} cannot be evaluated: (not shown: it is a secret)"
            return
        outcome = _validator(name, option).validate({name: value})
        for found in outcome.errors.errors:
            if isinstance(found, UnsupportedError):
                yield from (self._unsupported(variable, path, option) for path in outcome.unsupported_parameters)
            elif option.get("no_log"):
                yield f"{variable} is not a valid {option.get('type', 'str')} (not shown: it is a secret)"
            else:
                yield f"{variable} is wrong: {remove_values(found.msg, outcome._no_log_values)}"  # noqa: SLF001
        if not outcome.errors.errors:
            wrong = (*port_problems(name, value, option), *range_problems(name, value, option, self._ranges))
            yield from (f"{variable} is wrong: {problem}" for problem in wrong)

    def _is_default(self, variable: str) -> bool:
        """Return whether a variable is as the defaults of a role have it, where no secret stands."""
        origin = Origin.get_tag(self._vars[variable])
        if origin is None or origin.path is None:
            return False
        folder, file = os.path.split(origin.path)
        return file == "main.yml" and os.path.dirname(folder) in self._folders.values() and folder.endswith("/defaults")

    @staticmethod
    def _unsupported(variable: str, path: tuple[str, ...], option: dict[str, Any]) -> str:
        for step in path[1:-1]:
            option = option["options"][step]
        where = ".".join([variable, *path[1:-1]])
        return f"{where} has no key {path[-1]!r}{_nearest(path[-1], option['options'])}"

    def _unknown_variables(self) -> Iterator[str]:
        """Find variables that carry the name of a role of the play but that no role knows."""
        known = {name for options in self._options.values() for name in options}
        for variable, value in self._vars.items():
            role = next((role for role in self._known_roles if variable.startswith(f"{role}_")), None)
            if role is None and variable not in known:
                self._warn_of_near_miss(variable, value, known)
            if variable in known or role not in self._options:
                continue
            nearest = _nearest(variable, self._options[role])
            yield f"{_place(variable, value)}: {variable} is not a parameter of the role {role}{nearest}"

    def _closed_to_ansible(self) -> Iterator[str]:
        """Find an `ansible_port` that the host's firewall does not open, unless others forward it to the host."""
        known = {name for name in (*OPENINGS, *RAW_RULES) if name in self._vars}
        try:
            port = self._contributions.value("ansible_port", self._vars) if "ansible_port" in self._vars else None
            if not port or self._connection.transport != "ssh" or self._is_forwarded():
                return
            openings, rules = (
                [entry for name in names if name in known for entry in self._contributions.run([name], self._vars)[0]]
                for names in (OPENINGS, RAW_RULES)
            )
            parameter = "sshd_ports" if "sshd" in self._options else "iptables_ssh_ports"
            present = self._contributions.value(parameter, self._vars) if parameter in self._vars else [SSH_PORT]
            if not lets_in(int(port), openings, rules):
                host = self._vars["inventory_hostname"]
                ports = ", ".join(map(str, [*present, port]))
                yield (
                    f"{_place('ansible_port', self._vars['ansible_port'])}: ansible_port of {host} is {port}, which "
                    f"the host's firewall does not open: write `{parameter}: [{ports}]` for {host}, or, if another "
                    "machine forwards this port to it, its own addresses as iptables_addresses"
                )
        except (AnsibleError, ValueError, TypeError):
            return  # named already, as a problem of its variable

    def _is_forwarded(self) -> bool:
        """Tell whether Ansible comes by an address that is not the host's own."""
        reached = self._connection.get_option("host")
        own = self._contributions.value("iptables_addresses", self._vars) if "iptables_addresses" in self._vars else []
        return reached in {"localhost", "::1"} or reached.startswith("127.") or bool(own and reached not in own)

    def _warn_of_near_miss(self, variable: str, value: Any, known: set[str]) -> None:
        """Warn of a variable of the inventory that carries no role's name, but nearly that of a parameter."""
        if variable.startswith(("ansible_", "_")) or Origin.get_tag(value) is None:
            return
        if hint := _did_you_mean(variable, known, NEAR_MISS):
            self._display.warning(f"{_place(variable, value)}: {variable} is not a parameter{hint}")


def readable(value: Any) -> Any:
    """Return a value with a text in place of each that is encrypted with a key that is not there."""
    if isinstance(value, EncryptedString):
        try:
            return str(value) and value
        except AnsibleError:
            return "(secret)"
    if isinstance(value, dict):
        mapping = {key: readable(entry) for key, entry in value.items()}
        return value if all(mapping[key] is entry for key, entry in value.items()) else mapping
    if isinstance(value, list):
        entries = [readable(entry) for entry in value]
        return value if all(new is old for new, old in zip(entries, value, strict=True)) else entries
    return value


def platform_facts(text: str) -> dict[str, str]:
    """Return the facts about a distribution from the text of its os-release(5) file and Debian's own version.

    Raises:
        AnsibleError: the text doesn't say what they are.

    """
    try:
        release = dict(word.split("=", 1) for word in shlex.split(text, comments=True) if "=" in word)
        distribution, point = release["NAME"].split()[0], release["DEBIAN_VERSION"]
    except (ValueError, KeyError, IndexError):
        raise AnsibleError("the host's /etc/os-release and /etc/debian_version don't say what it runs") from None
    version = release.get("VERSION_ID", "")
    return {
        "distribution": distribution,
        "distribution_release": release.get("VERSION_CODENAME", ""),
        # A testing release has a name there, and Debian's children have the version of what they were made from.
        "distribution_version": point if point.startswith(f"{version}.") else version,
        "distribution_major_version": version.partition(".")[0],
        "os_family": "Debian",
    }


def host_keys(text: str) -> list[str]:
    """Return the public SSH keys in the text of their files, each as type and key, without what is not one."""
    return [match[1] for match in map(HOST_KEY.fullmatch, text.split("\n")) if match]


def port_problems(name: str, value: Any, option: dict[str, Any]) -> Iterator[str]:
    """Tell what is no port, or range of ports, in a parameter or key that is called so."""
    for path, each in _values(name, value, option):
        key, text = path.rpartition(".")[2], str(each)
        if re.search(r"(?:^|_)ports?$", key) and each is not None and text:
            right = PORTS.fullmatch(text) and 1 <= _first(text) <= _last(text) <= LAST_PORT
            if not right:
                yield f"{key} {text}: ports go from 1 to {LAST_PORT}, ranges such as 6000:6010 from low to high"


def range_problems(name: str, value: Any, option: dict[str, Any], ranges: Mapping[str, Any]) -> Iterator[str]:
    """Tell which numbers in a parameter are beyond the ranges that roles give for it and its keys (`name.key`)."""
    for path, each in _values(name, value, option):
        if path in ranges and re.fullmatch(r"-?[0-9]+", str(each), re.ASCII):
            low, high = ranges[path]
            if not low <= int(each) <= high:
                yield f"{path} {each}: it goes from {low} to {high}"


def _values(path: str, value: Any, option: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give each value in a parameter that is no secret, with its name and the keys that lead to it."""
    if option.get("no_log"):
        return
    if isinstance(value, list):
        for entry in value:
            yield from _values(path, entry, option)
    elif isinstance(value, dict):
        for key, suboption in (option.get("options") or {}).items():
            yield from _values(f"{path}.{key}", value.get(key), suboption)
    else:
        yield path, value


def _first(ports: str) -> int:
    return int(ports.partition(":")[0])


def _last(ports: str) -> int:
    return int(ports.rpartition(":")[2])


def lets_in(port: int, openings: Iterable[Any], rules: Iterable[str]) -> bool:
    """Tell whether a TCP port may be open to somebody: by ports, by entries that have one, or by raw rules."""
    tcp = (each for each in openings if not isinstance(each, dict) or each.get("protocol", "tcp") == "tcp")
    ports = [str(each["port"] if isinstance(each, dict) else each) for each in tcp]
    for rule in rules:
        if "ACCEPT" in rule:
            asked = RULE_PORTS.search(rule)
            ports += asked[1].split(",") if asked else [str(port)]
    return any(not PORTS.fullmatch(each) or _first(each) <= port <= _last(each) for each in ports)


def _validator(name: str, option: dict[str, Any]) -> ArgumentSpecValidator:
    """Return the validator of a parameter, made once for all hosts that one process checks."""
    key = name, id(option)
    if key not in VALIDATORS:
        VALIDATORS[key] = option, ArgumentSpecValidator({name: option})
    return VALIDATORS[key][1]


def _unknown_types(name: str, option: dict[str, Any]) -> Iterator[str]:
    for key in ("type", "elements"):
        kind = option.get(key, "str")
        if kind not in DEFAULT_TYPE_VALIDATORS:
            yield f"{name} is declared with the unknown {key} {kind!r}{_nearest(kind, DEFAULT_TYPE_VALIDATORS)}"
    for suboption, declaration in (option.get("options") or {}).items():
        yield from _unknown_types(f"{name}.{suboption}", declaration)


def _place(variable: str, value: Any) -> str:
    """Return file and line that set a variable, relative to the current folder where it is below it."""
    origin = Origin.get_tag(value)
    if origin is None or origin.path is None:
        return variable
    path = os.path.relpath(origin.path)
    return f"{origin.path if path.startswith('..') else path}:{origin.line_num}"


def _nearest(name: str, known: Iterable[str]) -> str:
    return _did_you_mean(name, known) or f" (known: {', '.join(sorted(known)) or 'none'})"


def _did_you_mean(*arguments: Any) -> str:
    hint: str = filter_loader.get("did_you_mean").j2_function(*arguments)
    return hint


def _text(description: str | list[str] | None) -> str:
    return description if isinstance(description, str) else " ".join(description or [])
