"""Remedies for schedules."""
