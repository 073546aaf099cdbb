"""Apt's sources and settings, and all packages of a host."""
