#!/bin/sh
# Answers what only the entries can raise. Arguments: `/path` asks whether that program exists, `=/path` for the content
# of that script, `?/path` what there is at a path, `&name` whether a process of that name runs, `@/path` where Docker's
# client asks with its settings in that directory (`settings PATH PLACE`, no place for the node's engine); anything else
# is a user: does it exist, may it talk to Docker, does cron run something for it.

# include fleetkeeper/readers/cron/scripts/show_file.sh

# include fleetkeeper/readers/cron/scripts/may_show.sh

# include fleetkeeper/readers/cron/scripts/describe_path.sh

# include fleetkeeper/readers/docker/scripts/foreign_endpoint.sh

# include fleetkeeper/readers/cron/scripts/describe_user.sh

# shellcheck disable=SC2034 # for describe_user
socket=$(stat -L -c %g /var/run/docker.sock 2>/dev/null)
accounts=
for word; do
    case $word in
    =*) show script "${word#=}" ;;
    \?*) describe_path "${word#\?}" ;;
    @*) printf 'settings %s %s\n' "${word#@}" "$(foreign_endpoint "" "${word#@}" "" usual)" ;;
    \&*)
        for comm in /proc/[0-9]*/comm; do
            { read -r name < "$comm"; } 2>/dev/null && [ "$name" = "${word#&}" ] || continue
            printf 'running %s\n' "$name"
            break
        done ;;
    /*) if [ -x "$word" ] && ! [ -d "$word" ]; then printf 'program %s\n' "$word"; fi ;;
    *)
        describe_user "$word"
        accounts=yes ;;
    esac
done
[ -z "$accounts" ] || describe_accounts
echo end
