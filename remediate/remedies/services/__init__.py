"""Remedies for services."""
