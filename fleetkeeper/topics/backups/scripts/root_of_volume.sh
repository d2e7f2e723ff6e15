#!/bin/sh
# `root_of NAME PATH` prints the directory of a volume. One that is mounted only while in use, and is not now, is an
# error.

export LC_ALL=C
where='{{if .Options}}{{if .Options.device}}device{{end}}{{end}} {{.Mountpoint}}'
root_of() {
  if [ -n "$2" ]; then printf '%s\n' "$2"; return; fi
  found=$(docker volume inspect --format "$where" -- "$1") || return
  case $found in
    device*)
      grep -qF " ${found#* } " /proc/mounts || { echo "the volume $1 is not mounted on this node" >&2; return 6; }
      ;;
  esac
  printf '%s\n' "${found#* }"
}
