#!/bin/sh
# `listening_sockets PROGRAMS` prints the sockets of the file system on which engines take requests, where that can be
# seen. PROGRAMS are names of their processes, as `dockerd|podman`. What engines keep for their own parts is left out.

listening_sockets() {
  grep -lsxE "$1" /proc/[0-9]*/comm | while IFS=/ read -r _ _ pid _; do
    find "/proc/$pid/fd" -type l -exec readlink {} + 2>/dev/null | sed -n 's/^socket:\[\([0-9]*\)\]$/\1/p' | awk '
      FILENAME == "-" { held[$1] = 1; next }
      $4 == "00010000" && ($7 in held) && $8 ~ /^\// {
        sub(/^([^ ]+ +)([^ ]+ +)([^ ]+ +)([^ ]+ +)([^ ]+ +)([^ ]+ +)([^ ]+ )/, ""); print }' - "/proc/$pid/net/unix" 2>/dev/null
  done | grep -vE '/(libnetwork|plugins|buildkit)/|/metrics\.sock$|/debug\.sock$|\.ttrpc$'
}
