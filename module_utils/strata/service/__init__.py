"""The files and units of one service."""
