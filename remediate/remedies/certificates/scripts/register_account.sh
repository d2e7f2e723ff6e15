#!/bin/sh
# Gives a renewal configuration an account of the server, and registers one if there is none. Arguments: the
# configuration, the directory of the server's accounts, then certbot's words to register one. The new file takes the
# old one's place only if it is the old one but for that line: a program that dies on the way costs nothing.

set -u; export LC_ALL=C
conf=$1 accounts=$2; shift 2
# shellcheck disable=SC2012 # certbot gives the names, and find cannot sort by age
newest() { ls -t "$accounts" 2>/dev/null | head -n 1; }
id=$(newest)
if [ -z "$id" ]; then
  said=$("$@" 2>&1) || { printf '%s\n' "$said" | grep -v -e '^Ask for help' -e '^Saving' | tail -n 1 >&2; exit 1; }
  id=$(newest)
fi
[ -n "$id" ] || { echo "certbot registered, and no account is in $accounts" >&2; exit 1; }
case $id in *[!A-Za-z0-9_.-]*) echo "an account in $accounts has an odd name: nothing was changed" >&2; exit 1 ;; esac
new=$conf.fleetkeeper-new
others() { { grep -v '^account = ' "$1"; [ $? -le 1 ]; } && echo .; }
proven() {
  before=$(others "$conf") && after=$(others "$new") && [ "$before" = "$after" ] && grep -qxF "account = $id" "$new"
}
made() { cp -p "$conf" "$new" && sed "s/^account = .*/account = $id/" "$conf" >"$new"; }
made && proven && mv "$new" "$conf" && [ ! -e "$new" ] ||
  { rm -f "$new"; echo "$conf could not be written with the account $id: it is as it was" >&2; exit 1; }
