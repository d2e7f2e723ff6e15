"""What the servers are and what is wrong with them. Nothing in here can change a server."""
