"""What the runbook does by hand with backups: list, create, verify, restore, and try a restore."""
