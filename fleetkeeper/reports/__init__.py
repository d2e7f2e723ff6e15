"""The reports of an audit: at the end of the terminal, in results.json, as annotations and as heartbeats."""
