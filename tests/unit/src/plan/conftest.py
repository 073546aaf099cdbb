"""Packed modules that behave badly, and how a host is asked here, without SSH."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from strata.catalog.compile import Compiler
from strata.catalog.core.payloads import INDEX, Packed, packed
from strata.paths import ROOT
from strata.plan.ask import Answers, ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUILTIN = "ansible.builtin."

#: Of modules that Ansible does not have: what they do.
MODULES = {
    "sleeps": "import os, time; open(os.environ.get('MARK', '/dev/null'), 'w').write(f'{os.getpid()}'); time.sleep(60)",
    "floods": "while True: print('x' * 10000)",
    "dies": "import os; os.kill(os.getpid(), 9)",
    "prints": "print('no result'); raise SystemExit(3)",
    "raises": "raise ValueError('it is broken')",
    "chats": 'import sys; print("a word\\n{\\"changed\\": true}\\na last word"); sys.stderr.write("and more")',
    "leaves": "import tempfile; print('{\"path\": \"' + tempfile.mkstemp()[1] + '\"}')",
    "starts": "import subprocess; print('{\"pid\": %d}' % subprocess.Popen(['sleep', '60']).pid)",
    "escapes": "import subprocess; subprocess.Popen(['sleep', '3'], start_new_session=True); print('{}')",
    "looks": "import os, json; print(json.dumps({'env': dict(os.environ), 'user': os.geteuid()}))",
}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """Pack Ansible's ping and file, and the modules that behave badly."""
    Compiler(ROOT / "inventories/example")  # so that Ansible's own settings are read
    found = packed([f"{BUILTIN}ping", f"{BUILTIN}file"], tmp_path_factory.mktemp("kept"))
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(found.content)) as given, zipfile.ZipFile(target, "w") as archive:
        index = json.loads(given.read(INDEX))
        for name in given.namelist():
            if name != INDEX:
                archive.writestr(name, given.read(name))
        for name, text in MODULES.items():
            archive.writestr(f"ansible/modules/{name}.py", text)
            index[name] = {"name": f"ansible.modules.{name}", "imports": []}
        archive.writestr(INDEX, json.dumps(index))
    return Packed(target.getvalue(), found.modules | MODULES.keys())


@pytest.fixture
def asked(files: Packed, tmp_path: Path) -> Callable[..., Answers]:
    """Ask this machine for the results of modules."""

    def asked(*resources: str | dict[str, Any], sudo: bool = False) -> Answers:
        wanted = [
            {"args": {}, "environment": {}, "user": "", **({"module": each} if isinstance(each, str) else each)}
            for each in resources
        ]
        request = {"folder": f"{tmp_path}/kept", "version": "2.19.0", "sudo": sudo, "resources": wanted}
        return ask(["/bin/sh", "-c"], sys.executable, request, files)

    return asked
