"""What a Gerrit's repositories say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible.module_utils.strata.gerrit.projects import host
from ansible.module_utils.strata.gerrit.projects.declared import REF
from ansible.module_utils.strata.gerrit.projects.host import Actual, Server
from ansible.module_utils.strata.gerrit.projects.plan import blob
from ansible.module_utils.strata.gerrit.projects.site import Site, commit, write_commits

CONFIG = "[project]\ndescription = Heavy\n"
GROUPS = f"# UUID\tGroup Name\n#\n{'3f' * 20}\tanvil-core\n"


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", f"--git-dir={folder}", *words], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_in_repositories_is_read(tmp_path: Path, packed: bool) -> None:
    site = Site(str(tmp_path), "me", str(tmp_path / "git"))
    for name in ("All-Projects", "acme/anvil", "acme/empty"):
        git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=devel", site.repository(name))
    (tmp_path / "git/acme/broken.git").mkdir()
    files = {"project.config": CONFIG, "groups": GROUPS}
    write_commits(
        site.repository("acme/anvil"),
        [commit(REF, "Me <me@example.org>", "First", files), b"reset refs/meta/confix\n\n"],
    )
    if packed:
        git(Path(site.repository("acme/anvil")), "pack-refs", "--all")
    tip = git(Path(site.repository("acme/anvil")), "rev-parse", REF).strip()
    found = host.read_projects(site, ["acme/anvil", "acme/empty", "acme/broken", "acme/none"])
    assert found == {"acme/anvil": Actual(tip, blob(CONFIG), blob(GROUPS), "devel"), "acme/empty": Actual(head="devel")}
    assert host.read_texts(site, found) == {"acme/anvil": (CONFIG, GROUPS), "acme/empty": ("", "")}


def test_groups_of_a_gerrit_that_does_not_answer_are_those_of_its_files(tmp_path: Path) -> None:
    site = Site(str(tmp_path), "me", str(tmp_path / "git"))
    git(tmp_path, "init", "--quiet", "--bare", site.repository("All-Projects"))
    files = {"project.config": CONFIG, "groups": GROUPS}
    write_commits(site.repository("All-Projects"), [commit(REF, "Me <me@example.org>", "First", files)])
    found = host.read_disk(site, [])
    assert (found.listed, found.groups) == ({"All-Projects"}, {"anvil-core": "3f" * 20})
    assert found.own == Server().own
