"""What a change affects: a graph that is read off the repository, from changed files to what must be tested."""
