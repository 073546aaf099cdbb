"""Roles for other repositories: as folders with all that they need inside, or as a collection."""
