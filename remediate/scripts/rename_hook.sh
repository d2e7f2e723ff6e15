#!/bin/sh
# Gives the hook another name, that is not ours; it goes on doing its work. Argument: the hook.
#
# What runs in a container may write in its directory, and swap anything for a link meanwhile: the directory is entered
# name by name and held, and so are both files.

# include fleetkeeper/transport/scripts/enter_below.sh

# include fleetkeeper/transport/scripts/is_opened.sh

set -u; umask 077; export LC_ALL=C
hook=$1 root=${1%/renewal-hooks/deploy/fleetkeeper-reload}
old=fleetkeeper-reload new=reload-nginx made=
refuse() { echo "$1: nothing was changed" >&2; exit 72; }
digest() { sha256sum | cut -c 1-64; }
same() { [ "$1" = "$2" ] && [ ${#1} -eq 64 ]; }
text_of() { cat <&3 && echo .; }
without_mark() { printf %s "${text%.}" | sed '/^# Set up by fleetkeeper/d' && echo .; }
filled() {
  is_opened 4 "$new" && made=yes && printf %s "${rest%.}" >&4 &&
    chown "$(stat -L -c %u:%g /proc/self/fd/3)" /proc/self/fd/4 &&
    chmod "$(stat -L -c %a /proc/self/fd/3)" /proc/self/fd/4 &&
    same "$(digest </proc/self/fd/4)" "$(printf %s "${rest%.}" | digest)" && is_opened 4 "$new"
}
{ enter_below "$root" '' && [ "$(pwd -P)" = "$root" ] && enter_below . renewal-hooks/deploy; } ||
  refuse "a link leads to $hook, or its directory is gone"
[ ! -e "./$new" ] && [ ! -h "./$new" ] || refuse "$new is there already, beside $hook"
[ -f "./$old" ] || refuse "$hook is no file"
# shellcheck disable=SC2094 # it is read, and removed at the end
{
  is_opened 3 "$old" || refuse "$hook is no file, or a link"
  text=$(text_of) rest=$(without_mark)
  { [ "$text" != "${text%.}" ] && [ "$rest" != "${rest%.}" ] && [ -n "${rest%.}" ] &&
    same "$(printf %s "${text%.}" | digest)" "$(digest </proc/self/fd/3)"; } || refuse "$hook could not be read whole"
  set -C
  { filled; } 4>"./$new" || { [ -z "$made" ] || rm -f "./$new"; refuse "$new could not be written beside $hook"; }
  is_opened 3 "$old" || { rm -f "./$new"; refuse "$hook was changed meanwhile"; }
  rm -f "./$old" && [ ! -e "./$old" ]
} 3<"./$old"
