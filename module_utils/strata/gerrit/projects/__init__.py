"""Gerrit's projects, with their ACLs and groups."""
