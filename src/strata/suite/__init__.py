"""The tests as `strata test` runs them: parts that run beside each other and are counted in single cases."""
