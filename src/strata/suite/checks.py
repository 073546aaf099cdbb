"""The checks of `strata lint`: other people's linters, and Strata's own rules."""

import fnmatch
import json
import os
import re
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from strata import processes, rules, warm
from strata.errors import StrataError
from strata.paths import BIN, ROOT
from strata.project_config.check import load
from strata.project_config.fix import fix_tree
from strata.project_config.tree import PROJECTS, Tree
from strata.repository import readme
from strata.repository.prose import is_prose
from strata.rules import architecture
from strata.vendored.roles import VendoredRoles

SHELL = (
    "bin/strata",
    ".ci/run",
    "benchmarks/modules/install_modules.sh",
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("findings/*.sh")),
)
EXAMPLE = ("-i", "inventories/example", "site.yml")
FLAT = Tree(ROOT / "project-config")
#: Secrets of tests and benchmarks are made up, so there only what has the form of a real one counts.
TESTS = ("benchmarks/", "molecule/", "tests/")
#: Lines `GLOB  WHY`: files in which nothing is a secret.
EXCEPTIONS = ".secretsignore"
GUESSES = ("Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector")
FACTS = json.dumps({"ansible_facts": {"distribution": "Debian", "distribution_release": "trixie"}})


#: What preflight and the list of tasks are made of.
DECLARED = r"(?:roles|inventories|library|module_utils|project-config|\w+_plugins)/.+(?<!\.md)|site\.yml|ansible\.cfg"
YAML = r".+\.ya?ml|\.yamllint|\.ansible-lint"
NOTHING = r"(?!)"


@dataclass(frozen=True)
class Check:
    """One check; `run` takes the files to look at, all if none is named, and returns what it found.

    `reads` are the paths of files that it can look at by themselves; a change of one of the paths `whole` concerns all
    files.
    """

    name: str
    run: Callable[[Sequence[str]], str]
    reads: str = NOTHING
    whole: str = NOTHING

    def concerned(self, changed: Collection[str], present: Collection[str]) -> list[str] | None:
        """Return what of a change is to be looked at, nothing for all files; None if the check has no part in it."""
        if any(re.fullmatch(self.whole, path) and not is_prose(path) for path in changed):
            return []
        return [path for path in changed if path in present and re.fullmatch(self.reads, path)] or None


def checks() -> Iterator[Check]:
    """Give the checks, quick ones first."""
    python = r".+\.py"
    settings = r"pyproject\.toml"
    yield Check("ruff check", _tool("ruff", "check", "--quiet"), python, settings)
    yield Check("ruff format", _tool("ruff", "format", "--check", "--quiet"), python, settings)
    yield Check("shellcheck", _tool("shellcheck", otherwise=SHELL), "|".join(map(re.escape, SHELL)))
    yield Check("yamllint", _tool("yamllint", "--strict", otherwise=(".",)), YAML, r"\.yamllint")
    yield Check("secrets", _secrets, r".+", r"src/strata/suite/checks\.py|\.secretsignore")
    yield Check("layer rules", lambda _: "\n".join(map(str, rules.check(ROOT))), whole=r".+")
    if FLAT.exists(PROJECTS):
        yield Check("project-config", _project_config, whole=r"project-config/.+|src/strata/project_config/.+")
    yield Check("modules", _modules, whole=r"modules\.(?:env|lock)|src/strata/vendored/.+")
    yield Check("mypy", _whole("mypy"), whole=rf"{python}|{settings}|typings/.+")
    # No host of the example exists: their facts are given, and nothing but preflight runs.
    preflight = _whole("ansible-playbook", *EXAMPLE, "--tags=preflight", f"--extra-vars={FACTS}")
    yield Check("example: preflight", preflight, whole=DECLARED)
    yield Check("example: list of tasks", _whole("ansible-playbook", *EXAMPLE, "--list-tasks"), whole=DECLARED)
    yield Check("ansible-lint", _ansible_lint, r"(?:roles|molecule|inventories)/.+\.yml|site\.yml", r"\.ansible-lint.*")


def fix() -> list[str]:
    """Fix what can be fixed by a program, and return the files that were written anew."""
    for arguments in (["check", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([BIN / "ruff", *arguments], cwd=ROOT, check=False)
    flat = [f"project-config/{path}" for path in fix_tree(FLAT).written] if FLAT.exists(PROJECTS) else []
    return [*flat, *(str(path.relative_to(ROOT)) for path in (*readme.write(ROOT), *architecture.write(ROOT)))]


def _project_config(_: Sequence[str]) -> str:
    found = load(FLAT)
    return "\n".join(f"project-config/{each}" for each in found.findings) if found.errors else ""


def _modules(_: Sequence[str]) -> str:
    try:
        VendoredRoles(ROOT / "modules.env").agreed()
    except StrataError as error:
        return str(error)
    return ""


def _ansible_lint(paths: Sequence[str]) -> str:
    """Lint roles as a whole, as files by themselves tell it too little."""
    parts = (path.split("/") for path in paths)
    named = {"/".join(each[:2] if each[0] == "roles" else each) for each in parts}
    with warm.environment(f"{BIN}:{os.environ['PATH']}") as found:  # it has each playbook's syntax checked
        return _tool("ansible-lint", "--offline", "-q", "--strict", **found)(sorted(named))


def _secrets(paths: Sequence[str] = ()) -> str:
    """Return where a secret stands in plain text, but not what it is; nothing is asked over the network."""
    listing = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    found = paths or subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    files = [path for path in found if path and (ROOT / path).is_file()]
    excepted, wrong = _excepted(files, whole=not paths)
    files = [path for path in files if path not in excepted]
    tests = [path for path in files if path.startswith(TESTS)]
    others = [path for path in files if not path.startswith(TESTS)]
    scan = ("detect-secrets-hook", "--json", "--no-verify", "--exclude-lines", r"\{\{")
    forms = ["--exclude-secrets", "^secret$", *(word for guess in GUESSES for word in ("--disable-plugin", guess))]
    outputs = (_tool(*scan)(others), _tool(*scan, *forms)(tests))
    results = (json.loads(output)["results"] for output in outputs if output)
    plain = (
        f"{path}:{each['line_number']}: {each['type']} in plain text: encrypt it with ansible-vault or keep it in the "
        f"private tree; if it is not a secret, `# pragma: allowlist secret` says so, or a line in {EXCEPTIONS}"
        for found in results
        for path, secrets in found.items()
        for each in secrets
    )
    return "\n".join([*wrong, *plain])


def _excepted(files: list[str], *, whole: bool) -> tuple[set[str], list[str]]:
    """Return the files that are excepted, and what is wrong with the exceptions; `whole` if all files are given."""
    path = ROOT / EXCEPTIONS
    lines = enumerate(path.read_text().splitlines(), 1) if path.is_file() else ()
    excepted: set[str] = set()
    wrong = []
    for number, line in lines:
        glob, _, why = line.partition(" ")
        matching = set(fnmatch.filter(files, glob))
        excepted |= matching
        if glob and not why.strip():
            wrong.append(f"{EXCEPTIONS}:{number}: {glob}: say after it why nothing there is a secret")
        elif glob and whole and not matching:
            wrong.append(f"{EXCEPTIONS}:{number}: {glob} matches no file: remove the line")
    return excepted, wrong


def _whole(program: str, *arguments: str) -> Callable[[Sequence[str]], str]:
    """Return the run of a program that looks at all files, whichever are named."""
    run = _tool(program, *arguments)
    return lambda _: run([])


def _tool(
    program: str, *arguments: str, otherwise: Iterable[str] = (), **variables: str
) -> Callable[[Sequence[str]], str]:
    """Return the run of a program on the files that are named, or on `otherwise`, with these variables set."""

    def run(paths: Sequence[str]) -> str:
        path = BIN / program
        # No file is taken for an option, whatever it is called.
        named = [f"./{each}" if each.startswith("-") else each for each in paths]
        command = [str(path) if path.exists() else program, *arguments, *(named or otherwise)]
        settings = {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "NO_COLOR": "1",
            **variables,
        }
        done = processes.run(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return (done.stdout + done.stderr).strip() or f"exit code {done.returncode}" if done.returncode else ""

    return run
