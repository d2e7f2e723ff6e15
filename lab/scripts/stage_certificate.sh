#!/bin/sh
# In nginx' container: serves what a staging server would have signed, and lets certbot's renewals go there.

set -e
new=$(mktemp -d); trap 'rm -r "$new"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 900 -keyout "$new/key" -out "$new/ca" \
  -subj '/CN=(STAGING) Artificial Apricot R3' 2>/dev/null
csr | openssl x509 -req -CA "$new/ca" -CAkey "$new/key" -CAserial "$new/serial" -CAcreateserial -days 80 \
  -copy_extensions copy 2>/dev/null | cat - "$new/ca" | adopt
staging=https://acme-staging-v02.api.letsencrypt.org/directory
sed -i "s|^server = .*|server = $staging|" "/etc/letsencrypt/renewal/$DOMAIN.conf"
