#!/bin/sh
# Prints what a node has of NVIDIA's driver, and what its GPUs answer, in parts: a line `=NAME WORDS`, then what belongs
# to it, each line with a blank before it. The last part is `=end`. Arguments: what Docker calls the services that need a
# GPU. It changes nothing.
#
# A GPU that hangs keeps whoever asks it in the kernel, where no signal ends it: nvidia-smi is asked on the node and in
# the containers at once, each writes its answer in one piece (below PIPE_BUF), and after ten seconds nobody reads on.
# While one hangs there already, no other is started.

LC_ALL=C; export LC_ALL
inside='# include fleetkeeper/topics/gpus/scripts/ask_worker.sh'
part() { printf '=%s\n' "$*"; }
indented() { tr '\r' ' ' | sed 's/^/ /' | head -c "$1"; }
seen() { part "$1"; printf '%s\n' "$2" | indented 3600; echo; }

seen module "$(head -c 600 /proc/driver/nvidia/version 2>/dev/null)
$(head -c 100 /sys/module/nvidia/version 2>/dev/null)"
part "kernel $(uname -r)"
if command -v modinfo >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then
  part "modinfo $(timeout 5 modinfo -F version nvidia 2>/dev/null | head -c 60)"
fi
[ ! -c /dev/kfd ] || part foreign
seen libraries "$({ { ldconfig -p | sed -n 's/.*libnvidia-ml\.so\.1 .*=> //p'
  ls -d /usr/lib/libnvidia-ml.so.1 /usr/lib64/libnvidia-ml.so.1 /usr/lib/*/libnvidia-ml.so.1 \
    /run/nvidia/driver/usr/lib/*/libnvidia-ml.so.1 /run/nvidia/driver/usr/lib64/libnvidia-ml.so.1 \
    /run/opengl-driver/lib/libnvidia-ml.so.1
  } | sort -u | head -n 20 | while IFS= read -r file; do readlink -f -- "$file"; done; } 2>/dev/null)"
for device in /dev/nvidia*; do
  [ -c "$device" ] || continue
  numbers=$(stat -L -c '%t %T' "$device" 2>/dev/null) || continue
  major=$((0x${numbers% *})) minor=$((0x${numbers#* }))
  linked=no registered=no
  [ ! -c "/dev/char/$major:$minor" ] || linked=yes
  [ ! -e "/sys/dev/char/$major:$minor" ] || registered=yes
  part "device $device $major:$minor $linked $registered"
done
part "ctk $(command -v nvidia-ctk 2>/dev/null)"
[ ! -d /run/udev ] || part udev
seen rules "$(grep -ls create-dev-char-symlinks /etc/udev/rules.d/*.rules /run/udev/rules.d/*.rules \
  /usr/lib/udev/rules.d/*.rules /lib/udev/rules.d/*.rules 2>/dev/null | head -n 10)"

stuck() { # whether an nvidia-smi waits in the kernel
  # shellcheck disable=SC2013 # paths of /proc have no blanks
  for name in $(grep -lsx nvidia-smi /proc/[0-9]*/comm); do
    grep -qs '^State:[[:space:]]*D' "${name%comm}status" && return
  done
  return 1
}
if stuck && sleep 1 && stuck; then part "unasked hangs"; part end; exit 0; fi
if ! command -v timeout >/dev/null 2>&1; then part "unasked unbounded"; part end; exit 0; fi

list() { docker ps --quiet --no-trunc --filter status=running "$@"; }
containers() { # ids of the running containers of the services
  for service; do
    list --filter "label=com.docker.swarm.service.name=$service" &&
    case $service in
      */*) list --filter "label=com.docker.compose.project=${service%%/*}" \
        --filter "label=com.docker.compose.service=${service#*/}" ;;
      *) list --filter "label=com.docker.compose.service=$service" && list --filter "name=^/$service\$" ;;
    esac || return
  done
}
user_of() { # the user of a container's first process, where no user namespace gives it another number; $1 process
  case $1 in '' | 0 | *[!0-9]*) return ;; esac
  map=$(tr -s ' ' < "/proc/$1/uid_map")
  [ "$map" != ' 0 0 4294967295' ] || sed -n 's/^Uid:[[:space:]]*[0-9]*[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}
in_container() { # id
  user=$(user_of "$(docker inspect --type container --format '{{.State.Pid}}' "$1")")
  said=$(timeout -s KILL 9 docker exec ${user:+-u "$user"} "$1" sh -c "$inside" 2>&1 </dev/null | indented 3600)
  printf '=worker %s\n%s\n' "$1" "$said"
}
in_containers() ( # find_docker may end it
# include fleetkeeper/readers/docker/scripts/find_docker.sh
  ids=$(containers "$@") || exit 71
  part listed
  for id in $(printf '%s\n' "$ids" | sort -u); do in_container "$id" & done
)
on_node() {
  command -v nvidia-smi >/dev/null 2>&1 || { part "smi absent"; return; }
  said=$(timeout -s KILL 8 nvidia-smi -L 2>&1 </dev/null)
  status=$?
  printf '=smi %s\n%s\n' "$status" "$(printf '%s\n' "$said" | indented 3600)"
}
ask_all() { on_node & in_containers "$@"; }
{ (ask_all "$@") 2>/dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; } | timeout 10 cat
part end
exit 0
