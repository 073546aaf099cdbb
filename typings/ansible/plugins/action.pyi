from typing import Any

class ActionBase:
    TRANSFERS_FILES: bool
    _VALID_ARGS: frozenset[str]
    _supports_check_mode: bool
    _connection: Any
    _display: Any
    _loader: Any
    _play_context: Any
    _shared_loader_obj: Any
    _task: Any
    _templar: Any
    def run(self, tmp: str | None = ..., task_vars: dict[str, Any] | None = ...) -> dict[str, Any]: ...
    def validate_argument_spec(self, argument_spec: dict[str, Any]) -> tuple[Any, dict[str, Any]]: ...
    def _execute_module(
        self,
        module_name: str | None = ...,
        module_args: dict[str, Any] | None = ...,
        tmp: str | None = ...,
        task_vars: dict[str, Any] | None = ...,
    ) -> dict[str, Any]: ...
    def _low_level_execute_command(self, cmd: str, *, in_data: bytes | None = ...) -> dict[str, Any]: ...
