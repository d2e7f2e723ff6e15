#!/bin/sh
# Waits until the certificate of a file is the one that is served. Arguments: as ask_openssl.sh, then the path in the
# container, then options of s_client.

# include remediate/remedies/certificates/scripts/ask_openssl.sh

path=$1; shift
disk=$(docker exec -u 0 "$id" cat "$path" | leaf)
[ -n "$disk" ] || { echo "$path could not be read" >&2; exit 1; }
tries=15
until [ "$(served "$@")" = "$disk" ]; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || { echo "$where still serves another certificate than $path" >&2; exit 1; }
  sleep 1
done
ends=$(openssl_ s_client -connect "$where" "$@" </dev/null 2>/dev/null | openssl_ x509 -noout -enddate)
echo "served now: the certificate that ends ${ends#notAfter=}"
