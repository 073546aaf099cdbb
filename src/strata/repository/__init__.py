"""The repository as data: its files, roles, inventories and plays."""
