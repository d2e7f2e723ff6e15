"""Parsing of command lines that use Docker, and of the engine's output."""
