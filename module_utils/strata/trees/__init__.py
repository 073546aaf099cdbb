"""Whole trees of files."""
