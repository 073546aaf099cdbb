"""Which arguments of a module are secrets, as its own argument spec says."""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import ansible.module_utils
from ansible import constants
from ansible.module_utils import basic
from ansible.plugins.loader import module_loader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class _SpecError(BaseException):
    """Ends a module where it tells its argument spec."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        super().__init__()
        self.spec = spec


@functools.cache
def secret_arguments(module: str) -> tuple[str, ...] | None:
    """Return the arguments of a module that are secrets, names joined by dots; None if it does not tell.

    Args:
        module: its full name.

    """
    path = module_loader.find_plugin(module)
    if path is None or not path.endswith(".py"):
        return None
    for folder in constants.DEFAULT_MODULE_UTILS_PATH or ():
        if folder not in ansible.module_utils.__path__:
            ansible.module_utils.__path__.append(folder)
    spec = _spec(Path(path))
    return None if spec is None else tuple(sorted(_secrets(spec, ())))


def _spec(path: Path) -> Mapping[str, Any] | None:
    """Return the argument spec of a module: its `main` is called, and ends where it reads its arguments."""
    kept, sys.argv = sys.argv, [str(path)]
    class_: Any = basic.AnsibleModule
    former, class_.__init__ = class_.__init__, _tell
    try:
        found = importlib.util.spec_from_file_location(f"_strata_spec_{path.stem}", path)
        if found is None or found.loader is None:
            return None
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        module.main()
    except _SpecError as told:
        return told.spec
    except (Exception, SystemExit):  # noqa: BLE001 - a module may need what only hosts have
        return None
    finally:
        class_.__init__ = former
        sys.argv = kept
    return None


def _tell(_: Any, argument_spec: Mapping[str, Any], *__: Any, **___: Any) -> NoReturn:
    raise _SpecError(argument_spec)


def _secrets(spec: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[str]:
    for name, option in spec.items():
        for each in (name, *option.get("aliases", ())):
            if option.get("no_log"):
                yield ".".join([*above, each])
            elif option.get("options"):
                yield from _secrets(option["options"], (*above, each))
