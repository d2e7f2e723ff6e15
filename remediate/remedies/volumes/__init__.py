"""Remedies for volumes."""
