"""Skeletons of what a repository gets more of: roles and modules that pass all checks from the start."""
