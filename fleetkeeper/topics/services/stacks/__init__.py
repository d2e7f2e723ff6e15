"""Stacks: what their files declare, beside what runs."""
