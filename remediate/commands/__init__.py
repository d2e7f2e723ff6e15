"""The command `remediate`: everything that may change a server."""
