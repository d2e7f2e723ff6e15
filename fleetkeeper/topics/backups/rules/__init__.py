"""The rules about backups."""
