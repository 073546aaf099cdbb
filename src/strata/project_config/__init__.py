"""The flat files of a Gerrit server: gerrit/projects.yaml and gerrit/acls, read, checked and fixed."""
