"""Commands on nodes and their answers: one connection, one shell, few round trips for each node."""
