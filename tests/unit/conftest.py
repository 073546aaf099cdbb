"""Make library/ and module_utils/ importable as they are on a host."""

import os
import sys
from pathlib import Path

import ansible.module_utils

ROOT = Path(__file__).parents[2]

sys.path.insert(0, str(ROOT / "library"))
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
# What hosts of tests say must not get into the cache of this checkout, from which known_hosts are made.
os.environ["ANSIBLE_CACHE_PLUGIN"] = "memory"
