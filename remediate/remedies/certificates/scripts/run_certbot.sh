#!/bin/sh
# Runs certbot once, and says why it failed. Arguments: its words. It ends with 1 if nothing was changed, 70 if
# something was, and 75 if another certbot runs.
#
# Waiting for another certbot asks the authority nothing: it is no second attempt. What certbot keeps is compared, since
# it may also fail after it has renewed.

export LC_ALL=C
kept() { cd /etc/letsencrypt 2>/dev/null && ls -lnR accounts archive live renewal 2>/dev/null; }
before=$(kept)
tries=13
while :; do
  said=$("$@" 2>&1); rc=$?
  case $said in *'nother instance of Certbot is already running'*) ;; *) break ;; esac
  tries=$((tries - 1))
  if [ "$tries" -eq 0 ]; then
    echo 'another certbot is running, and has been for a minute: nothing was done; run this again when it has ended' >&2
    exit 75
  fi
  sleep 5
done
if [ "$rc" -eq 0 ]; then
  case $said in
  *'not yet due'* | *'not due for renewal'*) echo 'certbot finds it not due, and left it as it is' >&2 ;;
  esac
  exit 0
fi
error=$(printf '%s\n' "$said" | sed -n 's/^.*with error: *//p' | head -n 1)
detail=$(printf '%s\n' "$said" | sed -n 's/^ *Detail: *//p' | head -n 1)
if [ -z "$error$detail" ]; then
  error=$(printf '%s\n' "$said" | grep -v -e '^Saving debug log' -e '^Ask for help' -e '^- - ' -e '^$' | tail -n 1)
fi
printf 'certbot: %s%s\n' "$error" "${detail:+ ($detail)}" | cut -c 1-400 >&2
[ "$(kept)" = "$before" ] || exit 70
exit 1
