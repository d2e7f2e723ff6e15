"""Mail: what the mailers of Debian 12 look like, and where cron's letters would go nowhere."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import drive_in_lockstep
from fleetkeeper.topics.mail import TOPIC
from fleetkeeper.topics.mail.observe import Facts, find_mailer, parse
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.transport.commands import Command, Output, Unobservable

[RULE] = TOPIC.rules
OLDER = """
nodes: {here: {connection: local, sudo: true}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
"""
ASKED = OLDER + "mail: {without: {}}\n"
PRINTED = {
    "nothing": "end\n",
    "msmtp-mta 1.8.23": "sendmail /usr/bin/msmtp\nend\n",
    "msmtp-mta 1.8.23, configured": "sendmail /usr/bin/msmtp\nconfigured msmtp\nend\n",
    "exim4-daemon-light 4.96": "sendmail /usr/sbin/exim4\nend\n",
    "exim4-daemon-light 4.96, started": "sendmail /usr/sbin/exim4\nlistening 25\nlistening 25\nend\n",
    "postfix 3.7.11": "sendmail /usr/sbin/sendmail\ninstalled postfix\nend\n",
    "postfix 3.7.11, started": "sendmail /usr/sbin/sendmail\ninstalled postfix\nrunning postfix\nend\n",
    "nullmailer 2.2": "sendmail /usr/sbin/sendmail\ninstalled nullmailer\nend\n",
    "nullmailer 2.2, started": "sendmail /usr/sbin/sendmail\ninstalled nullmailer\nrunning nullmailer\nend\n",
}
"""What the script printed in Debian 12.11 with each of these packages installed, and nothing else of the kind."""
IN_VAIN = {
    "nothing": "there is no /usr/sbin/sendmail, so cron discards what it has to say",
    "msmtp-mta 1.8.23": "msmtp has no configuration (/etc/msmtprc), so it delivers nothing",
    "postfix 3.7.11": "postfix is installed and does not run, so cron's mail stays in its queue",
    "nullmailer 2.2": "nullmailer is installed and does not run, so cron's mail stays in its queue",
}


def verdict_on(facts: Facts | Unobservable, written: str = ASKED) -> Verdict:
    return judge_subject(RULE, look_once(facts, written), Subject("node", "here"))


def looks() -> dict[str, Fleet]:
    """Looks for the tests that go over all topics."""
    everything = Facts("/usr/bin/msmtp", ("postfix",), ("msmtp",), ("nullmailer",))
    clean = parse(PRINTED["postfix 3.7.11, started"])
    return {"clean": look_once(clean), "odd": look_once(everything), "unknown": look_once(Facts("/usr/sbin/ssmtp"))}


def look_once(facts: Facts | Unobservable, written: str = ASKED) -> Fleet:
    inventory = load_inventory(Path("mine.yml"), written)
    return Fleet(inventory, datetime(2026, 11, 30, tzinfo=UTC), {("here", "mail"): facts})


@pytest.mark.parametrize("name", PRINTED)
def test_case_85_a_node_delivers_cron_s_mail_when_its_mailer_can(name: str) -> None:
    verdict = verdict_on(parse(PRINTED[name]))
    assert [finding.saw for finding in verdict.findings] == ([IN_VAIN[name]] if name in IN_VAIN else [])
    assert verdict.outcome is (Outcome.FINDING if name in IN_VAIN else Outcome.HOLDS)


def test_busybox_delivers_where_somebody_listens() -> None:
    assert verdict_on(Facts("/bin/busybox", listening=True)).outcome is Outcome.HOLDS
    assert verdict_on(Facts("/bin/busybox")).outcome is Outcome.FINDING


@pytest.mark.parametrize("sendmail", ["/usr/sbin/ssmtp", "/bin/true", "/usr/sbin/sendmail", "/opt/x/sendmail"])
@pytest.mark.parametrize("listening", [True, False])
def test_what_a_program_that_is_not_known_does_with_a_letter_is_unknown(sendmail: str, listening: bool) -> None:
    assert verdict_on(Facts(sendmail, listening=listening)).outcome is Outcome.UNKNOWN


def test_a_mailer_that_is_installed_beside_the_one_behind_sendmail_decides_nothing() -> None:
    beside = {"installed": ("postfix",), "configured": ("msmtp",)}
    assert verdict_on(Facts("/usr/bin/msmtp", **beside)).outcome is Outcome.HOLDS
    assert verdict_on(Facts("/bin/true", running=("postfix",), **beside)).outcome is Outcome.UNKNOWN


def test_whether_a_mailer_runs_is_unknown_where_processes_are_hidden() -> None:
    assert verdict_on(parse("hidden\n" + PRINTED["postfix 3.7.11"])).outcome is Outcome.UNKNOWN
    assert verdict_on(parse("hidden\nend\n")).outcome is Outcome.FINDING
    assert verdict_on(Unobservable("no route to host")).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("printed", ["", "sendmail /usr/sbin/exim4\n", "sendmail /usr/sbin/exim4\nend"])
def test_an_answer_that_was_cut_short_is_unknown(printed: str) -> None:
    with pytest.raises(Unobservable, match="cut short"):
        parse(printed)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (
            OLDER,
            "not asked for: `mail` is not in the inventory; `fleetkeeper init --update mine.yml` proposes it, "
            "or `none: why`",
        ),
        (OLDER + "mail: {none: nobody reads it}\n", "nobody reads it"),
        (OLDER + "mail: {without: {here: it logs to a file}}\n", "it logs to a file"),
    ],
)
def test_a_node_is_not_asked_where_the_inventory_does_not_ask(written: str, reason: str) -> None:
    """An older inventory, too: it is neither red nor unknown for the section that it lacks."""
    verdict = verdict_on(Facts(), written)
    assert (verdict.outcome, verdict.not_applicable) == (Outcome.NOT_APPLICABLE, reason)
    inventory = load_inventory(Path("mine.yml"), written)
    [observer] = TOPIC.observers
    assert drive_in_lockstep({"mail": observer.observe(inventory.nodes["here"], inventory)}, NoLink()) == {"mail": None}


class NoLink:
    """A link over which nothing may be asked."""

    def ask(self, commands: list[Command], room: int) -> list[Output]:
        raise AssertionError(f"asked {commands}, {room}")


def test_one_constant_question_is_asked() -> None:
    assert list(TOPIC.root_questions()) == [find_mailer().words]
