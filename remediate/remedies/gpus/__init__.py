"""Remedies for GPUs."""
