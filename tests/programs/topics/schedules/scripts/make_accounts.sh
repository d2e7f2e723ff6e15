#!/bin/sh
# Makes the accounts of the recorded crontabs in a fresh Debian. It takes no arguments.
set -eu
number=2000
for user in u01 expired pwexpired mustchange noshadow inactive locked nologin futurechange homeless; do
    useradd -u "$number" -m "$user"
    number=$((number + 1))
done
usermod -s /usr/sbin/nologin nologin
chage -E 2020-01-01 expired
chage -d 2020-01-01 -M 90 pwexpired
chage -d 0 mustchange
chage -d 2020-01-01 -M 90 -I 10 inactive
passwd -q -l locked
chage -d "$(date -d '+200 days' +%F)" futurechange
sed -i '/^noshadow:/d' /etc/shadow
rm -rf /home/homeless
mkdir -p /var/spool/cron/crontabs /etc/cron.hourly
chmod 1730 /var/spool/cron/crontabs
ln -s /etc/passwd /etc/alink
: > /etc/backup.pause
: > /etc/empty
echo A=1 > /etc/good.env
: > /tmp/fired
chmod 666 /tmp/fired
