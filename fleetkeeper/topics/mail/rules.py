"""The rule that cron's mail is delivered."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, Subject, each_node
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.mail.observe import Facts
from fleetkeeper.topics.mail.policy import Policy
from fleetkeeper.transport.commands import Unobservable

QUEUING = ("postfix", "nullmailer")
"""Mailers whose `sendmail` only puts a letter into a queue: nothing leaves it unless they run."""
AT_ONCE = ("exim", "exim4", "msmtp")
"""Programs that deliver a letter themselves when they are called as `sendmail`."""
TO_PORT_25 = ("busybox",)
"""Programs that hand a letter to whoever listens at port 25 of the node when they are called as `sendmail`."""


def is_delivered(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Something on the node delivers what cron writes to people, or the inventory says why not.

    Cron tells of a failed entry by mail alone, and hands it to /usr/sbin/sendmail. Without that program it discards the
    letter. Exim and msmtp deliver it themselves; postfix and nullmailer must run: their `sendmail` only queues it.
    BusyBox hands it to port 25. What any other program does with it is unknown. Source: docs/runbook.md, "Being told".
    """
    policy = fleet.inventory.section(Policy)
    if subject.name in policy.without:
        raise NotApplicable(policy.without[subject.name])
    facts = fleet.of(subject.name, Facts)
    saw = missing(facts)
    if saw and facts.hidden and facts.sendmail:
        yield Unobservable("processes are hidden (hidepid): whether a mailer runs cannot be seen", node=subject.name)
    elif saw:
        yield Finding(
            saw=saw,
            want="a mailer that delivers it, or `mail: {without: …}` with the reason",
            why="nobody learns what fails in cron at night",
            node=subject.name,
            hint="install one (msmtp-mta and a relay are enough), or say in the inventory why nobody needs it there",
        )
    elif not is_known(facts):
        why = f"{facts.sendmail} is a mailer that is not known here"
        yield Unobservable(why, "see whether it delivers, and say so in `mail:`", subject.name)


def missing(facts: Facts) -> str:
    """Why a letter of cron is not delivered, in words; empty when nothing that is known prevents it.

    So it is empty for an unknown mailer too. Hidden processes (hidepid) look like none here.
    """
    if not facts.sendmail:
        return "there is no /usr/sbin/sendmail, so cron discards what it has to say"
    if program(facts) == "msmtp" and "msmtp" not in facts.configured:
        return "msmtp has no configuration (/etc/msmtprc), so it delivers nothing"
    if program(facts) in TO_PORT_25 and not facts.listening:
        return f"{facts.sendmail} hands it to port 25, where nobody listens"
    idle = [name for name in QUEUING if name in facts.installed and name not in facts.running]
    if program(facts) == "sendmail" and idle:
        return f"{idle[0]} is installed and does not run, so cron's mail stays in its queue"
    return ""


def program(facts: Facts) -> str:
    """The file name of the program behind /usr/sbin/sendmail; empty without one."""
    return facts.sendmail.rpartition("/")[2]


def is_known(facts: Facts) -> bool:
    """Whether the program behind /usr/sbin/sendmail is known here.

    A file of that very name is the one of the mailer that is installed.
    """
    name = program(facts)
    return name in (*AT_ONCE, *TO_PORT_25) or (name == "sendmail" and bool(facts.installed))


PERSON = "which mailer fits, and to whom it should deliver, only you know"
RULES: tuple[Rule, ...] = (Rule("mail", is_delivered, each_node, (Facts,), person=PERSON),)
