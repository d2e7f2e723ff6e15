"""Remedies for certificates."""
