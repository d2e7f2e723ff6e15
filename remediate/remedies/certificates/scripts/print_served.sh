#!/bin/sh
# Prints the SHA-256 of the certificate that is served. Arguments: as ask_openssl.sh, then options of s_client.

# include remediate/remedies/certificates/scripts/ask_openssl.sh
served "$@" | plain
