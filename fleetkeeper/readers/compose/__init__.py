"""Parsing of stack and Compose files, with the position of every value."""
