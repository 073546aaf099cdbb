"""The verbs of the command line, one a file; each has a click command called `command`."""
