"""X.509 certificates: names, paths and trust."""
