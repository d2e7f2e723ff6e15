"""The database behind the backups: is it still the same one, and have its backups come back?

Its rules stand where people look for them: `services.postgres_kept_its_data` and `backups.come_back`.
"""
