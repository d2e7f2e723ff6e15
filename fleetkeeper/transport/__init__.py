"""How a node is asked: one connection, one shell, few round trips."""
