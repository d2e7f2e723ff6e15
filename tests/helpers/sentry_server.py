"""A server on this machine that takes Sentry's envelopes and answers its issue API, as far as fleetkeeper uses it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "sntrys-canary-4b1d"
PAGE = "/api/0/organizations/shop/"
OWNERSHIP = "/api/0/projects/shop/7/ownership/"


@dataclass
class SentryServer:
    """Events and issues. An event of a resolved issue opens it again; one of an ignored issue does not.

    `refused` maps a method to the status that the API answers it with, `pause` is in seconds before each answer.
    `lost` events are taken and kept nowhere. `requests` are the API's: method, path and body.
    """

    port: int = 0
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    comments: list[tuple[str, str]] = field(default_factory=list)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    lost: bool = False
    ownership: str | None = None

    @property
    def dsn(self) -> str:
        return f"http://{KEY}@127.0.0.1:{self.port}/7"

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.port}/organizations/shop/"

    def issue_of(self, event: dict[str, Any]) -> str:
        """The number of the issue that an event is of, by its fingerprint."""
        prints = list(dict.fromkeys(tuple(kept["fingerprint"]) for kept in self.events.values()))
        return str(1000 + prints.index(tuple(event["fingerprint"])))

    def take(self, event: dict[str, Any]) -> None:
        """Keep an event."""
        if self.lost:
            return
        self.events[event["event_id"]] = event
        issue = self.issue_of(event)
        if self.statuses.get(issue) != "ignored":
            self.statuses[issue] = "unresolved"

    def answer(self, method: str, path: str, authorization: str, body: Any) -> tuple[int, Any]:
        """Status and document of the API."""
        self.requests.append((method, path, body))
        if status := self.refused.get(method, 0) if authorization == f"Bearer {TOKEN}" else 401:
            return status, {"detail": f"no {TOKEN}"}
        if path == OWNERSHIP:
            return 200, {"raw": self.ownership, "fallthrough": True}
        kind, name, *rest = path.removeprefix(PAGE).split("/")
        if path.startswith(PAGE) and kind == "eventids" and name in self.events:
            event = self.events[name]
            tags = [{"key": key, "value": text} for key, text in event["tags"].items()]
            return 200, {"eventId": name, "groupId": self.issue_of(event), "event": {"tags": tags}}
        if not path.startswith(PAGE) or kind != "issues" or name not in self.statuses:
            return 404, {"detail": "The requested resource does not exist"}
        if method == "POST" and rest == ["comments", ""]:
            self.comments.append((name, body["text"]))
            return 201, {"id": "1"}
        if method == "PUT":
            self.statuses[name] = body["status"]
        return 200, {"id": name, "status": self.statuses[name]}


def handler_of(server: SentryServer) -> type[BaseHTTPRequestHandler]:
    """The handler of requests to a server."""

    class Handler(BaseHTTPRequestHandler):
        """Takes envelopes, and hands all else to the API."""

        def take_request(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"] or 0))
            time.sleep(server.pause)
            if self.path.endswith("/envelope/"):
                server.take(json.loads(content.split(b"\n")[2]))
                self.reply(200, {})
                return
            body = json.loads(content) if content else None
            self.reply(*server.answer(self.command, self.path, self.headers["Authorization"] or "", body))

        def do_GET(self) -> None:
            self.take_request()

        def do_POST(self) -> None:
            self.take_request()

        def do_PUT(self) -> None:
            self.take_request()

        def reply(self, status: int, document: Any) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(status)
                for name, text in server.headers.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def running_sentry() -> Iterator[SentryServer]:
    """A server of its own. It ends with the `with`."""
    sentry = SentryServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(sentry))
    sentry.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield sentry
    finally:
        server.shutdown()
        server.server_close()
