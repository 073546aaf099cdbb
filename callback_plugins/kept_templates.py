"""Callback plugin: keep compiled templates from run to run."""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import shutil
import stat
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import jinja2
from ansible import constants
from ansible._internal._datatag._tags import Origin
from ansible._internal._templating import _jinja_bits
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader
from ansible.release import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

DOCUMENTATION = """
name: kept_templates
type: notification
author: Strata contributors
short_description: Keep compiled templates from run to run
description:
  - Ansible compiles each template anew in each task of each host, as a task runs in a process of its own. That is a
    sixth of the processor time of a run that changes nothing. This plugin keeps what was compiled.
  - Only templates that stand in a file of a role are kept, as no secret stands there.
  - What is kept is used only by runs with the same versions of Ansible, Jinja and Python, and the same filters and
    tests, by name and contents.
  - The folder must be the user's own, and nobody else may write to it, as its contents are run.
options:
  folder:
    description: The folder that templates are kept in. Without it, none are.
    type: path
    env:
      - name: STRATA_TEMPLATES
    ini:
      - section: kept_templates
        key: folder
"""

#: So many sets of templates are kept: one for each combination of versions and plugins used lately.
KEPT_SETS = 8


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "kept_templates"
    CALLBACK_NEEDS_ENABLED = True

    def set_options(self, *args: Any, **kwargs: Any) -> None:
        """Read the options."""
        super().set_options(*args, **kwargs)
        self._folder = self.get_option("folder")
        self.disabled = not self._folder

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Have templates looked up before they are compiled; the folders of plugins are known by now."""
        del playbook
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        found = os.stat(self._folder)
        self.disabled = found.st_uid != os.geteuid() or bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
        if self.disabled:
            self._display.warning(f"{self._folder} is not used: others than its owner can write to it")
            return
        kept = os.path.join(self._folder, key())
        os.makedirs(kept, mode=0o700, exist_ok=True)
        os.utime(kept)
        forget(self._folder)
        environment: Any = _jinja_bits.AnsibleEnvironment
        if not hasattr(environment.compile, "kept"):
            environment.compile = keeping(environment.compile, kept)


def keeping(compile_: Callable[..., CodeType], folder: str) -> Callable[..., CodeType]:
    """Return a method that compiles a template of a role only if it does not find it in the folder."""
    roles = tuple(os.path.join(path, "") for path in constants.DEFAULT_ROLES_PATH)

    def compile_once(self: Any, source: Any, *args: Any, **options: Any) -> CodeType:
        origin = Origin.get_tag(source) if isinstance(source, str) else None
        if args or options or origin is None or not (origin.path or "").startswith(roles):
            return compile_(self, source, *args, **options)
        path = os.path.join(folder, name(self, source))
        with contextlib.suppress(OSError, EOFError, ValueError, TypeError), open(path, "rb") as stream:
            kept: CodeType = marshal.load(stream)  # noqa: S302 - the folder is the user's own
            return kept
        code = compile_(self, source)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as temporary:
            marshal.dump(code, temporary)
        os.rename(temporary.name, path)
        return code

    compile_once.kept = folder  # type: ignore[attr-defined]
    return compile_once


def name(environment: Any, source: str) -> str:
    """Return a digest of a template's source and of how it is to be compiled."""
    settings = {field: getattr(environment, field) for field in _jinja_bits._TEMPLATE_OVERRIDE_FIELD_NAMES}  # noqa: SLF001
    context = _jinja_bits._TemplateCompileContext.current(optional=True)  # noqa: SLF001
    embedded = _jinja_bits._TemplateConfig.allow_embedded_templates  # noqa: SLF001
    return hashlib.sha256(repr((str(source), settings, context, embedded)).encode()).hexdigest()


def key() -> str:
    """Return a digest of the versions, and of the filters and tests on whose signatures compiled code depends."""
    digest = hashlib.sha256(repr((__version__, jinja2.__version__, sys.version)).encode())
    for loader in (filter_loader, test_loader):
        for folder in loader._get_paths(subdirs=False):  # noqa: SLF001 - as the loader itself asks for them
            digest.update(repr(list(files(folder))).encode())
    return digest.hexdigest()


def files(folder: str) -> Iterator[tuple[str, str]]:
    """Give path and digest of each Python file in a folder."""
    with contextlib.suppress(FileNotFoundError):
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.path):
            if entry.name.endswith(".py"):
                with open(entry.path, "rb") as stream:
                    yield entry.path, hashlib.file_digest(stream, "sha256").hexdigest()


def forget(folder: str) -> None:
    """Remove the sets of templates that were not used for longest."""
    sets = sorted(os.scandir(folder), key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in sets[KEPT_SETS:]:
        shutil.rmtree(entry.path, ignore_errors=True)
