"""The checks of `strata lint`: other people's linters, and Strata's own rules."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from strata import processes, rules
from strata.errors import StrataError
from strata.paths import BIN, ROOT
from strata.project_config.check import load
from strata.project_config.fix import fix_tree
from strata.project_config.tree import PROJECTS, Tree
from strata.repository import readme
from strata.rules import architecture
from strata.vendored.roles import VendoredRoles

SHELL = ("bin/strata", ".ci/run", "benchmarks/modules/install_modules.sh")
EXAMPLE = ("-i", "inventories/example", "site.yml")
FLAT = Tree(ROOT / "project-config")
#: Secrets of tests and benchmarks are made up, so there only what has the form of a real one counts.
TESTS = ("benchmarks/", "molecule/", "tests/")
GUESSES = ("Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector")
FACTS = json.dumps({"ansible_facts": {"distribution": "Debian", "distribution_release": "trixie"}})


@dataclass(frozen=True)
class Check:
    """One check; `run` returns what it found, and nothing when all is well."""

    name: str
    run: Callable[[], str]


def checks() -> Iterator[Check]:
    """Give the checks, quick ones first."""
    yield Check("ruff check", _tool("ruff", "check", "--quiet"))
    yield Check("ruff format", _tool("ruff", "format", "--check", "--quiet"))
    yield Check("shellcheck", _tool("shellcheck", *SHELL))
    yield Check("yamllint", _tool("yamllint", "--strict", "."))
    yield Check("secrets", _secrets)
    yield Check("layer rules", lambda: "\n".join(map(str, rules.check(ROOT))))
    if FLAT.exists(PROJECTS):
        yield Check("project-config", _project_config)
    yield Check("modules", _modules)
    yield Check("mypy", _tool("mypy"))
    # No host of the example exists: their facts are given, and nothing but preflight runs.
    yield Check("example: preflight", _tool("ansible-playbook", *EXAMPLE, "--tags=preflight", f"--extra-vars={FACTS}"))
    yield Check("example: list of tasks", _tool("ansible-playbook", *EXAMPLE, "--list-tasks"))
    yield Check("ansible-lint", _tool("ansible-lint", "--offline", "-q", "--strict"))


def fix() -> list[str]:
    """Fix what can be fixed by a program, and return the files that were written anew."""
    for arguments in (["check", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([BIN / "ruff", *arguments], cwd=ROOT, check=False)
    flat = [f"project-config/{path}" for path in fix_tree(FLAT).written] if FLAT.exists(PROJECTS) else []
    return [*flat, *(str(path.relative_to(ROOT)) for path in (*readme.write(ROOT), *architecture.write(ROOT)))]


def _project_config() -> str:
    found = load(FLAT)
    return "\n".join(f"project-config/{each}" for each in found.findings) if found.errors else ""


def _modules() -> str:
    try:
        VendoredRoles(ROOT / "modules.env").agreed()
    except StrataError as error:
        return str(error)
    return ""


def _secrets() -> str:
    """Return where a secret stands in plain text, but not what it is; nothing is asked over the network."""
    listing = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    found = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    files = [path for path in found if path and (ROOT / path).is_file()]
    tests = [path for path in files if path.startswith(TESTS)]
    others = [path for path in files if not path.startswith(TESTS)]
    scan = ("detect-secrets-hook", "--json", "--no-verify", "--exclude-lines", r"\{\{")
    forms = ["--exclude-secrets", "^secret$", *(word for guess in GUESSES for word in ("--disable-plugin", guess))]
    outputs = (_tool(*scan, *others)(), _tool(*scan, *forms, *tests)())
    results = (json.loads(output)["results"] for output in outputs if output)
    return "\n".join(
        f"{path}:{each['line_number']}: {each['type']} in plain text: encrypt it with ansible-vault or keep it in the "
        "private tree; if it is not a secret, `# pragma: allowlist secret` says so"
        for found in results
        for path, secrets in found.items()
        for each in secrets
    )


def _tool(program: str, *arguments: str, **environment: str) -> Callable[[], str]:
    def run() -> str:
        path = BIN / program
        command = [str(path) if path.exists() else program, *arguments]
        settings = {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "NO_COLOR": "1",
        }
        done = processes.run(
            command, cwd=ROOT, env={**settings, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        return (done.stdout + done.stderr).strip() or f"exit code {done.returncode}" if done.returncode else ""

    return run
