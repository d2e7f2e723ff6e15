"""One look at all nodes: the facts of each node and topic."""
