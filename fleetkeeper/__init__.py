"""Descriptions of servers and checks of what is wrong with them. Nothing in this package can change a server."""
