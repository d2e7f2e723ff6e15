#!/bin/sh
# Inside a container: opens the devices of NVIDIA's driver, and asks nvidia-smi, where there is one, which GPUs it sees.
# The last line is `asked`. It writes nothing.
LC_ALL=C; export LC_ALL
for device in /dev/nvidiactl /dev/nvidia-uvm; do
  if said=$({ : <"$device"; } 2>&1); then echo "opened $device"; else echo "refused $device ${said##*: }"; fi
done
if ! command -v nvidia-smi >/dev/null 2>&1; then echo absent
elif ! command -v timeout >/dev/null 2>&1; then echo unbounded
else
  said=$(timeout -s KILL 8 nvidia-smi -L 2>&1 </dev/null)
  echo "answered $?"
  printf '%s\n' "$said" | head -c 2000 | sed 's/^/said /'
fi
echo asked
