"""The newest backups at both of their places, compared by SHA-256.

The rule is in another folder, where people look for it: `backups.exist_elsewhere`.
"""
