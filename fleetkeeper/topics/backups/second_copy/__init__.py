"""The newest backups at both of their places, told apart by digest.

The rule stands where people look for it: `backups.exist_elsewhere`.
"""
