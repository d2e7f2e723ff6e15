"""X.509 certificates: their names, certification paths and trust."""
