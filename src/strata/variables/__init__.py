"""The variables of hosts: where their values come from, and which of them are secrets."""
