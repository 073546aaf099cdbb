"""A module of Ansible that keeps its parameters to itself."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule


class DiscreetModule(AnsibleModule):
    """A module whose parameters don't get into the host's log.

    Ansible masks a `no_log` parameter there, but no secret of several lines inside a list of dictionaries.
    """

    def _log_invocation(self) -> None:
        """Log nothing."""
