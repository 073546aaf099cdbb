"""Debian's Apache: sites, modules, ports, and a service that serves them."""
