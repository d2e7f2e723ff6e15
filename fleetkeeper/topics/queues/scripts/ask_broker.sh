#!/bin/sh
# Prints what RabbitMQ in a container says of the queues of one virtual host, of their consumers, and of the channels on
# which these consume: three JSON documents one after the other. Arguments: the virtual host, the container's id.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

host=$1 id=$2
ask() { docker exec "$id" rabbitmqctl -q -t 20 -p "$host" --formatter json "$@" </dev/null || exit 72; }
ask list_queues name auto_delete exclusive consumers messages_ready messages_unacknowledged
ask list_consumers queue_name channel_pid
docker exec "$id" rabbitmqctl -q -t 20 --formatter json list_channels pid name </dev/null || exit 72
