#!/bin/sh
# `describe_user NAME` prints what decides whether cron runs something for a user: `user NAME` where there is one by that
# name, `denied NAME` where the user may not talk to Docker, `login NAME UID GROUPS HOME`, `shell NAME SHELL`,
# `engine NAME PLACE` where its Docker client asks no engine of this node, and of its line in /etc/shadow only numbers,
# `shadow NAME LAST MAX INACTIVE EXPIRE` (- for none), or `noshadow NAME`.

line_of() { # name file: the line of an account in passwd or shadow
    name=$1 awk -F : '$1 == ENVIRON["name"] { print; exit }' "/etc/$2" 2>/dev/null | grep . || getent "$2" "$1" 2>/dev/null
}
describe_user() {
    record=$(line_of "$1" passwd)
    uid=$(id -u "$1" 2>/dev/null) || return
    case $record in "$1:"*) ;; *) return ;; esac
    groups=$(id -G "$1")
    printf 'user %s\n' "$1"
    case " $groups " in
    *" ${socket:-none} "*) ;;
    *) if [ -n "$socket" ] && [ "$uid" != 0 ]; then printf 'denied %s\n' "$1"; fi ;;
    esac
    printf 'login %s %s %s %s\n' "$1" "$uid" "$(echo "$groups" | tr ' ' ,)" "$(printf '%s\n' "$record" | cut -d : -f 6)"
    printf 'shell %s %s\n' "$1" "$(printf '%s\n' "$record" | cut -d : -f 7)"
    elsewhere=$(foreign_endpoint "" "$(printf '%s\n' "$record" | cut -d : -f 6)/.docker" "" usual)
    [ -z "$elsewhere" ] || printf 'engine %s %s\n' "$1" "$elsewhere"
    [ -r /etc/shadow ] || return 0
    numbers=$(line_of "$1" shadow | awk -F : '{
        for (i = 3; i <= 8; i++) if (i == 3 || i == 5 || i > 6) printf " %s", ($i ~ /^-?[0-9]+$/) ? $i : "-" }')
    case $numbers,$record in
    ,"$1:x:"*) printf 'noshadow %s\n' "$1" ;;
    ,*) ;;
    *) printf 'shadow %s%s\n' "$1" "$numbers" ;;
    esac
}
describe_accounts() { # what decides for all users: PAM, its access rules, the day
    for service in cron crond cronie; do
        [ -r "/etc/pam.d/$service" ] || continue
        echo pam
        if grep -qsE '^[[:space:]]*account[[:space:]].*pam_access' "/etc/pam.d/$service" /etc/pam.d/common-account; then
            sed -n 's/[[:space:]]*$//; s/^[[:space:]]*\([-+].*\)/access \1/p' /etc/security/access.conf 2>/dev/null |
                head -n 50
        fi
    done
    printf 'day %s\n' "$(($(date +%s) / 86400))"
}
