#!/bin/sh
# Answers what only the entries can raise. Arguments: `/path` asks whether that program exists, `=/path` for the content
# of that script; anything else is a user: does it exist, and may it talk to Docker.

# include fleetkeeper/readers/cron/scripts/show_file.sh

# include fleetkeeper/readers/cron/scripts/may_show.sh

socket=$(stat -L -c %g /var/run/docker.sock 2>/dev/null)
for word; do
    case $word in
    =*) show script "${word#=}" ;;
    /*) if [ -x "$word" ]; then printf 'program %s\n' "$word"; fi ;;
    *)
        if uid=$(id -u "$word" 2>/dev/null); then
            printf 'user %s\n' "$word"
            case " $(id -G "$word") " in
            *" ${socket:-none} "*) ;;
            *) if [ -n "$socket" ] && [ "$uid" != 0 ]; then printf 'denied %s\n' "$word"; fi ;;
            esac
        fi ;;
    esac
done
echo end
