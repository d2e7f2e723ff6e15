"""The rules about services."""
