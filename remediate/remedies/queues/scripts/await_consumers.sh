#!/bin/sh
# Waits until a queue of RabbitMQ has so many consumers: a minute and a half at most, and two seconds more, in which a worker
# that consumes also begins to answer. Arguments: virtual host, the broker's container, queue, number.
begin=$(date +%s)
while [ $(($(date +%s) - begin)) -lt 90 ]; do
  number=$(docker exec "$2" rabbitmqctl -q -t 20 list_consumers -p "$1" --no-table-headers queue_name </dev/null 2>/dev/null |
    awk -v queue="$3" '$0 == queue { n++ } END { print n + 0 }')
  if [ "$number" -ge "$4" ]; then sleep 2; exit 0; fi
  sleep 1
done
echo "the queue is not consumed as before after 90 s" >&2
exit 3
