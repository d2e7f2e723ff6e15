#!/bin/sh
# Says by its status whether a member of the swarm has labels with these values. Arguments: its id, then a name and a value
# for each.
member=$1; shift
while [ $# -gt 1 ]; do
  value=$(docker node inspect --format "{{index .Spec.Labels \"$1\"}}" "$member") && [ "$value" = "$2" ] || exit 1
  shift 2
done
