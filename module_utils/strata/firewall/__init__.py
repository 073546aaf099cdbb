"""A chain of iptables of our own, for IPv4 and IPv6."""
