#!/bin/sh
# In nginx' container: prints a certificate request for the site $1.

mkdir -p /etc/nginx/second; cd /etc/nginx/second || exit
[ -s key.pem ] || openssl ecparam -name prime256v1 -genkey -noout -out key.pem
openssl req -new -key key.pem -subj "/CN=$1" -addext "subjectAltName=DNS:$1"
