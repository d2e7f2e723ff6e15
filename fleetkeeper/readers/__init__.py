"""Readers of other people's formats. They know no topic."""
