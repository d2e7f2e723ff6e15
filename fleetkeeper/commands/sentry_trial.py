"""`fleetkeeper sentry test`: an event that is sent to the project of Sentry, read back, and its issue closed again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fleetkeeper.commands.command_options import HOSTS, STATE, named_or_last
from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.reports.sentry_api import SentryApi
    from fleetkeeper.reports.sentry_receiver import SentryReceiver

Answer = TypeVar("Answer")
TITLE = "fleetkeeper sentry test"
SENT_HINT = "is the DSN that of a project that still exists, and can this machine reach its server?"
READ_HINT = "the token needs org:read, event:read and event:write, for the organization that `url` names"
OWNERSHIP_HINT = "the token needs project:read, too"
LOST_HINT = (
    "is `url` the organization of the DSN's project? A project's inbound filters, rate limits and spike protection "
    "take events, too, and throw them away"
)


@click.group()
def sentry() -> None:
    """Try the project of Sentry in which findings become issues."""


@sentry.command("test")
@HOSTS
@STATE
@click.option(
    "--wait",
    type=click.IntRange(0, 600),
    default=30,
    show_default=True,
    help="Seconds after which an event that cannot be read back counts as lost.",
)
def send_and_read_back(hosts: str | None, state: Path | None, wait: int) -> Exit:
    """Send an event to the inventory's project, read it back, and close its issue with a comment.

    Then the project's ownership rules are compared with those that `fleetkeeper owners` prints: exit code 1 where some
    are lacking. No node is looked at. Without `token` and `url` in the inventory nothing can be read back: exit code 4.
    """
    from fleetkeeper.audit import open_audit

    inventory = open_audit(named_or_last(hosts, state), state=state).only_inventory()
    receiver = receiver_of(inventory)
    try:
        ended = try_receiver(receiver, inventory.name, wait)
        lacking = compare_ownership(receiver, inventory) if receiver.api else False
        return Exit.FINDINGS_REMAIN if lacking else ended
    except Failure as why:
        click.echo(f"error: {why}", err=True)
        return Exit.NOT_ALL_SEEN


class Failure(Exception):
    """The server did not do its part; the text has a hint, and no secret."""


def receiver_of(inventory: Inventory) -> SentryReceiver:
    """The receiver of an inventory. Raises UsageError where its section, a variable, or what is in that is wrong."""
    from fleetkeeper.reports.issue_run import sentry_receiver
    from fleetkeeper.reports.sentry_events import parse_dsn

    project = inventory.sentry
    if project is None:
        hint = "`sentry: NAME_OF_VARIABLE` is the shortest (docs/owners.md)"
        raise UsageError(f"{inventory.name} has no `sentry`", hint)
    receiver = sentry_receiver(inventory.name, project)
    for variable, is_set in ((project.variable, receiver.dsn), (project.token, receiver.api)):
        if variable and not is_set:
            hint = f"set it as the nightly audit has it: `export {variable}=…`"
            raise UsageError(f"${variable} is not set here", hint)
    try:
        parse_dsn(receiver.dsn)
    except ValueError:
        hint = "Settings, Projects, Client Keys (DSN): https://KEY@HOST/NUMBER"
        raise UsageError(f"what ${project.variable} holds is no DSN", hint) from None
    return receiver


def try_receiver(receiver: SentryReceiver, inventory: str, wait: int) -> Exit:
    """Send an event and read it back, telling each step. Raises Failure."""
    from fleetkeeper.reports.issue_causes import Cause

    cause = Cause("test", f"{TITLE}: an event to be read back", "info", {"rule": "fleetkeeper"})
    event_id = answer_or_failure("the event was not sent", SENT_HINT, lambda: receiver.open_issue(cause))
    click.echo(f"the server took event {event_id}")
    if receiver.api is None:
        click.echo("That proves nothing: a server may take an event and throw it away.")
        click.echo(f'Look in Sentry for the issue "{cause.title}", tag inventory: {inventory},')
        click.echo("or give the inventory `token` and `url`, by which it is read back (docs/owners.md).")
        return Exit.NOT_ALL_SEEN
    event = read_back(receiver.api, event_id, wait)
    if {"key": "inventory", "value": inventory} not in tags_of(event):
        raise Failure(f"the event was read back without its tag inventory: {inventory}\n  hint: {LOST_HINT}")
    click.echo("it was read back, with its tags")
    answer_or_failure("its issue was not closed", READ_HINT, lambda: receiver.close_issue(event_id, "the test is over"))
    click.echo("its issue was closed, with a comment")
    return Exit.NOTHING_LEFT


def compare_ownership(receiver: SentryReceiver, inventory: Inventory) -> bool:
    """Tell which ownership rules of the inventory's people the project lacks. Returns whether it lacks some.

    Raises Failure where they cannot be read. Nothing is told where nobody has a name in Sentry.
    """
    from fleetkeeper.inventory.owners import sentry_lines
    from fleetkeeper.untrusted import printable_text

    lines, api = sentry_lines(inventory.people), receiver.api
    if not lines or api is None:
        return False
    project = receiver.dsn.strip().rpartition("/")[2]
    kept = answer_or_failure("the ownership rules were not read", OWNERSHIP_HINT, lambda: api.ownership_lines(project))
    lacking = [line for line in lines if line not in kept]
    if not lacking:
        click.echo(f"its ownership rules have all {len(lines)} of `fleetkeeper owners`")
    else:
        click.echo("its ownership rules lack (Settings, Projects, Ownership Rules):")
    for line in lacking:
        click.echo(f"  {printable_text(line)}")
    return bool(lacking)


def tags_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The key and the value of each tag that the API says an event has; none where its answer has another shape."""
    try:
        return [{"key": tag["key"], "value": tag["value"]} for tag in event["event"]["tags"]]
    except (KeyError, TypeError):
        return []


def read_back(api: SentryApi, event_id: str, wait: int) -> dict[str, Any]:
    """What the API says of an event, as soon as it has it. Raises Failure after `wait` seconds, and for a refusal."""
    from fleetkeeper.reports.sentry_api import Missing

    def event_or_nothing() -> dict[str, Any]:
        """The event; nothing while the API does not have it."""
        try:
            return api.event(event_id)
        except Missing:
            return {}

    deadline = time.monotonic() + wait
    while not (event := answer_or_failure("the event could not be read back", READ_HINT, event_or_nothing)):
        if time.monotonic() >= deadline:
            raise Failure(f"the event could not be read back within {wait} s: it may be lost\n  hint: {LOST_HINT}")
        time.sleep(1.0)
    return event


def answer_or_failure(failed: str, hint: str, request: Callable[[], Answer]) -> Answer:
    """What a request returns. Raises Failure, which begins with `failed`, where the server does not do its part."""
    from http.client import HTTPException

    from fleetkeeper.reports.heartbeat_ping import harmless_error
    from fleetkeeper.reports.sentry_http import Refusal

    try:
        return request()
    except Refusal as why:
        raise Failure(f"{failed}: {why}\n  hint: {hint}") from None
    except (OSError, HTTPException) as why:
        raise Failure(f"{failed}: {harmless_error(why)}\n  hint: {hint}") from None
