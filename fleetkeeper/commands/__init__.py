"""The command `fleetkeeper`: everything that looks and tells, and changes no server."""
