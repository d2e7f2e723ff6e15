#!/bin/sh
# Prints how the Docker engine of this node is set up, in parts: a line `=NAME WORDS`, then what belongs to it, each line
# with a blank before it. The last part is `=end`. It takes no arguments, and changes nothing.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

# include fleetkeeper/transport/scripts/capped_docker.sh

LC_ALL=C; export LC_ALL
newline='
'
return=$(printf '\r')
indented() { head -c "$1" | sed "s/$return/ /g;s/^/ /"; }
part() { printf '=%s\n' "$*"; }
hidden() { # a path below a directory that this account may not enter
  case $1 in /*/*) [ -d "${1%/*}" ] && ! (cd -- "${1%/*}" || exit) 2>/dev/null ;; *) return 1 ;; esac
}

inside() { # a process of a container
  grep -qs '^NSpid:.*[0-9][[:space:]][[:space:]]*[0-9]' "/proc/$1/status"
}
engines() {
  { read -r pid < /run/docker.pid && [ -d "/proc/$pid" ] && echo "$pid"; } 2>/dev/null
  for process in /proc/[0-9]*; do
    { read -r name < "$process/comm"; } 2>/dev/null || continue
    case $name in dockerd) inside "${process#/proc/}" || echo "${process#/proc/}" ;; esac
  done
}
listening() { # the paths and the ports of sockets on which a process listens; nothing where that is hidden
  find "/proc/${1:-none}/fd" -type l -exec readlink {} + 2>/dev/null | sed -n 's/^socket:\[\([0-9]*\)\]$/\1/p' | awk '
    FILENAME == "-" { held[$1] = 1; next }
    FILENAME ~ /unix$/ { if ($4 == "00010000" && ($7 in held) && $8 ~ /^\//) {
      sub(/^([^ ]+ +)([^ ]+ +)([^ ]+ +)([^ ]+ +)([^ ]+ +)([^ ]+ +)([^ ]+ )/, ""); print "unix " $0 } next }
    $4 == "0A" && ($10 in held) { print "tcp " $2 }' - "/proc/$1/net/unix" "/proc/$1/net/tcp" "/proc/$1/net/tcp6" 2>/dev/null |
    sort -u | head -n 500
}
answers() { # whether a process listens on the socket that the client asks
  own=${DOCKER_HOST#unix://}
  printf '%s\n' "$2" | grep -qxF -e "unix ${own:-/run/docker.sock}" -e "unix ${own:-/var/run/docker.sock}"
}
# Of several engines it is the one that answers; without a sign of any, and with several, none was seen.
pids=$(engines | sort -u) pid='' sockets='' count=0
for candidate in $pids; do
  count=$((count + 1)) open=$(listening "$candidate")
  if answers "$candidate" "$open" || { [ -z "$pid" ] && [ "$pids" = "$candidate" ]; }; then
    pid=$candidate sockets=$open
  fi
done
[ -z "$pid" ] || count=1
config=/etc/docker/daemon.json containerd='' last=''
words=$(tr '\0' '\n' < "/proc/${pid:-none}/cmdline" 2>/dev/null)
IFS='
'
set -f
for word in $words; do
  case $last in
  --config-file) config=$word ;;
  --containerd) containerd=$word ;;
  esac
  case $word in
  --config-file=*) config=${word#*=} ;;
  --containerd=*) containerd=${word#*=} ;;
  esac
  last=$word
done
set +f
program=$(readlink "/proc/${pid:-none}/exe" 2>/dev/null)
part "process $count ${program:-?}"
tr '\0' '\n' < "/proc/${pid:-none}/cmdline" 2>/dev/null | indented 65536

info=$(docker info --format '{{json .}}') || exit 71
part info
printf '%s\n' "$info" | sed -E 's/"([A-Za-z]*Proxy)": *"([^"\\]|\\.)*"/"\1":""/g' | indented 4194304
if bridge=$(docker network inspect bridge --format '{{json .Options}}' 2>/dev/null); then
  part bridge
  printf '%s\n' "$bridge" | indented 65536
elif bridge=$(docker network ls --filter name=bridge --format '{{.Name}}' 2>/dev/null) &&
  ! printf '%s\n' "$bridge" | grep -qx bridge; then part bridge
else part "bridge unknown"; fi
case $info in *'"ControlAvailable":true'*)
  # shellcheck disable=SC2086 # ids, to be split
  if overlays=$(docker network ls -q --no-trunc --filter driver=overlay) && { [ -z "$overlays" ] ||
    overlays=$(IFS=$newline; docker network inspect --format \
      '{"Name":{{json .Name}},"Ingress":{{json .Ingress}},"Options":{{json .Options}}}' $overlays 2>/dev/null); }; then
    part "overlays listed"
    printf '%s\n' "$overlays" | indented 4194304
  else part "overlays unknown"; fi ;;
esac

started() { # when the engine started, in epoch seconds: by its own file, else by the kernel, which rounds
  if [ "$(cat /run/docker.pid 2>/dev/null)" = "$pid" ]; then stat -L -c %Y /run/docker.pid; return; fi
  begun=$(sed 's/.*) //' "/proc/${pid:-none}/stat" 2>/dev/null | cut -d' ' -f20)
  boot=$(sed -n 's/^btime //p' /proc/stat 2>/dev/null)
  [ -z "$begun" ] || [ -z "$boot" ] || echo $((boot + begun / $(getconf CLK_TCK 2>/dev/null || echo 100) + 2))
}
is_newer() { # whether the settings were written since: also by a link to others, or by others in their place
  [ "$(stat -L -c %Y "$config" 2>/dev/null || echo 0)" -gt "$1" ] || [ "$(stat -c %Y "$config")" -gt "$1" ] || {
    real=$(readlink -f -- "$config")
    [ "$(stat -c %Z "$real")" -gt "$1" ] && [ "$(stat -c %Y "${real%/*}/")" -gt "$1" ]
  }
}
newer='' since=$(started)
[ ! -e "$config" ] || [ -z "$since" ] || ! is_newer "$since" 2>/dev/null || newer=' newer'
if hidden "$config"; then part "settings unreadable"
elif [ ! -e "$config" ]; then part "settings absent"
elif [ ! -f "$config" ]; then part "settings special"
elif [ ! -r "$config" ]; then part "settings unreadable"
elif [ "$(wc -c < "$config")" -gt 1048576 ]; then part "settings large"
else
  part "settings read$newer"
  indented 1048576 < "$config"
  echo
fi

rows=''
described() { # role, path: keeps a row for `show_described`; nothing where there is no such file
  if [ -e "$2" ]; then
    case $2 in
    *"$newline"*) part "file $1 ? ? ? ?" ;;
    *) rows=$rows$1' '$2$newline ;;
    esac
  elif hidden "$2"; then printf '=file %s ? ? ? ?\n %s\n %s\n' "$1" "$2" "$(readlink -f -- "$2")"
  fi
}
show_described() { # prints the rows that were kept; all are unknown where one has gone meanwhile
  [ -n "$rows" ] || return 0
  set -f
  # shellcheck disable=SC2046 # paths, one a line, to be split
  set -- $(printf %s "$rows" | cut -d' ' -f2-)
  set +f
  { printf %s "$rows"; echo '='; stat -L -c '%u %g %a %G' -- "$@" 2>/dev/null; echo '='; readlink -f -- "$@"; } | awk '
    $0 == "=" { section++; next }
    !section { row[++rows] = $0; next }
    section == 1 { number[++numbers] = $0; next }
    { real[++reals] = $0 }
    END { whole = numbers == rows && reals == rows
      for (i = 1; i <= rows; i++) {
        role = row[i]; sub(/ .*/, "", role); path = substr(row[i], length(role) + 2)
        printf "=file %s %s\n %s\n %s\n", role, whole ? number[i] : "? ? ? ?", path, whole ? real[i] : ""
      } }'
  rows=''
}
setting() { # the text of a key of the settings
  [ -f "$config" ] && [ -r "$config" ] &&
    head -c 1048576 "$config" | tr '\n' ' ' | sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"\\\\]*\)\".*/\1/p"
}
option() { # the value of an option of the command line
  printf '%s\n' "$words" | awk -v name="--$1" '
    want { print; exit } $0 == name { want = 1 } index($0, name "=") == 1 { print substr($0, length(name) + 2); exit }'
}
profile=$(option seccomp-profile)
profile=${profile:-$(setting seccomp-profile)}
case $profile in /*) # of a profile of seccomp its default action alone
  if hidden "$profile" || [ ! -f "$profile" ] || [ ! -r "$profile" ]; then part "seccomp unread"
  elif [ -n "$since" ] && [ "$(stat -L -c %Y -- "$profile")" -gt "$since" ]; then part "seccomp newer"
  else
    part "seccomp read"
    head -c 1048576 "$profile" | tr '\n\r' '  ' | grep -oiE '"defaultAction"[[:space:]]*:[[:space:]]*"[A-Z_]*"' | indented 4096
  fi ;;
esac
root=$(printf '%s\n' "$info" | sed -n 's/.*"DockerRootDir": *"\([^"\\]*\)".*/\1/p')
state=$root/swarm/docker-state.json
if [ -n "$root" ] && [ -f "$state" ] && [ -r "$state" ]; then part "state read"; indented 65536 < "$state"; echo
else part "state unread"; fi
data=$(sed -n "s/^[[:space:]]*root[[:space:]]*=[[:space:]]*[\"']\([^\"']*\)[\"'].*/\1/p" /etc/containerd/config.toml 2>/dev/null | head -n 1)

shown='' unit=''
if command -v systemctl >/dev/null 2>&1 && [ -d /run/systemd/system ]; then
  part "systemd yes"
  unit=$(sed -n 's|.*/\([A-Za-z0-9_.@-]*\.service\)$|\1|p' "/proc/${pid:-none}/cgroup" 2>/dev/null | head -n 1)
  case $unit in docker.service | user@*) unit='' ;; esac
  shown=$(systemctl show docker.service docker.socket ${unit:+"$unit"} -p Id,FragmentPath,DropInPaths,Listen,SocketGroup 2>/dev/null)
else part "systemd no"; fi
property() { # of a unit: the rest of the lines with a key
  printf '%s\n' "$shown" | awk -v unit="$1" -v key="$2=" '
    BEGIN { RS = "" } index("\n" $0 "\n", "\nId=" unit "\n") {
      n = split($0, line, "\n"); for (i = 1; i <= n; i++) if (index(line[i], key) == 1) print substr(line[i], length(key) + 1) }'
}
for name in docker.service docker.socket $unit; do
  case $name in docker.s*) role=$name ;; *) role=docker.service ;; esac
  described "$role" "$(property "$name" FragmentPath)"
  set -f; IFS=' '
  for file in $(property "$name" DropInPaths); do described "$role" "$file"; done
  set +f; IFS=$newline
done
part listen
property docker.socket Listen | indented 65536
part socket-group
property docker.socket SocketGroup | indented 1024
described config "$config"
described /etc/docker /etc/docker
described /etc/default/docker /etc/default/docker
described /etc/sysconfig/docker /etc/sysconfig/docker
described dockerd "$program"
described /run/containerd /run/containerd
described data "$root"
described containerd-config /etc/containerd/config.toml
for name in containerd containerd-shim containerd-shim-runc-v1 containerd-shim-runc-v2 runc; do
  described "$name" "$(command -v "$name" 2>/dev/null)"
done
# Without an address of another one it is the system's containerd, or one that dockerd has started for itself.
containerd=${containerd:-$(setting containerd)}
containerd=${containerd:-$(printf '%s\n' "$info" | sed -n 's/.*"Containerd":{"Address":"\([^"\\]*\)".*/\1/p')}
own=$(option exec-root)
own=${own:-$(setting exec-root)}
if [ -n "$containerd" ]; then described containerd.sock "$containerd"
else
  described containerd.sock /run/containerd/containerd.sock
  described containerd.sock "${own:-/run/docker}/containerd/containerd.sock"
fi
case $words in
*--tls*) tls=yes ;;
*) tls=$([ ! -f "$config" ] || head -c 1048576 -- "$config" 2>/dev/null | grep -c '"tls') ;;
esac
variable() { # the value of a variable of dockerd
  tr '\0' '\n' < "/proc/${pid:-none}/environ" 2>/dev/null | sed -n "s/^$1=//p" | head -n 1
}
keys=$(variable DOCKER_CERT_PATH) home=$(variable HOME) own=$(variable DOCKER_CONFIG)
keys=${keys:-${own:-${home:-/root}/.docker}}
[ "${tls:-0}" = 0 ] || for key in tlscacert tlscert tlskey; do
  file=$(option "$key")
  file=${file:-$(setting "$key")}
  described "$key" "${file:-$keys/$(printf %s "${key#tls}" | sed 's/^cacert$/ca/').pem}"
done
show_described
certificates=/etc/docker/certs.d
if hidden "$certificates"; then described certs.d "$certificates"; fi
if [ -d "$certificates" ]; then
  # What cannot be searched, is more than can be shown, or has a line break in its name, is not known.
  if files=$(find -L "$certificates" -type f 2>/dev/null) && [ "$(printf '%s\n' "$files" | wc -l)" -le 1000 ] &&
    [ -z "$(find -L "$certificates" -name "*$newline*" 2>/dev/null)" ]; then :
  else printf '=file certs.d ? ? ? ?\n %s\n %s\n' "$certificates" "$certificates"; fi
  printf '%s\n' "$files" | head -n 1000 | {
    while read -r file; do described certs.d "$file"; done
    show_described
  }
fi

if [ -n "$sockets" ]; then part "sockets seen"; else part "sockets hidden"; fi
printf '%s\n' "$sockets" | indented 65536
printf '%s\n' "$sockets" | sed -n 's/^unix //p' | head -n 50 | {
  groups=' '
  while read -r socket; do
    described socket "$socket"
    # shellcheck disable=SC2012 # the eleventh character says whether there is an access list
    acl=$(ls -ld "$socket" 2>/dev/null | cut -c11)
    if [ "$acl" = + ]; then
      if command -v getfacl >/dev/null 2>&1; then
        part acl; getfacl -cp "$socket" 2>/dev/null | grep -E '^(user|group):[^:]' | indented 8192
      else part "acl unknown"; fi
    fi
    group=$(stat -L -c %g "$socket" 2>/dev/null)
    case $groups in *" $group "*) continue ;; esac
    groups="$groups$group "
    command -v getent >/dev/null 2>&1 || group=''
    part "group ${group:-?}"
    { getent group "${group:-none}"; getent group; } 2>/dev/null |
      awk -F: -v gid="$group" '$3 == gid { n = split($4, name, ","); for (i = 1; i <= n; i++) print name[i] }' | sort -u |
      indented 65536
    getent passwd 2>/dev/null | awk -F: -v gid="$group" '$4 == gid { print $1 }' | indented 65536
  done
  show_described
}

is_apart() { # whether a directory is on another file system than what it is in: dockerd may mount its own onto itself
  [ "$(stat -c %d "$1")" != "$(stat -c %d "$1/..")" ]
}
for directory in "$root" "${data:-/var/lib/containerd}"; do
  [ -d "$directory" ] || continue
  if ! command -v mountpoint >/dev/null 2>&1; then mounted=unknown
  elif mountpoint -q "$directory" && is_apart "$(readlink -f -- "$directory")"; then mounted=yes
  else mounted=no; fi
  part "disk $mounted"
  printf '%s\n' "$directory" | indented 8192
done

watched() { # rules, with real paths in place of those that are written
  while read -r rule; do
    set -f; IFS=' '; last=''
    # shellcheck disable=SC2086 # words, to be split
    set -- $rule
    for word; do
      case $last/$word in
      -w/*) printf ' %s' "$(readlink -f -- "${word%/}" || printf %s "$word")" ;;
      */path=* | */dir=*) printf ' %s=%s' "${word%%=*}" "$(readlink -f -- "${word#*=}" || printf %s "${word#*=}")" ;;
      *) printf ' %s' "$word" ;;
      esac
      last=$word
    done
    set +f; echo
  done
}
if ! command -v auditctl >/dev/null 2>&1; then part "audit absent"
elif ! state=$(auditctl -s 2>/dev/null) || ! rules=$(auditctl -l 2>/dev/null); then part "audit refused"
else
  part "audit $(printf '%s\n' "$state" | sed -n 's/^enabled[ =]*\([0-9]\).*/\1/p;s/.*enabled=\([0-9]\).*/\1/p' | head -n 1)"
  printf '%s\n' "$rules" | head -n 2000 | watched
fi
part saved
# Where augenrules makes audit.rules from rules.d at each boot, what is only in the former is gone then.
if command -v augenrules >/dev/null 2>&1 && [ -d /etc/audit/rules.d ]; then cat /etc/audit/rules.d/*.rules
else cat /etc/audit/audit.rules; fi 2>/dev/null | grep -E '^[[:space:]]*-[waA]' | head -n 2000 | watched
part end
