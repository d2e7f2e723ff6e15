#!/bin/sh
# Prints control group, state, users, groups and confinement of the processes in containers: those whose control group
# names 64 hexadecimal digits; then what the kernel lets these control groups take, and the groups of the engine's sockets.
#
# A control group's name may be anybody's: only plain ones are looked at, and of what is there only limits are printed.

# include fleetkeeper/readers/docker/scripts/listening_sockets.sh

grep -lsE '[0-9a-f]{64}' /proc/[0-9]*/cgroup |
  sed 's,cgroup$,status,p;s,status$,uid_map,p;s,uid_map$,gid_map,p;s,gid_map$,attr/current,p;s,attr/current$,cgroup,' |
  xargs grep -HsE \
    -e '^(Name|State|PPid|Uid|Gid|Groups|Threads|NoNewPrivs|Seccomp|CapBnd):|^ *[0-9]+ +[0-9]+ +[0-9]+$|[0-9a-f]{64}' \
    -e '^unconfined$| \((enforce|complain|kill|unconfined|mixed|prompt)\)$'
sed -nE -e 's,^0::(/[A-Za-z0-9_.:@/-]*[0-9a-f]{64}(\.scope)?).*,/sys/fs/cgroup\1,p' \
  -e 's,^[0-9]+:pids:(/[A-Za-z0-9_.:@/-]*[0-9a-f]{64}(\.scope)?).*,/sys/fs/cgroup/pids\1,p' /proc/[0-9]*/cgroup 2>/dev/null |
  awk '!seen[$0]++ { print $0 "/memory.max " $0 "/cpu.max " $0 "/pids.max" }' |
  xargs grep -HsE '^(max|[0-9]+)( [0-9]+)?$'
for socket in "${DOCKER_HOST#unix://}" /run/docker.sock /var/run/docker.sock /run/user/*/docker.sock \
  $(listening_sockets 'dockerd.*|podman'); do
  [ ! -S "$socket" ] || stat -L -c 'engine:%g' "$socket" 2>/dev/null
done
exit 0
