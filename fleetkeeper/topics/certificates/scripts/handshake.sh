#!/bin/sh
# Prints one TLS handshake. Arguments: address:port, then options of s_client, of which a server name is one.

# include fleetkeeper/topics/certificates/scripts/bounded.sh

where=$1; shift
bounded openssl s_client -connect "$where" -showcerts "$@" </dev/null 2>&1
