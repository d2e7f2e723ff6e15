# Start the engine again with other settings, or with those of before. Argument: the settings; empty for those of before.
kept=/srv/lab-engine.json settings=/etc/docker/daemon.json
if [ -n "$1" ]; then
  [ ! -e "$kept" ] || exit 0
  cp -p "$settings" "$kept"
  printf '{"defaultAction": "SCMP_ACT_ALLOW"}\n' > /srv/lab-seccomp.json
  printf '%s\n' "$1" > "$settings"
else
  [ -e "$kept" ] || exit 0
  mv "$kept" "$settings"
  rm -f /srv/lab-seccomp.json
fi
pid=$(pgrep -x dockerd) && kill -TERM "$pid"
while [ -n "$pid" ] && [ -e "/proc/$pid" ]; do sleep 0.1; done
exec lab-engine
