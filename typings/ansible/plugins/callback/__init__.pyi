from typing import Any

from ansible.plugins import AnsiblePlugin

class CallbackBase(AnsiblePlugin):
    _current_task_result: Any
    _display: Any
    disabled: bool
    def _handle_exception(self, result: Any, use_stderr: bool = ...) -> None: ...
