"""All that catalogs use of ansible-core's private names, and nothing else: another ansible-core is met here first."""

from __future__ import annotations

#: The series of ansible-core with which catalogs are tested to be what a run sends.
CORES = ("2.19", "2.21")
