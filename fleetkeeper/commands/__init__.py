"""The command `fleetkeeper`: everything that looks at servers and reports, and changes none."""
