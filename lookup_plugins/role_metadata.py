"""Lookup plugin: what a role says of itself: its name, its version, what it requires of others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ansible import constants
from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.collection_loader._collection_finder import _get_collection_role_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DOCUMENTATION = """
name: role_metadata
author: Strata contributors
short_description: What a role says of itself
description:
  - Returns a dictionary for each role - its name, its version, what it requires and depends on.
  - Roles that are called the same, because they give the same service, are told apart by C(name).
  - Roles are found as in the play that asks, whether they are part of it or not.
options:
  _terms:
    description: The names of roles, as plays and dependencies call them.
    type: list
    elements: str
    required: true
"""

EXAMPLES = """
- name: Use what only the newer one has
  ansible.builtin.debug:
    msg: "{{ lookup('role_metadata', 'apt').version is version_satisfies('>=1.2') }}"
"""

RETURN = """
_list:
  description: What each role says of itself.
  type: list
  elements: dict
  contains:
    role:
      description: The name that plays and dependencies call it by, without a collection.
      type: str
    name:
      description:
        - The name of its metadata, C(NAMESPACE.ROLE_NAME) as C(galaxy_info) in C(meta/main.yml) has them; without a
          namespace, C(ROLE_NAME) alone; without either, the name of its folder.
      type: str
    version:
      description:
        - The C(version) of its C(meta/strata.yml), or else the one that C(ansible-galaxy role install) noted, or the
          tag in C(modules.lock), or else C(unknown).
      type: str
    description:
      description: What it is, from C(galaxy_info), as C(author), C(license) and C(platforms).
      type: str
    dependencies:
      description: The names of the roles that it depends on.
      type: list
      elements: str
    requires:
      description: The versions of other roles that it works with, by their names.
      type: dict
    path:
      description: Its folder.
      type: str
"""

UNKNOWN = "unknown"
TAG = "refs/tags/"


def bare(name: str) -> str:
    """Return the name of a role without its collection, which its variables begin with."""
    return name.rpartition(".")[2]


def role_folders(variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the folder of each role that can be found, by its name: those of the play, and those beside them."""
    beside = [os.path.join(variables["playbook_dir"], "roles")] if "playbook_dir" in variables else []
    names = variables.get("ansible_role_names", [])
    qualified = {bare(name): folder for name in names if (folder := _collection_folder(name))}
    places = [*beside, *constants.DEFAULT_ROLES_PATH, *sorted(map(os.path.dirname, qualified.values()))]
    found = {
        entry.name: entry.path
        for place in filter(os.path.isdir, reversed(places))
        for entry in os.scandir(place)
        if entry.is_dir()
    }
    return {**found, **{bare(name): found[name] for name in names if name in found}, **qualified}


def _collection_folder(name: str) -> str | None:
    found = _get_collection_role_path(name)
    return os.fsdecode(found[1]) if found else None


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    role_folders = staticmethod(role_folders)

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Return what each of the roles says of itself."""
        self.set_options(var_options=variables, direct=kwargs)
        folders = role_folders(variables or {})
        return [self._metadata(term, _collection_folder(term) or folders.get(term)) for term in terms]

    def unmet(self, roles: Iterable[str], folders: Mapping[str, str]) -> Iterator[tuple[Any, str]]:
        """Yield what the play's roles require of each other and don't find: the requirement, and what is wrong.

        Args:
            roles: the names of the play's roles, without a collection.
            folders: what `role_folders` returns for the play.

        Raises:
            AnsibleError: a role's metadata cannot be read, or is not what it should be.

        """
        names = sorted(set(roles) & set(folders))
        requirements = [(role, *each) for role in names for each in self._requires(folders[role]).items()]
        found = [self._metadata(name, folders[name]) for name in names] if requirements else []
        for role, required, wanted in requirements:
            problem = _problem(str(required), wanted, found)
            if problem:
                yield wanted, f"the role {role} requires {f'{required} {wanted or str()}'.strip()}, but {problem}"

    def ranges(self, folder: str) -> dict[str, Any]:
        """Return the lowest and the highest number that the parameters of a role may have, by `name` or `name.key`."""
        found: dict[str, Any] = self._read(folder, "strata.yml").get("ranges") or {}
        return found

    def _metadata(self, role: str, folder: str | None) -> dict[str, Any]:
        if folder is None or not os.path.isdir(folder):
            raise AnsibleLookupError(f"there is no role {role}: neither beside the playbook nor on the path of roles")
        main = self._read(folder, "main.yml")
        about = main.get("galaxy_info")
        about = about if isinstance(about, dict) else {}
        name = about.get("role_name") or os.path.basename(folder)
        return {
            "role": bare(role),
            "name": f"{about['namespace']}.{name}" if about.get("namespace") else name,
            "version": self._version(folder),
            **{key: about.get(key, "") for key in ("description", "author", "license")},
            "platforms": about.get("platforms") or [],
            "dependencies": [
                each.get("role") or each.get("name") if isinstance(each, dict) else each
                for each in main.get("dependencies") or []
            ],
            "requires": self._requires(folder),
            "path": folder,
        }

    def _version(self, folder: str) -> str:
        for file in ("strata.yml", ".galaxy_install_info"):
            version = self._read(folder, file).get("version")
            if version is not None and not isinstance(version, str):
                raise AnsibleError(f"{folder}/meta/{file}: the version {version} is a number: put it in quotes")
            if version:
                return version
        return _locked_version(folder) or UNKNOWN

    def _requires(self, folder: str) -> dict[str, Any]:
        requires = self._read(folder, "strata.yml").get("requires") or {}
        if not isinstance(requires, dict):
            raise AnsibleError(f"{folder}/meta/strata.yml: requires must be a mapping of names to versions")
        return requires

    def _read(self, folder: str, file: str) -> dict[str, Any]:
        """Return a file of a role's metadata, {} where there is none."""
        path = os.path.join(folder, "meta", file)
        content = (self._loader.load_from_file(path) or {}) if os.path.exists(path) else {}
        if not isinstance(content, dict):
            raise AnsibleError(f"{path}: the file must be a mapping")
        return content


def _locked_version(folder: str) -> str | None:
    """Return the tag of a role of vendor/roles that modules.lock names, if it is what the role's link leads to."""
    place, role = os.path.split(folder)
    path = os.path.join(place, "..", "..", "modules.lock")
    if not place.endswith("vendor/roles") or not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as stream:
        for line in stream:
            name, sha, ref = [*line.split(" "), "", ""][:3]
            if name == role and ref.startswith(TAG) and (not os.path.islink(folder) or sha[:12] in os.readlink(folder)):
                return ref.removeprefix(TAG)
    return None


def _problem(required: str, wanted: Any, roles: list[dict[str, Any]]) -> str | None:
    """Return what is wrong with a requirement, nothing if it is met."""
    # Imported where a role requires another: few do.
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415

    found = next((role for role in roles if required in {role["role"], role["name"]}), None)
    if found is None:
        called = next((role for role in roles if role["role"] == bare(required)), None)
        return "the play has no such role" + (f": its {called['role']} is {called['name']}" if called else "")
    try:
        if not wanted or SpecifierSet(str(wanted)).contains(Version(found["version"]), prereleases=True):
            return None
    except InvalidSpecifier:
        return "that is not a set of versions, such as '>=1.2,<2'"
    except InvalidVersion:
        pass
    return f"the version of {found['role']} is {found['version']}, in {found['path']}"
