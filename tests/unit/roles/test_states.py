"""What roles declare: valid, complete without another role, the same in each run, and with no secret in sight."""

from __future__ import annotations

import importlib
import json
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.strata.accounts import declared as accounts
from ansible.module_utils.strata.apache import declared as apache
from ansible.module_utils.strata.firewall import declared as firewall
from ansible.module_utils.strata.service import declared as service

from .conftest import CASES, HOSTS, ROLES, Call, Host, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: The package that brings a program, unit, user or file that roles name.
PACKAGES = {
    r"chronyd|chrony\.service|/etc/chrony/": "chrony",
    r"systemd-timesyncd\.service": "systemd-timesyncd",
    r"update-exim4\.conf|exim4\.service|Debian-exim": "exim4-daemon-light",
    r"locale-gen|/usr/share/i18n/": "locales",
    r"/usr/share/zoneinfo/": "tzdata",
    r"logrotate": "logrotate",
    r"openssl": "openssl",
    r"gtls": "rsyslog-gnutls",
    r"rsyslogd|rsyslog\.service": "rsyslog",
    r"snmpd\.service": "snmpd",
    r"sshd|ssh\.service": "openssh-server",
    r"ssh": "openssh-client",
    r"unbound-checkconf|/usr/libexec/unbound-helper|unbound\.service": "unbound",
    r"/usr/share/dns/": "dns-root-data",
    r"visudo": "sudo",
    r"/etc/ssl/certs/ca-certificates\.crt": "ca-certificates",
}
#: What every Debian has.
BASE = {"awk", "hostname", "python3", "runuser", "sh", "systemctl", "systemd-analyze", "systemd-tmpfiles"}
#: What a role installs only where it is needed there; the values of its cases say when.
CERTIFICATE = re.compile(r"/etc/ssl/strata/([\w-]+)\.(?:crt|key)")
SECTION = re.compile(r"<VirtualHost ([^>]*)>(.*?)</VirtualHost>", re.DOTALL)
CANARY = re.compile(r"canary\w*")

host = pytest.mark.parametrize("host", HOSTS, ids=str)
own_cases = pytest.mark.parametrize("host", [each for each in HOSTS if each.case], ids=str)


@cache
def documented(module: str) -> set[str]:
    """Return the names of the options of a module, also of those that its action plugin takes."""
    return set(yaml.safe_load(importlib.import_module(module).DOCUMENTATION)["options"])


def arguments(call: Call) -> dict[str, Any]:
    """Return the arguments of a call as its module gets them; those that its action plugin takes are left out."""
    module = importlib.import_module(call.module)
    assert set(call.arguments) <= documented(call.module), call.module
    given = {name: value for name, value in call.arguments.items() if name in module.ARGUMENTS}
    spec = {name: each for name, each in module.ARGUMENTS.items() if name in given or not each.get("required")}
    result = ArgumentSpecValidator(spec).validate(given)
    assert result.error_messages == []
    validated: dict[str, Any] = result.validated_parameters
    return validated


def services(state: State, role: str) -> Iterator[service.Declared]:
    for call in state.calls:
        if call.module == "service_files" and call.role == role:
            yield service.parse(arguments(call))


@host
def test_everything_can_be_evaluated(host: Host, states: dict[str, State]) -> None:
    assert states[str(host)].problem == ""


@host
def test_modules_take_what_roles_hand_to_them(host: Host, states: dict[str, State]) -> None:
    parsers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "host_accounts": accounts.check,
        "apache_server": lambda given: apache.parse(given, "www.example.org"),
        "iptables_chain": firewall.check_openings,
        "service_files": service.parse,
    }
    for call in states[str(host)].calls:
        given = arguments(call)
        parsers.get(call.module, json.dumps)(given)


@own_cases
def test_contributions_are_as_expected(host: Host, states: dict[str, State]) -> None:
    expected = CASES[host.role][host.case - 1].get("contributes", {})
    contributed = states[str(host)].contributed
    assert {name: contributed[f"{host.role}__{name}"] for name in expected} == expected


def test_each_contribution_is_expected_somewhere() -> None:
    expected = {
        f"{role}__{name}" for role, cases in CASES.items() for case in cases for name in case.get("contributes", {})
    }
    assert expected == {name for role in ROLES.values() for name in role.contributions}


@own_cases
def test_files_say_what_was_asked_for(host: Host, states: dict[str, State]) -> None:
    contents = {
        each.path: (each.content or b"").decode()
        for declared in services(states[str(host)], host.role)
        for each in declared.files
    }
    for path, lines in CASES[host.role][host.case - 1].get("files", {}).items():
        following = iter(contents[path].splitlines())
        missing = [line for line in lines if line not in following]
        assert not missing, f"{path} does not have these lines, or in another order:\n{contents[path]}"


@host
def test_a_service_takes_note_of_its_files(host: Host, states: dict[str, State]) -> None:
    for declared in services(states[str(host)], host.role):
        if declared.files and any(unit.name.endswith(".service") for unit in declared.units):
            assert declared.on_change != "none", "what is written would not come into force"


@host
def test_collectors_get_what_is_contributed(host: Host, states: dict[str, State]) -> None:
    state = states[str(host)]
    for variable, values in state.contributed.items():
        parameter = variable.partition("__")[2]
        collector = next(role for role in ROLES.values() if parameter in role.options)
        calls = [json.dumps(call.arguments) for call in state.calls if call.role == collector.name]
        for value in values if calls else ():
            named = value.get("name") or value.get("path") or value["dest"] if isinstance(value, dict) else value
            assert any(f'"origin": "{variable}"' in text or f"{named}" in text for text in calls), (
                f"{variable}: {value}"
            )


@host
def test_what_a_role_uses_is_installed(host: Host, states: dict[str, State]) -> None:
    state = states[str(host)]
    calls = [call for call in state.calls if call.role == host.role and call.module == "service_files"]
    installed = {
        each["value"] for call in state.calls if call.module == "apt_transaction" for each in call.arguments["packages"]
    }
    for call in calls:
        given = arguments(call)
        commands = [*given["checks"], *given["commands"], *(each["validate"] or "" for each in given["files"])]
        known = r"\b|\b".join(PACKAGES)
        for command in filter(None, commands):
            program = command.split()[0]
            ours = program in {each["path"] for each in given["files"]}
            assert ours or program in BASE or re.search(rf"\b{known}\b", program), f"{program}: in no known package"
        units = [each["name"] for each in given["units"] if f"/etc/systemd/system/{each['name']}" not in str(given)]
        groups = [each["group"] for each in given["files"] if each["ensure"] == "present"]
        contents = [str(each["content"]) for each in given["files"] if each["ensure"] == "present"]
        links = [each["link"] or "" for each in given["files"]]
        paths = [each["path"] for each in given["files"] if each["path"].startswith("/etc/chrony/")]
        text = "\n".join([*commands, *units, *groups, *links, *paths])
        for pattern, package in PACKAGES.items():
            where = "\n".join(contents) if package in {"rsyslog-gnutls", "dns-root-data", "ca-certificates"} else text
            if re.search(rf"(?<![\w./-])(?:{pattern})(?![\w.-])", where):
                assert package in installed, f"{host.role} uses what {package} brings"


@host
def test_ports_that_a_unit_listens_at_are_open(host: Host, states: dict[str, State]) -> None:
    state = states[str(host)]
    asked: dict[str, list[Any]] = {}
    for name in ("public_tcp_ports", "public_udp_ports", "snmp_v4hosts", "snmp_v6hosts"):
        variables = [each for each in state.contributed if each.endswith(f"__iptables_{name}")]
        asked[name] = [value for each in variables for value in state.contributed[each]]
    opened = {f"{each.protocol}:{each.port}" for each in firewall.check_openings(asked | {"ssh_ports": [22]})}
    for declared in services(state, host.role):
        for unit, ports in declared.ports.items():
            for port in ports if unit not in LOCAL else ():
                assert str(port) in opened, f"{port} of {unit} is closed"


#: Units that answer only their own host.
LOCAL = {"unbound.service"}


#: Paths that roles have kept on hosts, by role; one that nobody declares any more would stay there.
KEEPING = {"service_files", "sysctl_settings"}
KEPT = Path(__file__).parent / "paths.txt"


def kept() -> set[tuple[str, str]]:
    """Return the roles and paths of the list."""
    return {(role, path) for role, path in (line.split(maxsplit=1) for line in KEPT.read_text().splitlines())}


def paths_of(call: Call) -> list[str]:
    """Return the paths that a call is about."""
    if call.module == "sysctl_settings":
        return [call.arguments["path"]]
    return [each["path"] for each in call.arguments["files"]]


def test_what_a_role_kept_it_still_declares_or_names_as_left_behind(states: dict[str, State]) -> None:
    declared, covered = set(), []
    for state in states.values():
        for call in state.calls:
            if call.module in KEEPING:
                declared |= {(call.role, path) for path in paths_of(call)}
                covered += [(call.role, pattern) for pattern in call.arguments.get("purge", [])]
    covered += [(name, pattern) for name, role in ROLES.items() for pattern in role.metadata.get("left_behind", [])]
    gone = {
        (role, path)
        for role, path in kept() - declared
        if not any(role == other and fnmatchcase(path, pattern) for other, pattern in covered)
    }
    assert not gone, "declare them with `ensure: absent`, so that they go from hosts that have them"
    listed = {role for role, _ in kept()}  # a role that was never released has no lines yet
    new = {(role, path) for role, path in declared - kept() if role in listed}
    assert not new, f"give each a line in {KEPT.name}"


@host
def test_units_that_are_ours_come_up_at_boot(host: Host, states: dict[str, State]) -> None:
    for declared in services(states[str(host)], host.role):
        for unit in declared.units:
            file = next((each for each in declared.files if each.path == f"/etc/systemd/system/{unit.name}"), None)
            assert unit.enabled == unit.started, unit
            if file:
                assert b"[Install]\nWantedBy=" in (file.content or b""), unit


@host
def test_nothing_is_kept_where_a_reboot_removes_it(host: Host, states: dict[str, State]) -> None:
    for call in states[str(host)].calls:
        if call.module in KEEPING:
            assert not [path for path in paths_of(call) if path.startswith(("/run/", "/tmp/", "/var/run/"))]


@host
def test_users_of_a_certificate_are_told_of_a_new_one(host: Host, states: dict[str, State]) -> None:
    state = states[str(host)]
    lists = [values for name, values in state.contributed.items() if name.endswith("__certificates_list")]
    told = {each["name"]: {unit["name"] for unit in each["units"]} for values in lists for each in values}
    for call in state.calls:
        used = {name for name in CERTIFICATE.findall(json.dumps(call.arguments)) if name in told}
        units = [each["name"] for each in call.arguments.get("units", [])]
        for unit in ["apache2.service"] if call.module == "apache_server" else units:
            assert all(unit in told[name] for name in used), f"{unit} would go on with the old certificate"
        # A service role alone may be given certificates by others.
        if used and ROLES[host.role].layer != "service":
            assert any(each.module == "host_certificates" for each in state.calls), f"nobody brings {used}"


@host
def test_users_that_are_named_are_made(host: Host, states: dict[str, State]) -> None:
    calls = states[str(host)].calls
    made = {each["name"] for call in calls if call.module == "host_accounts" for each in call.arguments["users"]}
    for call in calls:
        assert {call.arguments.get("user", "root")} <= {"root", *made}, f"{call.role} needs a role that makes its user"


@host
def test_no_site_answers_for_the_name_of_another(host: Host, states: dict[str, State]) -> None:
    for call in states[str(host)].calls:
        if call.module != "apache_server":
            continue
        given = arguments(call)
        owners: dict[tuple[str, str], str] = {}
        items = {item["name"]: item for item in given["vhosts"]}
        for site in apache.parse(given, "www.example.org").sites:
            item = items[site.name]
            for place, body in SECTION.findall(site.text):
                names = re.findall(r"^\s*Server(?:Name|Alias) +(.*)$", body, re.MULTILINE)
                names = [name for line in names for name in line.split()]
                assert set(names) <= {item["name"], *(item["serveraliases"] or [])}, site
                assert names, f"{site} has no name in {place}"
                for name in names:
                    owner = owners.setdefault((place.rpartition(":")[2], name), site.name)
                    assert owner == site.name, f"{owner} and {site} both answer for {name}"


def shown(value: Any, spec: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts in a value that a module's argument spec does not keep out of sight."""
    if spec.get("no_log"):
        return
    if isinstance(value, dict):
        for key, each in value.items():
            yield from shown(each, (spec.get("options") or {}).get(key, {}))
    elif isinstance(value, list):
        for each in value:
            yield from shown(each, {key: found for key, found in spec.items() if key != "no_log"})
    elif isinstance(value, str):
        yield value


@host
def test_secrets_stay_out_of_sight(host: Host, states: dict[str, State]) -> None:
    state = states[str(host)]
    secrets = set(CANARY.findall(json.dumps(host.given)))
    handed = set()
    for call in state.calls:
        spec = importlib.import_module(call.module).ARGUMENTS
        handed |= set(CANARY.findall(json.dumps(call.arguments)))
        for name, value in call.arguments.items():
            for text in shown(value, spec.get(name, {})):
                assert not CANARY.search(text), f"{call.module}: {name} shows a secret"
        for file in arguments(call).get("files", []):
            if CANARY.search(file["secret_content"] or ""):
                assert not int(file["mode"] or "0600", 8) & 0o007, f"{file['path']}: everybody can read a secret"
    assert handed == secrets


def test_each_secret_parameter_is_tried() -> None:
    tried = {each for role, cases in CASES.items() for case in cases for each in secret_keys(case.get("values", {}))}
    declared = {name for role in ROLES.values() for name in secret_options(role.spec.get("options", {}))}
    assert declared <= tried


def secret_options(options: Mapping[str, Any]) -> Iterator[str]:
    for name, option in options.items():
        if option.get("no_log"):
            yield name
        yield from secret_options(option.get("options") or {})


def secret_keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if CANARY.search(json.dumps(each)):
                yield key
            yield from secret_keys(each)
    elif isinstance(value, list):
        for each in value:
            yield from secret_keys(each)


def test_systems_differ_where_they_must_and_nowhere_else(states: dict[str, State]) -> None:
    found = set()
    for name, state in states.items():
        if name.endswith("-0-trixie") and (other := states.get(name.replace("trixie", "bookworm"))):
            pairs = zip(in_order(state), in_order(other), strict=True)
            found |= {(call.role, path) for call, old in pairs for path in differences(plain(call), plain(old))}
    assert found == DIFFERENCES


#: What roles do otherwise on Debian 12, by the way to the argument.
DIFFERENCES = {
    ("apt", "packages/value"),
    ("exim", "files/ensure"),
}


def in_order(state: State) -> list[Call]:
    return sorted(state.calls, key=lambda call: (call.role, call.module))


def plain(call: Call) -> Any:
    """Return the arguments of a call without what is another thing on each host."""
    text = json.dumps(call.arguments).replace("bookworm", "trixie")
    return json.loads(re.sub(r"/[^\"]*/trixie\d+", "/playbooks", text))


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key, value in one.items():
            yield from differences(value, other[key], f"{path}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for first, second in zip(one, other, strict=True):
            yield from differences(first, second, path)
    elif one != other:
        yield path.strip("/")
