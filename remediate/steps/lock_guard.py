"""Asking for the lock once more where a step makes many changes: the node's own shell compares before each of them."""

from __future__ import annotations

# True while the lock's file $lock holds the line of $who; without $who there is no lock to ask for. It has no single
# quotes, so that it may stand in the text of an inner shell.
OURS = r"""
ours() {
  [ -n "$who" ] || return 0
  IFS= read -r line <"$lock" 2>/dev/null || return 1
  rest=${line#* }; [ "${rest#* }" = "$who" ]
}
"""

# The same, and its holder lives: asked once, before the first change.
HELD = (
    OURS
    + r"""
held() {
  ours || return 1
  [ -n "$who" ] || return 0
  now=$(sed 's/.*) //' "/proc/${line%% *}/stat" 2>/dev/null)
  case $now in '' | [ZX]*) return 1 ;; esac
  [ "$(printf '%s\n' "$now" | cut -d ' ' -f 20)" = "${rest%% *}" ]
}
"""
)
NOT_OURS = 79
"""How a script ends when the lock is not ours any more."""


def taken_away(node: str) -> str:
    """What is said then."""
    return f"the lock of {node} is not ours any more: the connection was silent for too long, or somebody removed it"
