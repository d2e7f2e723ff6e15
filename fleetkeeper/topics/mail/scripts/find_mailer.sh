#!/bin/sh
# Prints what would take mail from cron on this node, and `end`: the program behind /usr/sbin/sendmail, which mailers are
# installed and run, and whether somebody listens at port 25. It takes no arguments, sends nothing, and writes nothing.

if [ -x /usr/sbin/sendmail ]; then printf 'sendmail %s\n' "$(readlink -f /usr/sbin/sendmail)"; fi
if [ -x /usr/sbin/postfix ]; then echo 'installed postfix'; fi
if [ -x /usr/sbin/nullmailer-send ]; then echo 'installed nullmailer'; fi
for file in /etc/msmtprc /root/.msmtprc; do
    if [ -f "$file" ]; then echo 'configured msmtp'; fi
done
[ -r /proc/1/status ] || echo hidden
for process in /proc/[0-9]*; do
    { read -r name < "$process/comm"; } 2>/dev/null || continue
    case $name in master | nullmailer-send) ;; *) continue ;; esac
    # The programs of containers take no mail of this node.
    grep -qs '^NSpid:.*[0-9][[:space:]][[:space:]]*[0-9]' "$process/status" && continue
    case $name$(tr '\0' ' ' < "$process/cmdline") in
    nullmailer-send*) echo 'running nullmailer' ;;
    */postfix/*) echo 'running postfix' ;;
    esac
done
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ here _ state _; do
    case $here/$state in *:0019/0A) echo 'listening 25' ;; esac
done
echo end
