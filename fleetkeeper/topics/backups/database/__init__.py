"""The database behind the backups: whether it is still the same one, and whether its backups can be restored.

Its rules are in other folders, where people look for them: `services.postgres_kept_its_data` and `backups.come_back`.
"""
