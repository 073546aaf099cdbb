"""An inventory as Ansible reads it: hosts, their groups, and the variables set beside their names."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.errors import StrataError, UsageError
from strata.paths import ROOT, shown

if TYPE_CHECKING:
    from ansible.inventory.manager import InventoryManager


#: In the folder of an inventory, what stands for its hosts where nobody asks them; Ansible is told not to read it.
RECORDED = "recorded"


@dataclass(frozen=True)
class InventoryHost:
    """A host: its name, its groups (sorted, without `all`) and the variables of the inventory file."""

    name: str
    groups: tuple[str, ...]
    variables: Mapping[str, Any]


def manager(source: Path) -> "InventoryManager":
    """Return Ansible's own manager of the inventory `source`.

    Raises:
        UsageError: there is no such inventory.
        StrataError: Ansible cannot read it.

    """
    if not source.exists():
        raise UsageError(f"{source}: there is no such inventory")
    os.environ.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))
    # Importing Ansible takes a third of a second, which every start of the command line would pay.
    from ansible import constants  # noqa: PLC0415
    from ansible.errors import AnsibleError  # noqa: PLC0415
    from ansible.inventory.manager import InventoryManager  # noqa: PLC0415
    from ansible.parsing.dataloader import DataLoader  # noqa: PLC0415
    from ansible.plugins.loader import init_plugin_loader  # noqa: PLC0415
    from ansible.utils.collection_loader import AnsibleCollectionConfig  # noqa: PLC0415

    class Loader(DataLoader):  # type: ignore[misc] # Ansible has no types
        """Ansible's own, but of what nobody changes, roles' specs and variables, there is no copy for each reader."""

        def load_from_file(self, file_name: str, **options: Any) -> Any:
            """Return the data of a file."""
            path = Path(file_name)
            kept = path.stem in {"argument_specs", "strata"} or path.parent.name in {"defaults", "vars"}
            options["unsafe"] = options.get("unsafe") or kept
            return super().load_from_file(file_name, **options)

    if AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader()
    constants.HOST_PATTERN_MISMATCH = "ignore"
    constants.INVENTORY_ANY_UNPARSED_IS_FAILED = True
    try:
        return InventoryManager(loader=Loader(), sources=[str(source)])
    except AnsibleError as error:
        raise StrataError(f"{source}: Ansible cannot read the inventory: {sentence(error)}") from None


def sentence(error: BaseException) -> str:
    """Return what an error of Ansible says, in one line, with the file and line that it is about."""
    from ansible._internal._datatag._tags import Origin  # noqa: PLC0415 - slow, as all of Ansible

    text = " ".join(str(error).split())
    cause: BaseException | None = error
    while cause is not None:
        about = getattr(cause, "obj", None)
        origin = about if isinstance(about, Origin) else Origin.get_tag(about)
        if origin is not None and origin.path:
            return f"{shown(Path(origin.path))}:{origin.line_num or 1}: {text}"
        cause = cause.__cause__ or cause.__context__
    return text


def hosts(source: Path) -> list[InventoryHost]:
    """Return the hosts of the inventory `source`, sorted by name."""
    return [
        InventoryHost(
            host.name,
            tuple(sorted(group.name for group in host.get_groups() if group.name != "all")),
            host.get_vars(),
        )
        for host in sorted(manager(source).get_hosts(), key=lambda host: str(host.name))
    ]


def private_folder(source: Path) -> Path | None:
    """Return the folder of the private tree that belongs to the inventory `source`; None without a private tree."""
    from ansible.plugins.loader import vars_loader  # noqa: PLC0415 - slow, as all of Ansible

    tree = vars_loader.get("private_tree").get_option("folder")
    return Path(tree, (source if source.is_dir() else source.parent).resolve().name) if tree else None
