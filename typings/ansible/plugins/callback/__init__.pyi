from typing import Any

from ansible.plugins import AnsiblePlugin

class CallbackBase(AnsiblePlugin):
    _display: Any
    disabled: bool
