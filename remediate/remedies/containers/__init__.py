"""Remedies for containers."""
