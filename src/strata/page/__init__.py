"""One page of HTML for what would change on hosts."""
