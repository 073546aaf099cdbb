"""Values as a task of the host would see them, with secrets hidden."""

from __future__ import annotations

import contextlib
import copy
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.errors import StrataError
from strata.paths import ROOT
from strata.repository.inventory import sentence
from strata.variables.places import Place, places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from strata.variables.site import Node

#: Stands for a secret, and in place of what ansible-vault has encrypted where nobody asked to see it.
MASK = "(secret)"

WORD = re.compile(r"[A-Za-z_]\w*")

#: What may read variables whose names stand nowhere, and lookups that don't; a template reads those that it names.
DYNAMIC = frozenset({"hostvars", "include", "import", "lookup", "q", "query", "vars"})
PLAIN_LOOKUP = re.compile(r"\b(?:lookup|query|q)\(\s*'ansible\.builtin\.(?:env|file|password|pipe)'")
TEMPLATE_LOOKUP = re.compile(r"\b(?:lookup|query|q)\(\s*'ansible\.builtin\.template'")
TEMPLATE = "_a_template"

#: What is shorter stands by chance in too many other texts, and is hidden only where it is all there is.
SHORTEST_PART = 6


@dataclass(frozen=True)
class Value:
    """What a variable is, or why it cannot be evaluated; `secret` tells that it is not shown, or only in part."""

    value: Any = None
    error: str = ""
    secret: bool = False


class Values:
    """The values of a host's variables.

    Unless they are to be revealed, secrets are hidden: parameters that a role declares with no_log, what ansible-vault
    has encrypted, what comes from the private tree, what is computed from any of these, and any text that has one in
    it. What is encrypted is not even decrypted, so no key is needed. What a variable reads of other hosts by `hostvars`
    is what would be shown of them.
    """

    def __init__(self, node: Node, *, reveal: bool = False, others: dict[str, Values] | None = None) -> None:
        """Prepare the values of a host.

        Args:
            node: the host in its play.
            reveal: whether secrets are shown.
            others: the values of other hosts that were asked for; those that are asked for now are added.

        Raises:
            StrataError: a file cannot be read.

        """
        from ansible.errors import AnsibleError  # noqa: PLC0415 - slow, as all of Ansible
        from ansible.plugins.loader import lookup_loader  # noqa: PLC0415
        from ansible.template import Templar  # noqa: PLC0415

        # As callback_plugins/shallow_templates.py does in a run: a deep copy of all variables takes its time.
        template: Any = sys.modules[lookup_loader.get("ansible.builtin.template", class_only=True).__module__]
        template.deepcopy = dict
        self._node, self._reveal = node, reveal
        try:
            set_by = places(node)
        except AnsibleError as error:
            raise StrataError(sentence(error)) from None
        self.places = {name: self._by_precedence(name, found) for name, found in set_by.items()}
        self._variables = dict(node.variables if reveal else {k: without_vault(v) for k, v in node.variables.items()})
        if not reveal:
            self._variables["hostvars"] = shown_hostvars(node, {node.name: self} if others is None else others)
        self._variables["ansible_search_path"] = [str(ROOT)]
        self._reads = {
            name: words(value) for name, value in self._variables.items() if name not in {"vars", "hostvars"}
        }
        for name in [name for name, read in self._reads.items() if TEMPLATE in read]:
            self._reads[name] |= self._words_of_templates(name)
        if not any("vars" in read for read in self._reads.values()):
            # A copy of all others, of which some plugins make copies again.
            del self._variables["vars"]
        self._templar = Templar(loader=node.site.loader, variables=self._variables)
        self._contributions = lookup_loader.get("contributions", loader=node.site.loader, templar=self._templar)
        self._evaluated: dict[str, Value] = {}

    @property
    def host(self) -> str:
        """Return the name of the host."""
        return self._node.name

    def __contains__(self, name: str) -> bool:
        """Return whether a task would see the variable, be it set somewhere or made up by Ansible."""
        return name in self._variables

    def value(self, name: str) -> Value:
        """Return the value of a variable that there is."""
        found = self._evaluate(name)
        if self._reveal:
            return found
        if name in self.hidden:
            return Value(MASK, MASK if found.error else "", secret=True)
        shown, error = masked(found.value, self._secrets), masked(found.error, self._secrets)
        return Value(shown, error, secret=MASK in f"{shown} {error}")

    def written(self, name: str, place: Place) -> Any:
        """Return what stands at a place, as it is written; what is encrypted there is never shown."""
        written = without_vault(place.value)
        if self._reveal:
            return written
        is_secret = place.hidden or (name in self._no_log and place.layer != "role defaults")
        return MASK if is_secret else masked(written, self._secrets)

    def merged(self, name: str) -> tuple[list[Any], Value]:
        """Return the variables that add to a collected parameter, each with its role, and what they make together."""
        parts = self._contributions.parts(name, self._variables)
        from ansible.errors import AnsibleError  # noqa: PLC0415 - slow, as all of Ansible

        try:
            found = Value(self._contributions.run([name], self._variables)[0])
        except AnsibleError as error:
            found = Value(error=_message(error))
        if self._reveal:
            return parts, found
        if any(part.variable in self.hidden for part in parts):
            return parts, Value(MASK, secret=True)
        return parts, Value(masked(found.value, self._secrets), masked(found.error, self._secrets))

    def parts(self, name: str) -> list[tuple[str, Value]]:
        """Return the variables that add to a parameter, the parameter itself first, with their values, secrets too."""
        return [
            (part.variable, self._evaluate(part.variable))
            for part in self._contributions.parts(name, self._variables)
            if part.variable in self.places
        ]

    def default_error(self, name: str) -> str:
        """Return why the default of a parameter cannot be evaluated, or ""; no secret stands in a default."""
        return self._evaluate(name).error if name in self.places else ""

    @cached_property
    def hidden(self) -> frozenset[str]:
        """Return the variables that are secrets as a whole, or computed from such."""
        found = {name for name, set_by in self.places.items() if any(place.hidden for place in set_by)}
        found |= self._no_log
        found |= {name for name, value in self._node.variables.items() if _is_vault(value)}
        fresh = found
        while fresh:
            fresh = {name for name, read in self._reads.items() if read & fresh} - found
            found |= fresh
        return frozenset(found)

    @cached_property
    def _no_log(self) -> set[str]:
        """Return the parameters that are secrets as a whole."""
        return {name for name, option in self._declared() if option.get("no_log")}

    @cached_property
    def _secrets(self) -> list[str]:
        """Return the texts that are secrets, longest first."""
        found: set[str] = set()
        for name, option in self._declared():
            given = (place.value for place in self.places.get(name, []) if place.layer != "role defaults")
            for value in (self._evaluate(name).value, *given):
                found |= {text for each in no_log_values(value, option) for text in _texts(each)}
        return sorted(found - {MASK}, key=lambda text: (-len(text), text))

    def _declared(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Give the parameters of the play's roles, and each contribution to one, with what the role says of it."""
        of_play = {name: option for role in self._node.options.values() for name, option in role.items()}
        options = {**self._node.options_of_others, **of_play}
        for name in self._variables:
            declared = options.get(name.partition("__")[2], options.get(name))
            if declared:
                yield name, declared

    def _evaluate(self, name: str) -> Value:
        if name not in self._evaluated:
            value = self._variables[name]
            is_plain = not self._reads.get(name, True) and without_vault(value) is value
            self._evaluated[name] = Value(value) if is_plain else self._template(name)
        return self._evaluated[name]

    def _template(self, name: str) -> Value:
        from ansible.errors import AnsibleError  # noqa: PLC0415 - slow, as all of Ansible

        try:
            return Value(self._templar_of(name).template(self._variables[name]))
        except AnsibleError as error:
            return Value(error=_message(error))

    def _templar_of(self, name: str) -> Any:
        """Return what evaluates a variable, with no more of the others than it can read: each takes its time."""
        read = self._all_reads(name)
        role = self._role_of(name)
        if read & DYNAMIC and role is None:
            return self._templar
        available = {
            each: value
            for each, value in self._variables.items()
            if each in read or each not in self.places or read & DYNAMIC
        }
        if role is not None:  # it names files of the role
            folder = role._role_path  # noqa: SLF001 - it has no public name
            available |= {"role_path": folder, "role_name": role.get_name(), "ansible_search_path": [folder, str(ROOT)]}
        return self._templar.copy_with_new_env(available_variables=available)

    def _words_of_templates(self, name: str) -> set[str]:
        """Return the words of the templates of the role that sets a variable."""
        role = self._role_of(name)
        if role is None:
            return set(DYNAMIC)
        files = Path(role._role_path, "templates").rglob("*")  # noqa: SLF001 - it has no public name
        return set(WORD.findall(" ".join(path.read_text(errors="replace") for path in files if path.is_file())))

    def _all_reads(self, name: str) -> set[str]:
        """Return the words that a variable reads, directly or by others."""
        found: set[str] = set()
        fresh = {name}
        while fresh:
            found |= fresh
            fresh = set().union(*(self._reads.get(each, set()) for each in fresh)) - found
        return found - {name} | self._reads.get(name, set())

    def _role_of(self, name: str) -> Any:
        last = self.places[name][-1] if name in self.places else None
        return self._node.roles[last.owner] if last and last.layer in {"role defaults", "role vars"} else None

    def _by_precedence(self, name: str, found: list[Place]) -> list[Place]:
        """Return the places with the one last that has the value that Ansible took."""
        from ansible._internal._datatag._tags import Origin  # noqa: PLC0415 - slow, as all of Ansible

        taken = self._node.variables.get(name)
        origin = Origin.get_tag(taken)
        at = [place for place in found if place.value is taken or (origin and Origin.get_tag(place.value) == origin)]
        return [*(place for place in found if place is not at[-1]), at[-1]] if at else found


class Shown(dict[str, Any]):
    """What is shown of the variables of a host, each evaluated when it is asked for."""

    def __init__(self, names: Iterable[str], values: Values | None) -> None:
        """Take the names of the variables, and their values: None shows nothing of them."""
        super().__init__(dict.fromkeys(names, MASK))
        self._values = values

    def __getitem__(self, name: str) -> Any:
        """Return what is shown of a variable. Raises AnsibleError if it cannot be evaluated."""
        from ansible.errors import AnsibleError  # noqa: PLC0415 - slow, as all of Ansible

        if self._values is None or name not in self._values:
            return super().__getitem__(name)
        found = self._values.value(name)
        if found.error:
            raise AnsibleError(found.error)
        return found.value


def shown_hostvars(node: Node, others: dict[str, Values]) -> Any:
    """Return Ansible's `hostvars` with what is shown of the hosts' variables; nothing of hosts without a play.

    Args:
        node: the host for which it is.
        others: the values of the hosts that were asked for; those that are asked for now are added.

    """
    hostvars = copy.copy(node.site.hostvars)

    def raw_get(name: str) -> Any:
        found = type(hostvars).raw_get(hostvars, name)
        if not isinstance(found, dict):  # there is no such host
            return found
        if name not in others:
            with contextlib.suppress(StrataError):
                others[name] = Values(node.site.node(name), others=others)
        return Shown(found, others.get(name))

    hostvars.raw_get = raw_get
    return hostvars


def words(value: Any) -> set[str]:
    """Return the words in a value as it is written: the names of all variables that it reads are among them."""
    if isinstance(value, dict):
        return set().union(*(words(entry) for pair in value.items() for entry in pair))
    if isinstance(value, list):
        return set().union(*map(words, value))
    if not isinstance(value, str) or "{" not in value:
        return set()
    return set(WORD.findall(PLAIN_LOOKUP.sub(" ", TEMPLATE_LOOKUP.sub(f" {TEMPLATE} ", value))))


def without_vault(value: Any) -> Any:
    """Return a value with a mask in place of what ansible-vault has encrypted."""
    if _is_vault(value):
        return MASK
    if isinstance(value, dict):
        mapping = {key: without_vault(entry) for key, entry in value.items()}
        return value if all(mapping[key] is entry for key, entry in value.items()) else mapping
    if isinstance(value, list):
        entries = [without_vault(entry) for entry in value]
        return value if all(new is old for new, old in zip(entries, value, strict=True)) else entries
    return value


def masked(value: Any, secrets: list[str]) -> Any:
    """Return a value in which no secret stands."""
    if isinstance(value, dict):
        return {masked(key, secrets): masked(entry, secrets) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(entry, secrets) for entry in value]
    if isinstance(value, bool) or value is None:
        return value
    text = str(value)
    for secret in secrets:
        if len(secret) >= SHORTEST_PART or secret == text:
            text = text.replace(secret, MASK)
    return value if text == str(value) else text


def no_log_values(value: Any, option: Mapping[str, Any]) -> Iterator[Any]:
    """Give what in the value of a parameter is declared with no_log."""
    if option.get("no_log"):
        yield value
        return
    for entry in value if isinstance(value, list) else [value]:
        for key, suboption in (option.get("options") or {}).items():
            if isinstance(entry, dict) and entry.get(key) is not None:
                yield from no_log_values(entry[key], suboption)


def _texts(value: Any) -> Iterator[str]:
    """Give the texts in a secret."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
    elif not isinstance(value, bool) and value is not None and not _is_vault(value) and str(value):
        yield str(value)
        lines = str(value).splitlines()
        yield from (line.strip() for line in lines if len(lines) > 1 and len(line.strip()) >= SHORTEST_PART)


def _is_vault(value: Any) -> bool:
    from ansible.parsing.vault import EncryptedString  # noqa: PLC0415 - slow, as all of Ansible

    return type(value) is EncryptedString


def _message(error: Any) -> str:
    return " ".join(str(error.message).split())
