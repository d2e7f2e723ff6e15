"""What holds data on a node: Postgres servers wherever they run, and the mounts that containers write."""
