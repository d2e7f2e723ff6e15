# Give the engine's files back to root, with modes and times as they were, and remove those that were made.
# The settings are those that the engine has read: were their folder newer than it, they would not be believed.
[ -e /srv/lab-daemon.json ] || exit 0
chown root /etc/docker /etc/docker/daemon.json /etc/default/docker && chmod 755 /etc/docker && chmod 644 /etc/default/docker
mv /srv/lab-daemon.json /etc/docker/daemon.json
[ ! -e /srv/lab-default-made ] || rm -f /etc/default/docker /srv/lab-default-made
rm -rf /etc/docker/tls /etc/docker/certs.d /etc/sysconfig/docker
touch -r /srv/lab-docker-folder /etc/docker && rm -f /srv/lab-docker-folder
rmdir /etc/sysconfig 2>/dev/null
exit 0
