#!/bin/sh
# Prints the kinds of error lines that containers have logged in the last 24 hours, with their counts; no line leaves the
# node. Arguments: `ID:PID` of each container, its id and its first process.
#
# Of each log at most 20000 lines, 8 MiB and 20 seconds are read. What a variable of the container or a file among its
# secrets holds is masked wherever it occurs; these values go to nobody but the awk that masks, through a pipe.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

# include fleetkeeper/transport/scripts/enter_below.sh

# include fleetkeeper/transport/scripts/is_opened.sh

LC_ALL=C; export LC_ALL
masks='# include fleetkeeper/topics/errors/scripts/mask_errors.awk'
return=$(printf '\r')
sized() { # rows `NAME=VALUE`: how long a part of the value must be to be masked, and the value
  sed -n -e 's/^[A-Za-z0-9_.]*\([Pp][Aa][Ss][Ss]\|[Pp][Ww][Dd]\|[Ss][Ee][Cc][Rr][Ee][Tt]\|[Tt][Oo][Kk][Ee][Nn]\|[Kk][Ee][Yy]\|[Dd][Ss][Nn]\|[Cc][Rr][Ee][Dd]\|[Aa][Uu][Tt][Hh]\|[Ss][Aa][Ll][Tt]\)[A-Za-z0-9_.]*=/E4/p' \
    -e t -e 's/^[^=]*=/E8/p'
}
values() { # id, process: what may be secret of a container
  docker inspect --type container --format '{{range .Config.Env}}{{json .}}{{"\n"}}{{end}}' "$1" 2>/dev/null |
    sed -e 's/^"\(.*\)"$/\1/' -e 's/\\u003c/</g;s/\\u003e/>/g;s/\\u0026/\&/g;s/\\"/"/g' -e "s/\\\\n/$(printf '\001')/g" -e 's/\\\\/\\/g' |
    sized
  tr '\n\000' '\001\n' < "/proc/$2/environ" 2>/dev/null | head -c 262144 | sized
  echo
  (
    enter_below "/proc/$2/root" run/secrets || exit 0
    for file in *; do
      # shellcheck disable=SC2094 # it is only read
      { [ -f "./$file" ] && is_opened 3 "$file" && { head -c 16384 <&3 | tr '\n\000' '\001 ' | sed 's/^/E4/'; echo; }; } 3<"./$file"
    done
  ) 2>/dev/null
}
log() { # id: its lines of the last day, each behind an `L`, then the exit status behind an `S`
  { status=$({
      { timeout -s KILL 20 docker logs --since 24h --tail 20000 "$1" 2>&1 7>&- 8>&-; echo $? >&7; } |
        head -c 8388608 | tr -d "\\000$return" | cut -b 1-4000 | sed 's/^/L/' >&8
    } 7>&1); } 8>&1
  printf '\nS%s\n' "$status"
}
for word in "$@"; do
  printf '=container %s\n' "${word%%:*}"
  # Without its values nothing of its log could be masked.
  { docker inspect --type container "${word%%:*}" && head -c 1 "/proc/${word#*:}/environ"; } >/dev/null 2>&1 || continue
  { values "${word%%:*}" "${word#*:}"; echo; log "${word%%:*}"; } | awk "$masks"
done
echo '=end'
