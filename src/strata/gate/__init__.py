"""The gate: the checks that a change needs, cheapest first, and what became of them."""
