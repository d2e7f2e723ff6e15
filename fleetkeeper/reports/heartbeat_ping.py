"""Heartbeats: pings to a monitor that the audit began, and how it ended.

The monitor raises the alarm when none comes. Its URL is a secret: the inventory names the environment variable that
holds it, and it is never printed. A ping changes no verdict, and all pings of a run together delay it by five seconds
at most. Sources: healthchecks.io, "HTTP API" (`/start`, `/fail`, `rid`); Sentry, "Cron Monitoring, HTTP" (`status`,
`check_in_id`, `duration`); Uptime Kuma's push monitors (`status`, `msg`, `ping`; they know no start).
"""

from __future__ import annotations

import os
import re
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fleetkeeper.inventory.heartbeat import Heartbeat, Kind

State = Literal["start", "success", "failure"]
PATIENCE = 5.0
"""Seconds that all pings of one run together may delay it."""
REFUSAL = re.compile(rb"^OK \((not found|rate limited)\)|\"ok\": ?false")
"""What healthchecks.io and Uptime Kuma say, with status 200 too, when a ping counted for nothing."""


@dataclass(frozen=True)
class Ping:
    """One ping to a monitor.

    `run` is the id of the audit, `duration` its seconds (None at the start), `summary` some words without secrets.
    """

    state: State
    run: str
    duration: float | None = None
    summary: str = ""


@dataclass(frozen=True)
class Request:
    """One HTTP request. With a body it is a POST, else a GET."""

    url: str
    body: bytes | None = None


def kind_of(url: str) -> Kind:
    """The kind of monitor that a URL looks like; "healthchecks" when it looks like no other.

    >>> kind_of("https://o1.ingest.example.org/api/7/cron/nightly/0123/"), kind_of("https://kuma.example.org/api/push/x")
    ('sentry', 'uptime-kuma')
    >>> kind_of("https://hc-ping.com/1c1f6a1e-3a4d-4a51-9f27-0d6f7a1b2c3d")
    'healthchecks'
    """
    parts = urlsplit(url).path.strip("/").split("/")
    if "cron" in parts[2:] and "api" in parts:
        return "sentry"
    return "uptime-kuma" if "push" in parts and "api" in parts else "healthchecks"


def heartbeat_request(kind: Kind, url: str, ping: Ping) -> Request | None:
    """The request that sends a ping, None for one that this kind of monitor does not know.

    Raises ValueError for no URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("not a URL of http or https")
    qsl = dict(parse_qsl(parts.query, keep_blank_values=True))
    return {"healthchecks": healthchecks, "sentry": sentry, "uptime-kuma": kuma}[kind](parts, qsl, ping)


def healthchecks(parts: Any, lines: dict[str, str], ping: Ping) -> Request:
    """The request to healthchecks.io, with `/start` or `/fail` after the URL.

    `rid` pairs start and end, so that overlapping runs are kept apart. `parts` is the URL split, `lines` its query by
    name.
    """
    ending = {"start": "/start", "success": "", "failure": "/fail"}[ping.state]
    path = parts.path.rstrip("/") + ending
    return Request(with_query(parts._replace(path=path), {**lines, "rid": ping.run}), ping.summary.encode())


def sentry(parts: Any, lines: dict[str, str], ping: Ping) -> Request:
    """The request to Sentry. `parts` is the URL split, `lines` its query by name."""
    status = {"start": "in_progress", "success": "ok", "failure": "error"}[ping.state]
    took = {} if ping.duration is None else {"duration": f"{ping.duration:.3f}"}
    return Request(with_query(parts, {**lines, "status": status, "check_in_id": ping.run.replace("-", ""), **took}))


def kuma(parts: Any, lines: dict[str, str], ping: Ping) -> Request | None:
    """The request to Uptime Kuma, None for a start: a push monitor takes any ping as an end.

    Its `ping` is in milliseconds. `parts` is the URL split, `lines` its query by name.
    """
    if ping.state == "start":
        return None
    status = "up" if ping.state == "success" else "down"
    took = "" if ping.duration is None else f"{ping.duration * 1000:.0f}"
    return Request(with_query(parts, {**lines, "status": status, "msg": ping.summary or status, "ping": took}))


def with_query(parts: Any, lines: Mapping[str, str]) -> str:
    """The URL with another query and no fragment."""
    return str(urlunsplit(parts._replace(query=urlencode(lines), fragment="")))


@dataclass
class Pulse:
    """The pings of one run for one inventory, sent in threads that end with the program.

    `patience` is how many seconds all pings together may delay the run, `began` the monotonic time of its start.
    `troubles` are the reasons why pings failed, by state.
    """

    policy: Heartbeat
    patience: float = PATIENCE
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    run: str = field(default_factory=lambda: str(uuid.uuid4()))
    began: float = field(default_factory=time.monotonic)
    troubles: dict[State, str] = field(default_factory=dict)
    sending: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The URL (a secret) in the environment variable that the inventory names; empty when it is not set."""
        return self.environment.get(self.policy.variable, "").strip()

    def start(self) -> None:
        """Send the ping that the run has begun, without waiting for the answer; none while there is no URL."""
        self.sending = self.send(Ping("start", self.run))

    def end(self, *, well: bool, summary: str) -> str:
        """Send the ping that the run has ended, within the time limit.

        `well` says whether it ended well; `summary` goes to the monitor, without secrets. Returns why the ping did not
        arrive, in words without the URL; empty when it did. Nothing is raised. Waits first, for half of that, until the
        ping of the start is out.
        """
        if not self.url:
            return f"heartbeat: ${self.policy.variable} is not set here, so nobody was notified that this audit ran"
        deadline = time.monotonic() + self.patience
        self.wait(self.sending, deadline - self.patience / 2)
        state: State = "success" if well else "failure"
        last = self.send(Ping(state, self.run, time.monotonic() - self.began, summary))
        answered = self.wait(last, deadline)
        trouble = self.troubles.get(state, "") if answered else f"no answer within {self.patience:g} s"
        return f"heartbeat: nobody was notified that this audit ran: {trouble}" if trouble else ""

    def send(self, ping: Ping) -> threading.Thread | None:
        """Send one ping in a thread of its own, which is returned; None without a URL.

        Even resolving a name may take a minute.
        """
        if not self.url:
            return None
        thread = threading.Thread(target=self.deliver, args=(ping,), name="heartbeat", daemon=True)
        thread.start()
        return thread

    def wait(self, thread: threading.Thread | None, deadline: float) -> bool:
        """Wait for a thread until `deadline` (monotonic time). Returns whether it has ended; True for None."""
        if thread is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
        return thread is None or not thread.is_alive()

    def deliver(self, ping: Ping) -> None:
        """Send one ping, and put the reason, without the URL, into `troubles` when it failed. Nothing is raised.

        None is sent that this kind of monitor does not know.
        """
        try:
            expected = heartbeat_request(self.policy.kind or kind_of(self.url), self.url, ping)
            if expected is not None and (refused := REFUSAL.search(deliver_request(expected, self.patience))):
                self.troubles[ping.state] = f"it answered {refused.group().decode()}"
        except Exception as odd:  # noqa: BLE001 - no ping may harm the audit, and most errors hold the URL
            self.troubles[ping.state] = harmless_error(odd)


def deliver_request(expected: Request, limit: float) -> bytes:
    """The first 1024 bytes of the answer to a request, within `limit` seconds. Raises whatever urllib does."""
    from urllib.request import Request as Http
    from urllib.request import urlopen

    question = Http(expected.url, data=expected.body, headers={"User-Agent": "fleetkeeper"})  # noqa: S310 - http(s) only
    with urlopen(question, timeout=limit) as answer:  # noqa: S310
        return bytes(answer.read(1024))


def harmless_error(error: Exception) -> str:
    """An error in words that cannot contain the URL. A kind that is not known gives the name of its type."""
    import ssl
    from urllib.error import HTTPError, URLError

    if isinstance(error, HTTPError):
        return f"it answered {error.code}"
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "its certificate is not one that this machine trusts"
    if isinstance(reason, ssl.SSLError):
        return "it does not speak TLS as it should"
    if isinstance(reason, OSError) and reason.errno:
        return os.strerror(reason.errno).lower() if reason.errno > 0 else "its name could not be found"
    if isinstance(reason, ValueError):
        return "what the variable holds is no URL of http or https"
    return f"no answer ({type(reason).__name__})"
