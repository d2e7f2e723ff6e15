"""Docker from outside: what a command line does with it, and which container is meant."""
