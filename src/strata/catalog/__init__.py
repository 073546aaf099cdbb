"""Catalogs: the module calls that site.yml would make on a host, compiled without asking the host."""
