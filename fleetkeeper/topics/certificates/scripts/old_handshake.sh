#!/bin/sh
# Prints one handshake that offers nothing newer than TLS 1.1. Arguments: as handshake.sh. Debian's own openssl.cnf
# refuses old protocols on the client's side: then nothing could be said about the server. OpenSSL before 1.1.1 has no
# TLS 1.3 to leave out.

# include fleetkeeper/topics/certificates/scripts/bounded.sh

where=$1; shift
export OPENSSL_CONF=/dev/null
old() { bounded openssl s_client -connect "$where" -cipher ALL:!aNULL:@SECLEVEL=0 -no_tls1_2 "$@" </dev/null 2>&1; }
said=$(old -no_tls1_3 "$@"); rc=$?
case $said in *nknown\ option*no_tls1_3*) said=$(old "$@"); rc=$? ;; esac
printf '%s\n' "$said"
exit "$rc"
