"""The mail of a night: what opened, what is gone, and once a week what is still red, grouped by owner.

Nothing is sent when nothing changed. Sources: RFC 5322 (the message), RFC 3834 (Auto-Submitted), and sendmail(8), as
Postfix and Exim have it: recipients as arguments, the message on standard input.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetkeeper.inventory.mail_policy import ADDRESS
from fleetkeeper.inventory.units import count_of
from fleetkeeper.reports.issue_causes import Cause, ended_causes
from fleetkeeper.reports.issue_delivery import is_in_book
from fleetkeeper.untrusted import one_line

if TYPE_CHECKING:
    from fleetkeeper.inventory.mail_policy import MailDigest
    from fleetkeeper.inventory.owners import Person
    from fleetkeeper.reports.history import Changes

PATIENCE = 5.0
"""Seconds that the program may take."""
MOST_LINES = 200
LONGEST_LINE = 900
"""Characters of a line: RFC 5322 allows 998 bytes, and one that is longer is encoded as a whole."""
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ")
"""Variables that the program gets: none that holds a secret."""
NOBODY = "without an owner"


@dataclass
class MailReceiver:
    """Takes causes for the mail, which is sent when all are together. A mail is closed by nobody."""

    silent: float = 0.0

    def open_issue(self, cause: Cause) -> str:
        """What the mail says of a cause when it is gone: its owner and its title."""
        return mail_reference(cause)

    def close_issue(self, reference: str, why: str) -> None:
        """Nothing: what is gone is seen in the book."""

    def review_issue(self, reference: str) -> tuple[str, bool]:
        """The same reference: nobody closes a mail."""
        return reference, False

    def comment_issue(self, reference: str, text: str) -> None:
        """Nothing: there is no issue that could be closed too early."""


def mail_reference(cause: Cause) -> str:
    """Owner and title of a cause on one line, as the book keeps them."""
    return f"{cause.tags.get('owner', '')} | {one_line(cause.title)[:LONGEST_LINE]}"


@dataclass(frozen=True)
class Digest:
    """What one mail says. `gone` and `still_red` are references, with the reason, or with since when."""

    opened: Sequence[Cause] = ()
    gone: Sequence[tuple[str, str]] = ()
    still_red: Sequence[tuple[str, str]] = ()
    day_one: bool = False

    @property
    def has_news(self) -> bool:
        """Whether there is something to say."""
        return bool(self.opened or self.gone or self.still_red)

    def subject(self, inventory: str) -> str:
        """The subject of the mail."""
        if self.day_one:
            return f"fleetkeeper {one_line(inventory)}: {count_of(len(self.opened), 'finding')} open on day one"
        counts = ("new", self.opened), ("gone", self.gone), ("still red", self.still_red)
        numbers = ", ".join(f"{len(causes)} {word}" for word, causes in counts if causes)
        return f"fleetkeeper {one_line(inventory)}: {numbers}"

    def lines_by_owner(self, *, every_detail: bool) -> dict[str, list[str]]:
        """The lines about each owner, most recent first: what is new, gone, and still red."""
        lines: dict[str, list[str]] = defaultdict(list)
        for cause in self.opened:
            since = f" (since {cause.since[:10]})" if self.day_one and cause.since else ""
            lines[cause.tags.get("owner", "")].append(f"new        {one_line(cause.title)}{since}")
            names = cause.details.items() if every_detail else ()
            lines[cause.tags.get("owner", "")] += [
                f"             {name}: {one_line(text)}" for name, text in names if text
            ]
        for word, pairs in (("gone", self.gone), ("still red", self.still_red)):
            for reference, more in pairs:
                owner, _, title = reference.partition(" | ")
                lines[owner].append(f"{word:<10} {one_line(title)} ({one_line(more)})")
        return lines

    def body(self, *, every_detail: bool) -> str:
        """The text of the mail: a paragraph for each owner, those without one last."""
        lines = self.lines_by_owner(every_detail=every_detail)
        text: list[str] = []
        for owner in sorted(lines, key=lambda name: (not name, name)):
            text += ["", owner or NOBODY, *(f"  {line[:LONGEST_LINE]}" for line in lines[owner])]
        more = [f"… and {count_of(len(text) - MOST_LINES, 'more line')}"] if len(text) > MOST_LINES else []
        ending = ["", "`pytest --hosts` tells each in full; results.json has all. Accept with a waiver, or mend."]
        return "\n".join([*text[1:MOST_LINES], *more, *ending, ""])

    def owners(self) -> set[str]:
        """The owners of what the mail says."""
        return set(self.lines_by_owner(every_detail=False))


def digest_of(
    before: Mapping[str, tuple[str, str]], causes: Sequence[Cause], changes: Changes, *, day_one: bool
) -> Digest:
    """What a mail has to say. `before` is `sent` of the book before this night."""
    opened = [cause for cause in causes if not is_in_book(before, cause, changes)]
    gone = [(before[key][0], why) for key, why in ended_causes(changes, list(before), causes).items()]
    titles = {key: reference for key, (reference, _) in before.items()}
    titles |= {cause.key: mail_reference(cause) for cause in causes}
    red = [(titles[old.key], f"since {old.since[:10]}") for old in changes.long_red if old.key in titles]
    return Digest(opened, gone, [] if day_one else red, day_one)


def recipients_of(digest: Digest, section: MailDigest, people: Mapping[str, Person]) -> list[str]:
    """The addresses of a mail: those of the section, and of each owner that it names and that has one."""
    own = (people[name].mail for name in sorted(digest.owners()) if name in people)
    return list(dict.fromkeys([*section.to, *(mail for mail in own if re.fullmatch(ADDRESS, mail, re.ASCII))]))


def message_of(digest: Digest, inventory: str, section: MailDigest, recipients: Iterable[str]) -> bytes:
    """The message as it is handed to sendmail."""
    from email.message import EmailMessage
    from email.utils import formatdate

    message = EmailMessage()
    message["Subject"] = digest.subject(inventory)
    message["To"] = ", ".join(recipients)
    if section.sender:
        message["From"] = section.sender
    message["Date"] = formatdate()
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(digest.body(every_detail=section.say == "all"))
    return message.as_bytes()


def hand_to_sendmail(section: MailDigest, recipients: Sequence[str], message: bytes, patience: float = PATIENCE) -> str:
    """Hand a message to the program. Returns why it was not taken; "" when it was. Nothing is raised.

    What the program prints is not shown. It ends, with what it started, after `patience` seconds.
    """
    sender = ["-f", section.sender] if section.sender else []
    words = [section.program, "-oi", *sender, "--", *recipients]
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    quiet = subprocess.DEVNULL
    try:
        program = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, env=kept, start_new_session=True
        )
    except OSError as why:
        return f"{section.program}: {os.strerror(why.errno or 0).lower()}"
    try:
        program.communicate(message, timeout=patience)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.communicate()
        return f"{section.program} took longer than {patience:g} s"
    return f"{section.program} ended with {program.returncode}" if program.returncode else ""
