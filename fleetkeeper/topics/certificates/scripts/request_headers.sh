#!/bin/sh
# Prints the headers of an HTTPS answer. Arguments: address:port, the name of the host, then options of s_client.

# include fleetkeeper/topics/certificates/scripts/bounded.sh

where=$1 name=$2; shift 2
printf 'GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: fleetkeeper\r\nConnection: close\r\n\r\n' "$name" |
  bounded openssl s_client -connect "$where" -quiet "$@" 2>/dev/null | head -c 16384 |
  sed "/^$(printf '\r')\{0,1\}\$/q"
