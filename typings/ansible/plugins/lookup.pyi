from typing import Any

from ansible.plugins import AnsiblePlugin

class LookupBase(AnsiblePlugin):
    _display: Any
    _loader: Any
    _templar: Any
    def __init__(self, loader: Any = ..., templar: Any = ...) -> None: ...
    def find_file_in_search_path(
        self, myvars: dict[str, Any], subdir: str, file: str, *, ignore_missing: bool = ...
    ) -> str | None: ...
