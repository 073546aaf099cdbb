"""What Strata's modules share on the hosts."""
