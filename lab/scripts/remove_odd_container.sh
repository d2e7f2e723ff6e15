# Remove a container, and the network, the mount and the device that were made for it, unless others are on them.
# Arguments: the network, and the container's name.
docker rm --force --volumes "$2" >/dev/null 2>&1
docker network rm "$1" >/dev/null 2>&1
! mountpoint -q /srv/lab-shared || umount /srv/lab-shared 2>/dev/null
rmdir /srv/lab-shared 2>/dev/null
rm -f /dev/vdlab
exit 0
