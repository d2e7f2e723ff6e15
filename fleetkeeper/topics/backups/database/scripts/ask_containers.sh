#!/bin/sh
# Runs ask_database.sh in every container of the database's service. Arguments: that script, what Docker calls the
# service, the volume of the backups, its path on the node (or empty), the directory where containers mount it, then the
# arguments for the container.
#
# `unmounted DESTINATION POINT` says that a mount of the container comes from below a mount point of /etc/fstab on which
# nothing is mounted.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

# include fleetkeeper/topics/backups/scripts/storage.sh

inner=$1 service=$2 volume=$3 path=$4 directory=$5
shift 5
list() { docker ps --quiet --no-trunc --filter status=running "$@"; }
mounts() { # of a container: TYPE, NAME, SOURCE, DESTINATION, each ended by a tab
  docker inspect --type container --format \
    '{{range .Mounts}}{{.Type}}{{"\t"}}{{.Name}}{{"\t"}}{{.Source}}{{"\t"}}{{.Destination}}{{"\t\n"}}{{end}}' "$1"
}
where='{{if .Options}}{{.Options.device}}{{end}}'
sources() { # destination, source, of each mount of a container; of a volume also what it is made of
  tab=$(printf '\t')
  mounts "$1" | while IFS= read -r line; do
    rest=${line#*"$tab"} type=${line%%"$tab"*}
    name=${rest%%"$tab"*} rest=${rest#*"$tab"}
    source=${rest%%"$tab"*} rest=${rest#*"$tab"}
    printf '%s\t%s\n' "${rest%%"$tab"*}" "$source"
    [ "$type" = volume ] || continue
    device=$(docker volume inspect --format "$where" -- "$name" 2>/dev/null </dev/null)
    case $device in /*) printf '%s\t%s\n' "${rest%%"$tab"*}" "$device" ;; esac
  done
}
tell_unmounted() {
  tab=$(printf '\t')
  sources "$1" | while IFS= read -r line; do
    unmounted "${line#*"$tab"}" | while IFS= read -r point; do
      printf 'unmounted %s\t%s\n' "${line%%"$tab"*}" "$point"
    done
  done
}
seen_at() { # where a container mounts the backups
  mounts "$1" | awk -F '\t' -v name="$volume" -v path="$path" -v usual="$directory" '
    at == "" && ($2 == name || path != "" && $3 == path) { at = $4 }
    $4 == usual && ($1 != "volume" || path != "") { other = $4 }
    END { print at == "" ? other : at }'
}
ids=$(
  list --filter "label=com.docker.swarm.service.name=$service" &&
  case $service in
    */*) list --filter "label=com.docker.compose.project=${service%%/*}" \
      --filter "label=com.docker.compose.service=${service#*/}" ;;
    *) list --filter "label=com.docker.compose.service=$service" && list --filter "name=^/$service\$" ;;
  esac
) || exit 71
for id in $(printf '%s\n' "$ids" | sort -u); do
  echo "cluster $id"
  tell_unmounted "$id"
  docker exec "$id" sh -c "$inner" sh "$(seen_at "$id")" "$@" || exit 72
done
