"""Deploying what merged: the hosts that it affects, in stages, with a record of what happened."""
