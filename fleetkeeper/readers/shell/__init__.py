"""Parsing of command lines as /bin/sh reads them, without running them."""
