"""Events for Sentry, as its envelopes carry them, and what its answers say about limits. Nothing is sent here.

Sources: https://develop.sentry.dev/sdk/foundations/transport/envelopes/ (the three lines of an envelope, the header
X-Sentry-Auth) and https://develop.sentry.dev/sdk/foundations/transport/rate-limiting/ (429, Retry-After,
X-Sentry-Rate-Limits).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from fleetkeeper.reports.issue_causes import Cause
from fleetkeeper.untrusted import one_line

LONGEST_TAG = 200
LONGEST_TEXT = 2000
LONGEST_PAUSE = 86400.0
PAUSE = 60.0
"""Seconds to be silent after a 429 that does not say for how long."""
COUNTED = frozenset({"", "error", "monitor", "default", "all"})
"""Categories of a rate limit that events and check-ins fall under; "" is the empty list, which is all of them."""


@dataclass(frozen=True)
class Dsn:
    """Where events of a project go. `key` is a secret."""

    url: str
    key: str


def parse_dsn(written: str) -> Dsn:
    """The endpoint that a DSN means. Raises ValueError, without the DSN, for what is none.

    >>> parse_dsn("https://0123@o1.ingest.example.org/prefix/7").url
    'https://o1.ingest.example.org/prefix/api/7/envelope/'
    """
    parts = urlsplit(written.strip())
    before, _, project = parts.path.strip("/").rpartition("/")
    number = re.fullmatch(r"[0-9]{1,20}", project, re.ASCII)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.username or not number:
        raise ValueError("what the variable holds is no DSN")
    host = parts.netloc.rpartition("@")[2]
    prefix = f"/{before}" if before else ""
    return Dsn(f"{parts.scheme}://{host}{prefix}/api/{project}/envelope/", parts.username)


@dataclass(frozen=True)
class Sender:
    """What all events of one audit have in common. `say` is "rule" or "all"."""

    inventory: str
    environment: str
    release: str
    say: str = "rule"


def event_of(cause: Cause, event_id: str, now: datetime, sender: Sender) -> dict[str, Any]:
    """The event for a cause: by its fingerprint the same issue whenever it is sent. `event_id` has 32 hex digits."""
    tags = {**cause.tags, "inventory": sender.inventory}
    every_tag = {name: one_line(text)[:LONGEST_TAG] for name, text in tags.items() if text}
    event: dict[str, Any] = {
        "event_id": event_id,
        "timestamp": now.timestamp(),
        "level": cause.level,
        "platform": "other",
        "logger": "fleetkeeper",
        "release": f"fleetkeeper@{sender.release}",
        "environment": sender.environment or sender.inventory,
        "fingerprint": list(filter(None, ("fleetkeeper", sender.inventory, sender.environment, cause.key))),
        "logentry": {"formatted": one_line(cause.title)[:LONGEST_TEXT]},
        "tags": every_tag,
    }
    if sender.say == "all":
        event["extra"] = {name: one_line(text)[:LONGEST_TEXT] for name, text in cause.details.items() if text}
    return event


def envelope_of(content: Mapping[str, Any], item_type: str = "event") -> bytes:
    """The envelope with one event, or with one item of another type, as it is posted."""
    payload = json.dumps(content).encode()
    header = json.dumps({name: content[name] for name in ("event_id",) if name in content}).encode()
    kind = json.dumps({"type": item_type, "content_type": "application/json", "length": len(payload)}).encode()
    return b"\n".join((header, kind, payload, b""))


def silent_seconds(status: int, headers: Mapping[str, str], now: datetime) -> float:
    """For how many seconds nothing may be sent after an answer; 0 when it sets no limit for events.

    `headers` have names in lower case.

    >>> silent_seconds(200, {"x-sentry-rate-limits": "60:transaction:key, 2700:default;error:org"}, datetime.max)
    2700.0
    >>> silent_seconds(429, {"retry-after": "7"}, datetime.max), silent_seconds(429, {}, datetime.max)
    (7.0, 60.0)
    """
    pauses = [0.0]
    for limit in headers.get("x-sentry-rate-limits", "").split(","):
        seconds, _, rest = limit.strip().partition(":")
        if COUNTED & set(rest.partition(":")[0].split(";")) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", seconds):
            pauses.append(float(seconds))
    if status in (429, 503):
        pauses.append(max(pauses) or retry_after(headers.get("retry-after", ""), now))
    return min(max(pauses), LONGEST_PAUSE)


def retry_after(written: str, now: datetime) -> float:
    """The seconds that a header Retry-After means, which is a number or a date; PAUSE when it makes no sense."""
    if re.fullmatch(r"[0-9]{1,9}", written.strip(), re.ASCII):
        return float(written)
    try:
        return max(0.0, (parsedate_to_datetime(written) - now).total_seconds())
    except (ValueError, TypeError, IndexError):
        return PAUSE
