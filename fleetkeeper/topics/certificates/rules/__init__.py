"""The rules about certificates."""
