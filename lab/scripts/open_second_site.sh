#!/bin/sh
# In nginx' container: serves the site $1 with the certificate on standard input.

cat > /etc/nginx/second/cert.pem
cat > /etc/nginx/conf.d/second.conf <<SITE
server {
    listen 443 ssl;
    server_name $1;
    ssl_certificate /etc/nginx/second/cert.pem;
    ssl_certificate_key /etc/nginx/second/key.pem;
    return 204;
}
SITE
nginx -s reload
