"""Vars plugin: group_vars and host_vars of a private folder outside the repository, on top of an inventory's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleError
from ansible.plugins.loader import vars_loader
from ansible.plugins.vars import BaseVarsPlugin

if TYPE_CHECKING:
    from ansible.inventory.group import Group
    from ansible.inventory.host import Host
    from ansible.parsing.dataloader import DataLoader

DOCUMENTATION = """
name: private_tree
author: Strata contributors
short_description: Variables of a private folder, on top of an inventory's own
description:
  - For the inventory C(inventories/NAME), C(NAME/group_vars) and C(NAME/host_vars) of the private folder are read as if
    they stood in a further inventory after it - a file there wins over one of the same kind in the repository.
  - Other inventories, such as that of the sandbox, never see them.
options:
  folder:
    description: The private folder. Without one there is no private tree.
    type: path
    env:
      - name: STRATA_PRIVATE
    ini:
      - section: private_tree
        key: folder
"""


class VarsModule(BaseVarsPlugin):
    """See DOCUMENTATION."""

    REQUIRES_ENABLED = True
    is_stateless = True

    def get_vars(self, loader: DataLoader, path: str, entities: Group | Host | list[Group | Host]) -> dict[str, Any]:
        """Return the variables of groups or a host; `path` is the folder of an inventory.

        Raises:
            AnsibleError: the private folder is not a folder, or one of its files cannot be read.

        """
        folder = self.get_option("folder")
        if not folder:
            return {}
        if not os.path.isdir(folder):
            raise AnsibleError(f"STRATA_PRIVATE: {folder} is not a folder: name the private tree, or nothing")
        mirrored = os.path.join(folder, os.path.basename(os.path.realpath(path)))
        return (
            vars_loader.get("host_group_vars").get_vars(loader, mirrored, entities) if os.path.isdir(mirrored) else {}
        )
