# Start a container, unless there is one of its name; a network, a shared mount and a device (/dev/null, named like a disk) are made for it.
# Arguments: the network, the container's name, and the other words of `docker run`.
network=$1; shift
docker inspect "$1" >/dev/null 2>&1 && exit 0
docker network inspect "$network" >/dev/null 2>&1 || docker network create "$network" >/dev/null || exit 1
if ! mountpoint -q /srv/lab-shared; then
  mkdir -p /srv/lab-shared && mount --bind /srv/lab-shared /srv/lab-shared && mount --make-shared /srv/lab-shared || exit 1
fi
[ -e /dev/vdlab ] || mknod /dev/vdlab c 1 3 || exit 1
name=$1; shift
docker run --detach --name "$name" "$@"
