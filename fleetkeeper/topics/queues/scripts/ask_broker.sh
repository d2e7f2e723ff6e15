#!/bin/sh
# Prints what RabbitMQ in a container says of the queues of one virtual host, of their consumers, and of the channels on
# which these consume: three JSON documents one after the other; where messages wait, or are with consumers, the queues
# once more at the end.
# Arguments: the virtual host, the container's id.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

host=$1 id=$2
exec 3>&1
ask() { # an error of rabbitmqctl stands before its usage, over several lines
  errors=$(docker exec "$id" rabbitmqctl -q -t 20 --formatter json "$@" 2>&1 1>&3 </dev/null) || {
    printf '%s\n' "$errors" | awk '/^Error/ { on = 1 } /^Arguments given/ || on && !NF { exit } on || NR == 1 { printf "%s ", $0 } END { print "" }' >&2
    exit 72
  }
}
ask_queues() {
  ask list_queues -p "$host" name auto_delete exclusive consumers messages_ready messages_unacknowledged
}
queues=$(ask_queues 3>&1) || exit
printf '%s\n' "$queues"
ask list_consumers -p "$host" queue_name channel_pid
ask list_channels pid name
if printf '%s\n' "$queues" | grep -qE '"messages_(ready|unacknowledged)": ?[1-9]'; then ask_queues; fi
