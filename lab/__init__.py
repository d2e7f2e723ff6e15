"""A miniature production on one machine, broken on purpose when asked."""
