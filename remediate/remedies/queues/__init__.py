"""Remedies for queues."""
