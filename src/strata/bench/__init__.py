"""Benchmarks: the same converged state kept by several means, each on a host of its own, measured in turn."""
