"""ansible-core's template engine: told what is unknown, a secret, or different each time."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sys
from typing import TYPE_CHECKING, Any

from ansible import context
from ansible._internal._templating import _jinja_bits, _lazy_containers, _transform
from ansible.module_utils._internal._datatag import _untaggable_types
from ansible.module_utils.common.text.converters import to_text
from ansible.parsing.vault import EncryptedString, VaultHelper
from ansible.plugins.loader import callback_loader, lookup_loader
from ansible.utils.context_objects import CLIArgs

from strata.catalog.core.once import Once, replaced
from strata.catalog.core.unknown import Facts, RefusedError, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Lookups that may say something else each time, or elsewhere.
REFUSED = ("pipe", "lines", "url", "random_choice")

#: The lookup that reads what it has made before, or else makes it.
KEEPER = "password"

HASH_DIGITS = 16


class Engine:
    """The changes to Ansible's engine that make it compile instead of run, while `active`."""

    def __init__(self, extra_vars: Sequence[str] = (), *, confined: bool = False) -> None:
        """Take variables as of a command line's option --extra-vars.

        Args:
            extra_vars: the variables.
            confined: whether secrets cannot be read here: what is kept elsewhere has a text in its place.

        """
        self._confined = confined
        self.secrets: set[str] = set()
        self._once = Once()
        # As a run in check mode has it, which is what a plan stands for.
        self._arguments = CLIArgs({"extra_vars": tuple(extra_vars), "check": True, "tags": ("all",), "skip_tags": ()})
        _lazy_containers.register_known_types(Facts, Unknown)
        _untaggable_types.update((Facts, Unknown))

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Have the engine changed, and put it back."""
        transforms: dict[type, Any] = _transform._type_transform_mapping  # noqa: SLF001 - it has no public name
        # As tasks get it: by its plain name, newer Ansibles import another copy of its module.
        template: Any = sys.modules[lookup_loader.get("ansible.builtin.template", class_only=True).__module__]
        former = dict(transforms)
        transforms |= {Unknown: Unknown.trip, EncryptedString: self._decrypted}
        changes = [
            (lookup_loader, "get", functools.partial(self._lookup, lookup_loader.get)),
            # As callback_plugins/shallow_templates.py does in a run: a deep copy of all variables takes its time.
            (template, "deepcopy", dict),
            (context, "CLIARGS", self._arguments),
            (_jinja_bits.AnsibleEnvironment, "compile", _jinja_bits.AnsibleEnvironment.compile),
        ]
        try:
            with replaced(changes):
                _keep_templates()
                with self._once.active():
                    yield
        finally:
            transforms.clear()
            transforms.update(former)

    def _decrypted(self, value: EncryptedString) -> str:
        """Return what is encrypted, or a hash of the ciphertext where no key is there for it."""
        try:
            text = str(value._decrypt())  # noqa: SLF001 - it has no public name
        except Exception:  # noqa: BLE001 - whatever keeps it from being decrypted
            ciphertext = VaultHelper.get_ciphertext(value, with_tags=False) or ""
            return f"(vault {hashlib.sha256(ciphertext.encode()).hexdigest()[:HASH_DIGITS]})"
        self.secrets.update(texts(text))
        return text

    def _lookup(self, get: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Any:
        """Return a lookup plugin, or one that is refused where it is called."""
        plugin = get(name, *args, **kwargs)
        plain = name.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")
        if plain in REFUSED and plugin is not None:
            plugin.run = functools.partial(_refuse, f"the lookup {name} may return something else each time")
        elif plain == KEEPER and plugin is not None:
            plugin.run = functools.partial(self._password, plugin, plugin.run)
        return plugin

    def _password(self, plugin: Any, run: Callable[..., list[Any]], terms: list[Any], *args: Any, **kw: Any) -> Any:
        if self._confined:
            return [f"(password {hashlib.sha256(to_text(term).encode()).hexdigest()[:HASH_DIGITS]})" for term in terms]
        for term in terms:
            path = plugin._loader.path_dwim(to_text(term).split(" ")[0])  # noqa: SLF001 - as the plugin itself does
            if path == os.devnull or not os.path.exists(path):  # noqa: PTH110 - it is a text
                _refuse(f"the lookup {KEEPER} would make {path}, which is not there")
        found = run(terms, *args, **kw)
        self.secrets.update(text for each in found for text in texts(each))
        return found


def texts(secret: Any) -> Iterator[str]:
    """Give the texts in a secret, and the lines of one with several."""
    if isinstance(secret, dict):
        secret = list(secret.values())
    if isinstance(secret, list):
        for entry in secret:
            yield from texts(entry)
    elif not isinstance(secret, bool) and secret is not None and f"{secret}":
        yield f"{secret}"
        lines = [line.strip() for line in f"{secret}".splitlines()]
        yield from (line for line in lines if len(lines) > 1 and line)


def _refuse(reason: str, *_: Any, **__: Any) -> Any:
    raise RefusedError(reason)


def _keep_templates() -> None:
    """Have templates kept from process to process, as callback_plugins/kept_templates.py does in a run."""
    keeper = callback_loader.get("kept_templates")
    if keeper is not None:
        keeper.set_options()
        if not keeper.disabled:
            keeper.v2_playbook_on_start(None)
