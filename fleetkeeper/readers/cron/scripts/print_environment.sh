#!/bin/sh
# What services of systemd get in their environment, of a few variables that are no secrets: which engine Docker's client
# asks, and where programs are. `$services` is the output of `systemctl show` about them.
# - `without_other_variables` passes that output on with a line `Environment=NAME=VALUE` for each of them, `NAME=?` for a
#   value with a blank, and without values in UnsetEnvironment.
# - `environment` prints `manager NAME=VALUE` of what systemd gives to all, and for each file of variables `envfile PATH`
#   and `variable PATH NAME=VALUE`, or `envfile PATH missing`, or `envfile PATH unread`.

variables='(DOCKER_HOST|DOCKER_CONTEXT|DOCKER_CONFIG|HOME|PATH)'
without_other_variables() {
    awk -v names="$variables" '
        /^UnsetEnvironment=/ { gsub(/[ =][^ ]*=[^ ]*/, ""); if ($0 != "UnsetEnvironment") print; next }
        !/^Environment=/ { print; next }
        {
            rest = " " substr($0, 13)
            while (match(rest, "[ \"'\''$]" names "=")) {
                quote = substr(rest, RSTART, 1)
                name = substr(rest, RSTART + 1, RLENGTH - 2)
                rest = substr(rest, RSTART + RLENGTH)
                match(rest, /^[^ "'\'']*/)
                value = substr(rest, 1, RLENGTH)
                plain = (quote == " " && RLENGTH == length(rest)) || substr(rest, RLENGTH + 1, 1) == (quote == " " ? " " : quote)
                print "Environment=" name "=" (plain && value !~ /\\/ ? value : "?")
            }
        }'
}
environment() {
    systemctl show-environment 2>/dev/null | sed -nE "s/^$variables=/&/p" | sed 's/^/environment /'
    printf '%s\n' "$services" | sed -n 's/^EnvironmentFiles=\(.*\) (ignore_errors=[a-z]*)$/\1/p' | sort -u | head -n 100 |
        while read -r pattern; do
            some=
            case $pattern in *' '*) say "envfile $pattern unread"; continue ;; esac
            for file in $pattern; do
                [ -e "$file" ] || continue
                some=yes
                if [ -f "$file" ] && [ -r "$file" ]; then
                    say "envfile $pattern"
                    timeout -s KILL 2 sed -nE "s/^[ \t]*$variables=/\1=/p" "$file" | head -n 50 |
                        while read -r line; do say "variable $pattern $line"; done
                else
                    say "envfile $pattern unread"
                fi
            done
            [ -n "$some" ] || say "envfile $pattern missing"
        done
}
