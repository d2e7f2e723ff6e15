#!/bin/sh
# Prints what of the node local volumes bind, and where that and the paths that are given lead, in parts:
# `=volume NAME WORD` with what it binds, `=mount WORD` with a path and its real path. WORD is `engine` where an engine's
# socket is there, or below it. The last part is `=end`. It changes nothing.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

# include fleetkeeper/transport/scripts/capped_docker.sh

# include fleetkeeper/readers/docker/scripts/listening_sockets.sh

LC_ALL=C; export LC_ALL
newline='
'
hidden() { # a path below a directory that this account may not enter
  case $1 in /*/*) [ -d "${1%/*}" ] && ! (cd -- "${1%/*}" || exit) 2>/dev/null ;; *) return 1 ;; esac
}
is_engine() { # one of the sockets that are known to be an engine's; where an engine hides its own, others may be too
  case $newline$sockets in *"$newline$(stat -L -c '%d:%i' -- "$1") "*) ;; *) return 1 ;; esac
}
bound() { # each local volume that has a device: its name, `bind` where it is a directory of the node, and the device
  # shellcheck disable=SC2016,SC2086 # a template of Docker, and names, to be split
  docker volume inspect --format '{{if index .Options "device"}}{{.Name}} {{range split (index .Options "o") ","
    }}{{if or (eq . "bind") (eq . "rbind")}}bind{{end}}{{end}} {{json (index .Options "device")}}{{end}}' $1 2>/dev/null
}

if names=$(docker volume ls -q --filter driver=local) && { [ -z "$names" ] || volumes=$(bound "$names"); }; then
  while read -r name rest; do
    case $name in '') continue ;; esac
    case $rest in
    *\\*) printf '=volume %s unclear\n' "$name" ;;
    bind*' "/'*'"' | '"/dev/'*'"')
      device=${rest#*\"}
      device=${device%\"}
      printf '=volume %s bound\n %s\n' "$name" "$device"
      set -- "$@" "$device" ;;
    esac
  done <<VOLUMES
$volumes
VOLUMES
else echo '=volumes unknown'; fi

engines='dockerd.*|containerd|podman|crio' sockets='' unseen=''
# shellcheck disable=SC2013 # paths of /proc, to be split
for process in $(grep -lsxE "$engines" /proc/[0-9]*/comm); do
  [ -r "${process%/comm}/fd" ] || unseen=yes
done
for socket in $(listening_sockets "$engines") /run/docker.sock /var/run/docker.sock /run/containerd/containerd.sock /run/podman/podman.sock \
  /run/crio/crio.sock /run/user/*/docker.sock /run/user/*/podman/podman.sock "${DOCKER_HOST#unix://}"; do
  [ ! -S "$socket" ] || sockets=$sockets$(stat -L -c '%d:%i' -- "$socket")' '$(readlink -f -- "$socket")$newline
done
for path; do
  shift
  case $path in
  *"$newline"*) continue ;;
  esac
  if [ -n "$unseen" ] && [ -S "$path" ] && ! is_engine "$path"; then printf '=mount hidden\n %s\n' "$path"
  elif [ -e "$path" ]; then set -- "$@" "$path"
  elif hidden "$path"; then printf '=mount hidden\n %s\n' "$path"
  else printf '=mount gone\n %s\n' "$path"
  fi
done
if [ $# -gt 0 ]; then
  { printf %s "$sockets"; echo '='; printf '%s\n' "$@"; echo '='
    stat -L -c '%d:%i' -- "$@" 2>/dev/null; echo '='; readlink -f -- "$@"; } | awk '
    $0 == "=" { section++; next }
    !section { id = $1; sub(/^[^ ]* /, ""); engine[id] = 1; at[++sockets] = $0; next }
    section == 1 { path[++paths] = $0; next }
    section == 2 { number[++numbers] = $0; next }
    { real[++reals] = $0 }
    END { whole = numbers == paths && reals == paths
      for (i = 1; i <= paths; i++) {
        word = whole ? "plain" : "hidden"
        if (whole) {
          below = real[i] == "/" ? "/" : real[i] "/"
          if (number[i] in engine) word = "engine"
          for (j = 1; j <= sockets; j++) if (index(at[j], below) == 1) word = "engine"
        }
        printf "=mount %s\n %s\n %s\n", word, path[i], whole ? real[i] : ""
      } }'
fi
echo '=end'
