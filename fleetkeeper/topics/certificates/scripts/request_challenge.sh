#!/bin/sh
# Prints the HTTP status of a request for an ACME challenge that does not exist. Arguments: name, address, port.

export LC_ALL=C
path=/.well-known/acme-challenge/fleetkeeper-looks
request() { printf 'GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: fleetkeeper\r\n\r\n' "$path" "$1"; }
if command -v curl >/dev/null 2>&1; then
  status=$(curl -s -g -o /dev/null -m 5 -w '%{http_code}' -H "Host: $1" "http://$2:$3$path")
  case $? in 0 | 7 | 52 | 56) echo "$status" ;; *) exit 71 ;; esac
elif command -v bash >/dev/null 2>&1; then
  request "$1" | bash -c 'exec 3<>"/dev/tcp/$0/$1" || { echo 000; exit 0; }
    cat >&3; read -r -t 5 version status rest <&3 && echo "$status" || echo 000' "$2" "$3" 2>/dev/null
elif command -v nc >/dev/null 2>&1; then
  request "$1" | nc -w 5 "$2" "$3" 2>/dev/null | { read -r version status rest && echo "$status" || echo 000; }
else
  exit 69
fi
