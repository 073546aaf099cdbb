# What Strata's modules and plugins take from Ansible, which has few types of its own: all else is Any.

from typing import Any

def __getattr__(name: str) -> Any: ...
