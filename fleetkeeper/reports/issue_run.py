"""The issues of one inventory after a whole audit: what is sent, and what is written down about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.reports.check_ins import CheckInRun, Monitor, sentry_actor
from fleetkeeper.reports.github_api import GitHubApi
from fleetkeeper.reports.github_receiver import GitHubReceiver
from fleetkeeper.reports.history import Changes
from fleetkeeper.reports.issue_book import book_file, read_book, write_book
from fleetkeeper.reports.issue_causes import Cause, open_causes
from fleetkeeper.reports.issue_delivery import PATIENCE, DeliveryRun, Receiver, deliver_causes, secret_in_environment
from fleetkeeper.reports.mail_digest import (
    MailReceiver,
    digest_of,
    hand_to_sendmail,
    mail_reference,
    message_of,
    recipients_of,
)
from fleetkeeper.reports.sentry_api import SentryApi
from fleetkeeper.reports.sentry_events import Sender
from fleetkeeper.reports.sentry_receiver import SentryReceiver

if TYPE_CHECKING:
    from fleetkeeper.inventory.sentry_policy import SentryProject
    from fleetkeeper.reports.results_schema import Judged


def deliveries_of(
    state: Path, inventory: Inventory, changes: Changes, items: Sequence[Judged]
) -> Iterator[Callable[[], str]]:
    """What sends the findings of a whole audit to each receiver of an inventory, and returns why something was not."""
    receivers = (
        (send_to_sentry, inventory.sentry),
        (send_to_github, inventory.github),
        (send_to_mail, inventory.mail_digest),
    )
    for send, section in receivers:
        if section:
            yield partial(send, state, inventory, changes, items)


def send_to_sentry(state: Path, inventory: Inventory, changes: Changes, items: Sequence[Judged]) -> str:
    """Send what is new of a whole audit. Returns why something was not sent, without secrets; "" when all was.

    The inventory has the section `sentry`, `state` is the state directory. Nothing is raised.
    """
    project = inventory.sentry
    if project is None:
        return ""
    receiver = sentry_receiver(inventory.name, project)
    if not receiver.dsn:
        return f"sentry: ${project.variable} is not set here, so no finding became an issue"
    causes = open_causes(changes, items, inventory.waivers)
    trouble = deliver_to(receiver, book_file(state, inventory.name, inventory.path, "sentry"), causes, changes)
    if not trouble and project.token and not receiver.api:
        return f"sentry: ${project.token} is not set here, so no issue is closed or commented on"
    return f"sentry: not every finding became an issue, or was closed: {trouble}" if trouble else ""


def deliver_to(receiver: Receiver, file: Path, causes: Sequence[Cause], changes: Changes) -> str:
    """Open and close issues of a receiver by the book in a file. Returns why something was not sent, or ""."""
    try:
        book = read_book(file)
        trouble = deliver_causes(DeliveryRun(receiver, book, causes, changes))
        write_book(file, book)
    except (OSError, UsageError) as why:
        return str(why)
    return trouble


def send_to_github(state: Path, inventory: Inventory, changes: Changes, items: Sequence[Judged]) -> str:
    """As `send_to_sentry`, to the repository in the section `github`."""
    section = inventory.github
    if section is None:
        return ""
    token = secret_in_environment(section.token)
    if not token:
        return f"github: ${section.token} is not set here, so no finding became an issue"
    accounts = {name: person.github for name, person in inventory.people.items()}
    api = GitHubApi(section.url, section.repository, token, PATIENCE)
    receiver = GitHubReceiver(api, inventory.name, section.say, section.environment, accounts)
    causes = open_causes(changes, items, inventory.waivers)
    trouble = deliver_to(receiver, book_file(state, inventory.name, inventory.path, "github"), causes, changes)
    return f"github: not every finding became an issue, or was closed: {trouble}" if trouble else ""


def send_to_mail(state: Path, inventory: Inventory, changes: Changes, items: Sequence[Judged]) -> str:
    """As `send_to_sentry`, in one mail to those in `mail_digest`. What was not sent comes the next night."""
    section = inventory.mail_digest
    if section is None:
        return ""
    file = book_file(state, inventory.name, inventory.path, "mail")
    causes = open_causes(changes, items, inventory.waivers)
    trouble = ""
    try:
        book = read_book(file)
        before, day_one = dict(book.sent), not book.begun
        deliver_causes(DeliveryRun(MailReceiver(), book, causes, changes))
        for cause in causes:
            book.sent[cause.key] = mail_reference(cause), cause.since
        digest = digest_of(before, causes, changes, day_one=day_one)
        if recipients := recipients_of(digest, section, inventory.people) if digest.has_news else []:
            trouble = hand_to_sendmail(section, recipients, message_of(digest, inventory.name, section, recipients))
        if not trouble:
            write_book(file, book)
    except (OSError, ValueError, UsageError) as why:
        trouble = str(why)
    return f"mail: the digest was not sent: {trouble}" if trouble else ""


def sentry_receiver(name: str, project: SentryProject, timeout: float = PATIENCE) -> SentryReceiver:
    """The receiver of an inventory, by its name. Its DSN is "" where the variable is not set, and `api` then None."""
    sender = Sender(name, project.environment, version("fleetkeeper"), project.say)
    token = secret_in_environment(project.token) if project.token else ""
    api = SentryApi(project.url, token, timeout) if token else None
    return SentryReceiver(secret_in_environment(project.variable), sender, timeout, api)


def check_ins_of(inventories: Mapping[str, Inventory], began: float) -> dict[str, CheckInRun]:
    """The check-ins of a whole audit, for each inventory that has some, by its name. `began`: monotonic time.

    None without a DSN, which is said with the issues.
    """
    runs = {}
    for name, inventory in inventories.items():
        project = inventory.sentry
        if project and project.check_ins and (receiver := sentry_receiver(name, project)).dsn:
            owners = [rule.owner for rule in inventory.owners[-1:] if isinstance(rule.owner, str)]
            owner = sentry_actor(owners, inventory.people)
            monitor = Monitor("audit", name, project.check_ins, project.environment, owner)
            runs[name] = CheckInRun(receiver, monitor, began)
    return runs
