"""A Docker engine that is none: it answers what `docker stack deploy` asks, and records what it would write.

So Docker's own client converts a stack file, and no converter of ours can differ from it. The recorder listens on a
socket in a directory of its own, knows no server and changes nothing. Whatever the client looks for by name exists
here, with the id `name:NAME`, so that a recorded service says by name which networks, secrets and configs it uses.

Source: the Engine API (https://docs.docker.com/reference/api/engine/), docker/cli cli/command/stack/swarm/deploy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

API_VERSION = "1.50"
"""That of Docker 28. An older client speaks its own version, since each engine understands older ones."""
LARGEST_BODY = 8 * 1024 * 1024
MOST_REQUESTS = 2000
NAMED = "name:"
ENGINE: dict[str, object] = {
    "_ping": "OK",
    "info": {"Swarm": {"ControlAvailable": True, "LocalNodeState": "active"}},
    "version": {"ApiVersion": API_VERSION, "MinAPIVersion": "1.24", "Version": "28.2.2"},
}
VERSION_PREFIX = re.compile(r"/v1\.[0-9]+(?=/)")


@dataclass(frozen=True)
class RecordedRequest:
    """One write that the client asked for: the path without its version, such as `/services/create`, and its JSON.

    Of a secret and a config only name and labels are kept, never the content.
    """

    path: str
    body: dict[str, Any] = field(default_factory=dict)


class Recorder(ThreadingMixIn, UnixStreamServer):
    """The server. `writes` are what was asked to be written, in order; `asked` counts all requests."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, socket: Path) -> None:
        self.writes: list[RecordedRequest] = []
        self.asked = 0
        self.lock = Lock()
        super().__init__(str(socket), RecordingHandler)

    def record(self, path: str, body: dict[str, Any] | None) -> int:
        """Count a request and keep what it would write (`body`, None: nothing); return how many requests there were."""
        with self.lock:
            self.asked += 1
            if body is not None:
                self.writes.append(RecordedRequest(path, without_content(path, body)))
            return self.asked


@contextmanager
def recorder_at(socket: Path) -> Iterator[Recorder]:
    """A recorder that listens on a Unix socket until the end of the block."""
    with Recorder(socket) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()


class RecordingHandler(BaseHTTPRequestHandler):
    """One connection of the client."""

    protocol_version = "HTTP/1.1"
    server: Recorder
    timeout = 20

    def log_message(self, *_: object) -> None:
        """Say nothing: the client's requests are its own affair."""

    def do_HEAD(self) -> None:
        """Answer a ping."""
        self.answer(200, None)

    def do_GET(self) -> None:
        """Answer a question: nothing exists yet, but what is looked for by name."""
        url = urlsplit(self.path)
        path = VERSION_PREFIX.sub("", url.path)
        self.server.record(path, None)
        found = existing_object(path, parse_qs(url.query))
        if found is None:
            self.answer(404, {"message": f"{path} does not exist yet"})
        else:
            self.answer(200, found)

    def do_POST(self) -> None:
        """Record a write, and answer as if it had been done."""
        path = VERSION_PREFIX.sub("", urlsplit(self.path).path)
        size = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,12}", size) or int(size) > LARGEST_BODY:
            self.answer(413, {"message": "a request of unknown or too large size"})
            self.close_connection = True
            return
        body = json.loads(self.rfile.read(int(size)) or b"{}")
        name = str(body.get("Name", ""))
        if self.server.record(path, body) > MOST_REQUESTS:
            self.answer(429, {"message": f"more than {MOST_REQUESTS} requests"})
            return
        self.answer(201, {"ID": NAMED + name, "Id": NAMED + name, "Warnings": None})

    def answer(self, status: int, document: object) -> None:
        """Send a status and a JSON document; None sends no content."""
        content = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Api-Version", API_VERSION)
        self.send_header("Ostype", "linux")
        self.send_header("Swarm", "active/manager")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def existing_object(path: str, query: dict[str, list[str]]) -> object:
    """What the recorder answers to a GET: the engine's own information, or what is looked for by name.

    A single secret or config (`/secrets/NAME`) does not exist, None: the client would update it instead of creating it.

    >>> existing_object("/secrets", {"filters": ['{"name": {"pg": true}}']})
    [{'ID': 'name:pg', 'Spec': {'Name': 'pg'}}]
    >>> existing_object("/services", {"filters": ['{"label": {"com.docker.stack.namespace=rodan": true}}']})
    []
    """
    kind, _, name = path.strip("/").partition("/")
    if kind in ("secrets", "configs"):
        named = [{"ID": NAMED + each, "Spec": {"Name": each}} for each in filtered_names(query)]
        return None if name else named
    if kind == "networks" and name:
        return {"Id": NAMED + name, "Name": name, "Scope": "swarm"}
    return ENGINE.get(kind, [])


def filtered_names(query: dict[str, list[str]]) -> list[str]:
    """The names of a query's `filters`, which are a list or, since API 1.22, the keys of a mapping."""
    names = json.loads(query.get("filters", ["{}"])[0]).get("name", [])
    return list(names)


def without_content(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The body of a request; for a secret or config without its content."""
    if path.startswith(("/secrets/", "/configs/")):
        return {key: body[key] for key in ("Name", "Labels") if key in body}
    return body
