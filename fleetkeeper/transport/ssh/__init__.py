"""SSH connections: by our own client on paramiko, or by OpenSSH."""
