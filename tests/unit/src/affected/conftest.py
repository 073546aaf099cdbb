"""A small repository in git, and what a change of it affects."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from strata.affected.change import Change
from strata.affected.places import Places
from strata.affected.report import Affected, affected
from strata.affected.tree import Tree

from ..sample import Checkout

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "ada@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}

FILES = {
    "ansible.cfg": """[defaults]
stdout_callback = terse
callbacks_enabled = recorder
vars_plugins_enabled = host_group_vars, private
""",
    "LICENSE": "",
    "CHANGELOG.md": "",
    "modules.env": 'SOURCE_MODULES["https://git.example.org/ansible-acme"]="v1"\n',
    "modules.lock": f"acme {'0' * 40} refs/tags/v1 https://git.example.org/ansible-acme\n",
    # Modules and plugins
    "library/apt_server.py": "from ansible.module_utils.strata.packages import run\n",
    "library/httpd_server.py": "from ansible.module_utils.strata.web.run import converge\n",
    "library/tried_server.py": "",
    "module_utils/strata/__init__.py": "",
    "module_utils/strata/files.py": "",
    "module_utils/strata/packages.py": "from ansible.module_utils.strata import (\n    files,  # of a host\n)\n",
    "module_utils/strata/web/__init__.py": "",
    "module_utils/strata/web/run.py": "def converge(): ...\n",
    "action_plugins/preflight.py": 'lookup_loader.get("contributions")\n',
    "action_plugins/httpd_server.py": 'action_loader.get("guarded")\nself._execute_module(module_name="apt_server")\n',
    "action_plugins/guarded.py": "",
    "lookup_plugins/contributions.py": "",
    "filter_plugins/vhosts.py": "",
    "filter_plugins/unused.py": "",
    "filter_plugins/of_hosts.py": "",
    "filter_plugins/of_scenarios.py": "",
    "test_plugins/listening.py": "",
    "callback_plugins/recorder.py": "",
    "callback_plugins/terse.py": "",
    "callback_plugins/idle.py": "",
    "vars_plugins/private.py": "",
    # Scenarios
    ".config/molecule/config.yml": "playbooks: {create: ../shared/create.yml, converge: ../shared/converge.yml}\n",
    "molecule/shared/create.yml": "- tasks:\n    - command: python -m strata.sandbox up\n",
    "molecule/shared/converge.yml": "- import_playbook: fingerprint.yml\n",
    "molecule/shared/fingerprint.yml": "- tasks:\n    - host_fingerprint:\n",
    "molecule/shared/library/host_fingerprint.py": "",
    "molecule/apt/molecule.yml": "names: \"{{ ['a'] | of_scenarios }}\"\n",
    "molecule/apt/prepare.yml": "- tasks:\n    - tried_server:\n",
    "molecule/httpd/prepare.yml": "- import_playbook: ../apt/prepare.yml\n",
    "molecule/ci_static/prepare.yml": "- roles:\n    - project_server\n",
    "tests/testinfra/conftest.py": "",
    "tests/testinfra/client.py": "",
    "tests/testinfra/data.json": "",
    "tests/testinfra/shared/test_runs.py": "",
    "tests/testinfra/apt/test_apt.py": "from client import ask\n",
    "tests/testinfra/httpd/test_httpd.py": 'RUN = ["-m", "strata", "export", "httpd"]\n',
    # Inventories
    "inventories/exceptions.yml": "",
    "inventories/sandbox/hosts.yml": "{static: {hosts: {static1: , static2: }}, logs: {hosts: {logs1: }}}\n",
    "inventories/sandbox/group_vars/all/all.yml": "",
    "inventories/sandbox/group_vars/logs.yml": "tree: logs/pages\n",
    "inventories/sandbox/group_vars/static.yml": "",
    "inventories/sandbox/host_vars/static1/apt.yml": "names: \"{{ ['a'] | of_hosts }}\"\n",
    "inventories/production/hosts.yml": "static: {hosts: {static1.example.org: }}\n",
    # Flat files
    "project-config/README.md": "",
    "project-config/static/docs/index.html": "",
    "project-config/keys/example.asc": "",
    "project-config/logs/pages/index.html": "",
    "project-config/gerrit/projects.yaml": "",
    "project-config/unread": "",
    # The command line
    "bin/strata": "",
    "src/strata/__init__.py": "",
    "src/strata/__main__.py": "from strata.cli import main\n",
    "src/strata/cli.py": "from strata.errors import StrataError\n",
    "src/strata/errors.py": "",
    "src/strata/paths.py": "ROOT = Path(__file__).resolve().parents[2]\n",
    "src/strata/verbs/export.py": "from strata.paths import ROOT\n\nwrite(ROOT)\n",
    "src/strata/verbs/modules.py": "",
    "src/strata/sandbox/__main__.py": "from strata.sandbox import hosts\n",
    "src/strata/sandbox/__init__.py": "",
    "src/strata/sandbox/pages/host.html.j2": "",
    "src/strata/sandbox/hosts.py": "if TYPE_CHECKING:\n    from strata.errors import StrataError\n",
    # Unit tests and those of the sandbox
    "tests/unit/conftest.py": 'ROOT = Path(__file__).parents[2]\nsys.path.insert(0, str(ROOT / "library"))\n',
    "tests/unit/test_errors.py": "from strata.errors import StrataError\n",
    "tests/unit/test_web.py": "from ansible.module_utils.strata.web import run\n",
    "tests/unit/test_apt_server.py": "import apt_server\n",
    "tests/unit/test_page.py": 'ROOT = Path(__file__).parents[2]\nPAGE = (ROOT / "docs" / "read.md").read_text()\n',
    "tests/unit/test_folder.py": 'from strata.paths import ROOT\n\nFILES = (ROOT / "filter_plugins").glob("*")\n',
    "tests/unit/test_named.py": 'from strata.paths import ROOT\n\nget(ROOT / kind / f"{name}.py", "test_plugins")\n',
    "tests/unit/test_whole.py": "from strata.paths import ROOT\n\ncheck(ROOT)\n",
    "tests/unit/test_export.py": 'CliRunner().invoke(cli, ["export"])\n',
    "tests/unit/test_modules.py": 'CliRunner().invoke(cli, ["modules"])\n',
    "tests/unit/deep/conftest.py": "from .fake import host\n",
    "tests/unit/deep/fake.py": "from ansible.module_utils.strata import files\n",
    "tests/unit/deep/data.json": "{}",
    "tests/unit/deep/test_deep.py": "",
    "tests/sandbox/conftest.py": 'run("bin/strata", *arguments)\n',
    "tests/sandbox/test_recipes.py": 'from strata.paths import ROOT\n\nPAGE = (ROOT / "docs/recipes.md").read_text()\n',
    "docs/read.md": "",
    "docs/recipes.md": "",
    "docs/unread.md": "",
    # Only for linters
    ".yamllint": "",
    "benchmarks/W1/ours.yml": "",
    "pyproject.toml": "",
    "requirements.txt": "",
}


class Repository:
    """A repository in git."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, env=PLAIN, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self) -> str:
        """Commit all files, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--message=change", "--allow-empty")
        return self.git("rev-parse", "HEAD")

    def write(self, path: str, text: str) -> None:
        """Write a file, and its folders."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def touch(self, *paths: str) -> None:
        """Add a line to files."""
        for path in paths:
            self.write(path, f"{(self.root / path).read_text()}\n# changed\n")

    def change(self, *paths: str) -> Affected:
        """Return what a change of files affects."""
        self.touch(*paths)
        return affected(self.root)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a repository that keeps every rule, whose one commit is on the branch `main`."""
    made = Checkout(tmp_path_factory.mktemp("template"))
    for path, text in FILES.items():
        made.write(path, text)
    made.append("roles/httpd/defaults/main.yml", 'httpd_names: "{{ httpd_wanted | vhosts }}"\n')
    made.append("roles/apt/defaults/main.yml", 'apt_root: "{{ strata_project_config }}"\n')
    made.append("roles/ci_static/defaults/main.yml", 'ci_static_projects: "{{ strata_project_config }}"\n')
    made.write("roles/project_static/defaults/main.yml", "project_static__trees:\n  - src: static/docs\n")
    made.write(
        "roles/project_server/tasks/main.yml", "- debug:\n    msg: \"{{ lookup('file', 'keys/example.asc') }}\"\n"
    )
    repository = Repository(made.root)
    repository.git("init", "--initial-branch=main")
    repository.commit()
    return made.root


@pytest.fixture(scope="session")
def places(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Return what affects what in the repository as it is."""
    present = frozenset(Repository(template).git("ls-files").splitlines())
    return Places(Tree(Change("", (), present, template, tmp_path_factory.mktemp("older"))))


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Repository:
    """Return a copy of the repository."""
    shutil.copytree(template, tmp_path / "copy", symlinks=True)
    return Repository(tmp_path / "copy")
