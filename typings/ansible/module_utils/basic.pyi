from collections.abc import Mapping
from typing import Any, Literal, NoReturn, overload

class AnsibleModule:
    params: dict[str, Any]
    check_mode: bool
    _diff: bool
    def __init__(self, argument_spec: Mapping[str, Any], *, supports_check_mode: bool = ...) -> None: ...
    def run_command(
        self,
        args: list[str],
        check_rc: bool = ...,
        *,
        data: bytes | str | None = ...,
        binary_data: bool = ...,
        cwd: str | None = ...,
        environ_update: Mapping[str, str] | None = ...,
        handle_exceptions: bool = ...,
    ) -> tuple[int, str, str]: ...
    @overload
    def get_bin_path(self, arg: str, required: Literal[True]) -> str: ...
    @overload
    def get_bin_path(self, arg: str, required: bool = ...) -> str | None: ...
    def warn(self, warning: str) -> None: ...
    def exit_json(self, **result: Any) -> NoReturn: ...
    def fail_json(self, msg: str, **result: Any) -> NoReturn: ...
