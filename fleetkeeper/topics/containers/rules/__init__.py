"""The rules about containers."""
