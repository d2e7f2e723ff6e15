# Give the engine's files to another account, and let everybody write them; those that are not there are made.
# Its settings name certificates of the engine, which it does not read again while it runs.
[ ! -e /srv/lab-daemon.json ] || exit 0
touch -r /etc/docker /srv/lab-docker-folder
cp -p /etc/docker/daemon.json /srv/lab-daemon.json
mkdir -p /etc/docker/tls /etc/docker/certs.d/registry.lab.example /etc/sysconfig
names=/etc/docker/tls/
for key in ca cert key; do echo "$key of the lab" > "$names$key.pem"; done
sed -i "1s|^{|{\"tlscacert\": \"${names}ca.pem\", \"tlscert\": \"${names}cert.pem\", \"tlskey\": \"${names}key.pem\", |" \
  /etc/docker/daemon.json
echo "of the lab" > /etc/docker/certs.d/registry.lab.example/ca.crt
[ -e /etc/default/docker ] || { : > /etc/default/docker; : > /srv/lab-default-made; }
echo "# of the lab" > /etc/sysconfig/docker
set -- /etc/docker /etc/docker/daemon.json /etc/docker/tls/*.pem /etc/default/docker /etc/sysconfig/docker \
  /etc/docker/certs.d/registry.lab.example/ca.crt
chown games "$@" && chmod a+rw "$@"
