"""Remedies for backups."""
