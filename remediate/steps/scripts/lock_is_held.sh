#!/bin/sh
# `held` says whether the lock is ours and its holder lives: asked once, before the first change.

# include remediate/steps/scripts/lock_is_ours.sh

held() {
  ours || return 1
  [ -n "$who" ] || return 0
  now=$(sed 's/.*) //' "/proc/${line%% *}/stat" 2>/dev/null)
  case $now in '' | [ZX]*) return 1 ;; esac
  [ "$(printf '%s\n' "$now" | cut -d ' ' -f 20)" = "${rest%% *}" ]
}
