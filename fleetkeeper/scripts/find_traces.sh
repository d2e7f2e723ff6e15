#!/bin/sh
# Prints what `remediate` has left on this node. Arguments: the directory of old content, then directories with a
# crontab for each user. certbot's own directory is the node's, or what some container has mounted.

export LC_ALL=C
kept=$1; shift
mounts() (

# include fleetkeeper/readers/docker/scripts/find_docker.sh

ids=$(docker ps -aq) || exit 71
# shellcheck disable=SC2086 # ids, to be split
[ -z "$ids" ] || docker inspect --type container --format '{{range .Mounts}}{{println .Source}}{{end}}' $ids
)
mounted=$(mounts); rc=$?
case $rc in 0 | 69) ;; *) echo "unseen what containers have mounted" ;; esac
printf '%s\n' /etc/letsencrypt "$mounted" | sort -u | while IFS= read -r root; do
  hook=$root/renewal-hooks/deploy/fleetkeeper-reload
  if [ -n "$root" ] && [ -f "$hook" ]; then echo "hook $hook"; fi
done
services() (

# include fleetkeeper/readers/docker/scripts/find_docker.sh

manager=$(docker info --format '{{.Swarm.ControlAvailable}}') || exit 71
[ "$manager" = true ] || exit 0
for label in fleetkeeper.user fleetkeeper.update-config; do
  ids=$(docker service ls -q --filter "label=$label") || exit 71
  # shellcheck disable=SC2086 # ids, to be split
  [ -z "$ids" ] || docker service inspect --format "$label={{.Spec.Name}}" $ids || exit 71
done
)
services=$(services); rc=$?
case $rc in 0 | 69) ;; *) echo "unseen the services of the swarm" ;; esac
for service in $services; do
  case $service in fleetkeeper.user=*) echo "service ${service#*=}" ;; *) echo "settings ${service#*=}" ;; esac
done
if [ -e "$kept" ] || [ -h "$kept" ]; then
  echo "kept $(du -sk "$kept" | cut -f 1)" || exit 71
fi
digest() { # SHA-256 of what crontab prints for a user; nothing if it fails
  said=$({ { crontab -u "$1" -l 2>/dev/null; echo "ended $?" >&3; } | sha256sum >&3; } 3>&1)
  case $said in *'ended 0'*) printf '%s\n' "$said" | sed -n 's/ .*-$//p' ;; esac
}
for spool; do
  [ -d "$spool" ] || continue
  if ! [ -r "$spool" ] || ! [ -x "$spool" ]; then echo "unseen $spool"; continue; fi
  for table in "$spool"/*; do
    [ -f "$table" ] || continue
    if ! [ -r "$table" ]; then echo "unseen $table"; continue; fi
    grep -qE '^# (BEGIN|END) fleetkeeper ' "$table" || continue
    digest=$(digest "${table##*/}")
    if [ ${#digest} -eq 64 ]; then echo "marks $digest ${table##*/}"; else echo "unseen $table"; fi
  done
done
echo end
