"""Entry point of `bin/strata`."""

from strata.cli import main

main()
