"""The rule that nothing of fleetkeeper is left on a node, and its remedy: for `remediate leave`.

Lines, hook and user stay: a backup or a renewal that stopped with us would be the worst of traces. They lose their
marks and our name, and are ordinary ones from then on.
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.units import show_size
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, Subject, each_node
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.topics.services.facts import LENT
from fleetkeeper.topics.services.update_settings import OWN_UPDATES
from fleetkeeper.traces import FIND_TRACES, KEPT, SPOOLS, Facts, observe
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.script_files import load_script
from remediate.plan import ForAPerson, Plan
from remediate.steps import Run, UnmarkCrontab

RENAME_HOOK = "remediate/scripts/rename_hook.sh"
REMOVE_KEPT = "remediate/scripts/remove_kept.sh"

GIVE_BACK = "`remediate --only services.have_their_own_settings --fix` ends it; then leave"
UNLABEL = ("docker", "service", "update", "--quiet", "--detach", "--label-rm", LENT)


def nothing_is_left(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Nothing of fleetkeeper is left on the node.

    Asked by `remediate leave` alone. Accounts, keys and sudoers entries were made by a person, and are not looked for.
    Yields a Finding for each thing that is left, then an Unobservable for each path that could not be read. Raises
    Unobservable when the node was not seen.
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
    for name in facts.settings:
        yield Finding(
            saw="a service with our update settings", want=f"no label {OWN_UPDATES}", node=subject.name, about=name
        )
    for path in facts.unseen:
        yield Unobservable(f"{path} could not be read", "set `sudo: true` for this node", subject.name)


def take_away(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Take our marks out of crontabs and our name from hooks, and remove the directory. What ran goes on running.

    Not while a service has update settings that were only lent: who gives them back needs what is kept. The plan is for
    all that is left on the node, whichever finding is given. Raises Unobservable when the node was not seen. ForAPerson
    then.
    """
    node = finding.node
    facts = fleet.of(node, Facts)
    if facts.settings:
        return ForAPerson(f"a change of {', '.join(facts.settings)} never came to its end", GIVE_BACK)
    unmark = tuple(UnmarkCrontab(node, user, digest) for user, digest in facts.marked)
    rename = tuple(
        Run(
            node,
            ("sh", "-c", load_script(RENAME_HOOK), "sh", hook),
            says=f"call {hook} reload-nginx; it goes on reloading nginx",
            tells=True,
        )
        for hook in facts.hooks
    )
    unlabel = tuple(
        Run(node, (*UNLABEL, name), says=f"take our mark from the service {name}; its user stays, nothing restarts")
        for name in facts.services
    )
    words = ("sh", "-c", load_script(REMOVE_KEPT), "sh", KEPT, load_script(FIND_TRACES), *SPOOLS)
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
