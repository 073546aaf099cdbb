"""The site of a Gerrit: WAR, plugins, configuration, files, and a service that answers."""
