#!/bin/sh
# Lists the directory of the backups, and says what it lies on. Arguments: name of the volume, its path (or empty), the
# directory below it (or empty).

# include fleetkeeper/topics/backups/scripts/root_of_volume.sh

# include fleetkeeper/topics/backups/scripts/list_files.sh

# include fleetkeeper/topics/backups/scripts/storage.sh

root=$(root_of "$1" "$2") || exit
enter "$root"
root=$(pwd -P)
enter "./$3"
case $(pwd -P)/ in
  "${root%/}"/*) ;;
  *) echo "the directory of the backups is a link out of the volume" >&2; exit 6 ;;
esac
pwd -P
printf '\0kind %s\n' "$(kind_of "$(pwd -P)")"
device=''
[ -n "$2" ] || device=$(docker volume inspect --format '{{if .Options}}{{.Options.device}}{{end}}' -- "$1" 2>/dev/null)
for place in "$2" "$(pwd -P)" "$device"; do
  case $place in /*) unmounted "$place" | sed 's/^/unmounted /' ;; esac
done
printf '\0'
list_all
