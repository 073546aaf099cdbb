"""Roles that live in other git repositories: modules.env names them, modules.lock pins them, vendor/roles/ has them."""
