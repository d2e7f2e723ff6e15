"""How what `remediate` has left on a node is removed: one rule about it, and its remedy.

Lines, hook and user stay: a backup or a renewal that stopped with us would be the worst of traces. They lose their
marks and our name, and are ordinary ones from then on.
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.units import show_size
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rules import Rule, Subject, each_node
from fleetkeeper.looking.facts import Fleet
from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.topics.services.facts import LENT
from fleetkeeper.topics.traces import KEPT, SPOOLS, TRACES, Facts, observe
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.shell_functions import ENTER_BELOW, IS_OPENED
from remediate.plan import ForAPerson, Plan
from remediate.steps import Run, UnmarkCrontab

# $1 the hook. It goes on doing its work, under a name that is not ours. What runs in a container may write where it is,
# and swap anything for a link meanwhile: its directory is entered name by name and held, and so are both files.
RENAME = (
    ENTER_BELOW
    + IS_OPENED
    + r"""
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
enter_below "$root" '' && [ "$(pwd -P)" = "$root" ] && enter_below . renewal-hooks/deploy ||
  refuse "a link leads to $hook, or its directory is gone"
[ ! -e "./$new" ] && [ ! -h "./$new" ] || refuse "$new is there already, beside $hook"
[ -f "./$old" ] || refuse "$hook is no file"
{
  is_opened 3 "$old" || refuse "$hook is no file, or a link"
  text=$(text_of) rest=$(without_mark)
  [ "$text" != "${text%.}" ] && [ "$rest" != "${rest%.}" ] && [ -n "${rest%.}" ] &&
    same "$(printf %s "${text%.}" | digest)" "$(digest </proc/self/fd/3)" || refuse "$hook could not be read whole"
  set -C
  { filled; } 4>"./$new" || { [ -z "$made" ] || rm -f "./$new"; refuse "$new could not be written beside $hook"; }
  is_opened 3 "$old" || { rm -f "./$new"; refuse "$hook was changed meanwhile"; }
  rm -f "./$old" && [ ! -e "./$old" ]
} 3<"./$old"
"""
)

# $1 the directory, $2 the script that looks for traces, further words: its own. What was kept for the way back goes
# when nothing else of ours is left.
REMOVE = r"""
export LC_ALL=C
kept=$1 look=$2; shift 2
[ ! -h "$kept" ] && [ -d "$kept" ] || { echo "$kept is no directory" >&2; exit 72; }
left=$(sh -c "$look" sh "$kept" "$@") || { echo "what else is left could not be seen: $kept stays" >&2; exit 71; }
case $left in *end) ;; *) echo "what else is left could not be seen: $kept stays" >&2; exit 71 ;; esac
others=$(printf '%s\n' "$left" | sed -e '/^kept [0-9]*$/d' -e '$d' | head -n 1)
[ -z "$others" ] || { echo "$kept stays: there still is \`$others\`" >&2; exit 72; }
rm -rf -- "$kept" && [ ! -e "$kept" ]
"""

UNLABEL = ("docker", "service", "update", "--quiet", "--detach", "--label-rm", LENT)


def nothing_is_left(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Nothing of fleetkeeper is left on the node.

    Asked by `remediate leave` alone. Accounts, keys and sudoers entries were made by a person, and are not looked for.
    """
    facts = fleet.of(subject.name, Facts)
    if facts.kept is not None:
        yield Finding(
            saw=f"{show_size(facts.kept)} of old content and records",
            want="no such directory",
            node=subject.name,
            about=KEPT,
        )
    for user, _ in facts.marked:
        yield Finding(
            saw="lines between marks of ours",
            want="the same lines without marks",
            node=subject.name,
            about=f"crontab of {user}",
        )
    for hook in facts.hooks:
        yield Finding(
            saw="a hook of certbot under our name", want="the same hook under another", node=subject.name, about=hook
        )
    for name in facts.services:
        yield Finding(saw="a service with our mark", want="no label of ours", node=subject.name, about=name)
    for path in facts.unseen:
        yield Unobservable(f"{path} could not be read", "set `sudo: true` for this node", subject.name)


def take_away(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Take our marks out of crontabs and our name from hooks, and remove the directory. What ran goes on running."""
    node = finding.node
    facts = fleet.of(node, Facts)
    unmark = tuple(UnmarkCrontab(node, user, digest) for user, digest in facts.marked)
    rename = tuple(
        Run(
            node,
            ("sh", "-c", RENAME, "sh", hook),
            says=f"call {hook} reload-nginx; it goes on reloading nginx",
            tells=True,
        )
        for hook in facts.hooks
    )
    unlabel = tuple(
        Run(node, (*UNLABEL, name), says=f"take our mark from the service {name}; its user stays, nothing restarts")
        for name in facts.services
    )
    words = ("sh", "-c", REMOVE, "sh", KEPT, TRACES, *SPOOLS)
    says = f"remove {KEPT}, once nothing else of ours is left"
    remove = (Run(node, words, says=says, tells=True),) if facts.kept is not None else ()
    return Plan(
        steps=(*unmark, *rename, *unlabel, *remove),
        disturbs=("deletion",),
        disturbance="the old content that was kept for the way back goes for ever",
        undo="there is none: earlier runs cannot be undone on this node any more",
        notes=(
            "what was learned about the database and about drills goes too: the next audit begins anew",
            "by hand: the account, its key and its sudoers entry (docs/on-your-servers.md)",
        ),
    )


TOPIC = Topic(
    "leave",
    observers=(Observer(Facts, observe),),
    rules=(Rule("leave", nothing_is_left, each_node, (Facts,)),),
    remedies={"leave.nothing_is_left": take_away},
)
