# Beside this, `strata` is the repository's own module_utils/strata, by the name that it has on a host.

from typing import Any

def __getattr__(name: str) -> Any: ...
