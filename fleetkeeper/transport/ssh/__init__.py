"""SSH connections: by our own client on paramiko, or by the OpenSSH client."""
