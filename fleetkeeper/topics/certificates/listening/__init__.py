"""The ports of a node on which TLS is expected, whether or not the inventory names a certificate there."""
