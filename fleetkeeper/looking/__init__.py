"""One look at all nodes: collecting the facts of each node and topic."""
