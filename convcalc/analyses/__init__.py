"""Questions asked of a graph: one file each, one loop over its steps."""
