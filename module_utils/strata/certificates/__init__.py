"""TLS certificates of a host, with their keys and the roots that it trusts."""
