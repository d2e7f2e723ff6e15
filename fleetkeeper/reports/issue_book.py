"""Which causes have an issue already: a small file for each inventory and receiver in the state directory.

Losing it costs an event for each open cause, which falls to the same issue by its fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fleetkeeper.errors import UsageError
from fleetkeeper.reports.results import write_results
from fleetkeeper.versions import UPGRADE, is_newer

VERSION = 2


@dataclass
class IssueBook:
    """The causes that were sent, by key: id of the event ("" for one without an issue of its own), and `since` of then.

    A reference that the receiver prefers may stand for the event. Those whose issues were looked at last come last.
    `commented` has the references of those issues that a person closed too early, and was told so in a comment.
    `silent_until` is the time (seconds since 1970) before which the receiver wants nothing. `begun` says that the first
    run was sent, which has one event for all that was open then.
    """

    sent: dict[str, tuple[str, str]] = field(default_factory=dict)
    silent_until: float = 0.0
    begun: bool = False
    commented: dict[str, str] = field(default_factory=dict)


def book_file(state: Path, name: str, path: str, receiver: str) -> Path:
    """The path of the file about an inventory, by its name and file. `receiver` is "sentry" or the like."""
    return state / "audits" / name / f"{receiver}-{hashlib.sha256(path.encode(errors='replace')).hexdigest()[:12]}.json"


def read_book(file: Path) -> IssueBook:
    """The book in a file; an empty one where there is none, or it makes no sense. Raises UsageError for a newer one."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if newer := is_newer(str(file), content.pop("schema"), VERSION):
            raise UsageError(newer, UPGRADE)
        book = IssueBook(**content)
        sent = {str(key): (str(event), str(since)) for key, (event, since) in book.sent.items()}
        commented = {str(key): str(reference) for key, reference in book.commented.items()}
        return IssueBook(sent, float(book.silent_until), bool(book.begun), commented)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return IssueBook()


def write_book(file: Path, book: IssueBook) -> None:
    """Write the book. Raises OSError."""
    write_results(file, {"schema": VERSION, **asdict(book)})
