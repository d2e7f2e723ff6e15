#!/bin/sh
# `served OPTIONS…` prints the fingerprint of the certificate that is served, by the node's openssl or the container's.
# Arguments: container, address:port, port in the container.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

export LC_ALL=C
id=$1 where=$2 inside=$3; shift 3
openssl_() { openssl "$@"; }
if ! command -v openssl >/dev/null 2>&1; then
  where=127.0.0.1:$inside
  openssl_() { docker exec -i -u 0 "$id" openssl "$@"; }
fi
leaf() { openssl_ x509 -noout -fingerprint -sha256; }
served() { openssl_ s_client -connect "$where" "$@" </dev/null 2>/dev/null | leaf; }
plain() { sed 's/^.*=//;s/://g' | tr A-F a-f; }
