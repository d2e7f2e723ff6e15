"""A server on this machine that answers GitHub's REST API about issues of one repository, as far as it is used."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "github-canary-77a0"
REPOSITORY = "shop/servers"
ASSIGNABLE = ("ada",)


@dataclass
class GitHubServer:
    """The issues by number. `refused` maps a method to the status that it is answered with, before `pause` seconds.

    `headers` go with every answer, `longer` is a number of bytes that follow each. `requests`: method, path and body.
    """

    port: int = 0
    private: bool = True
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: list[tuple[int, str]] = field(default_factory=list)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    longer: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def states(self) -> list[str]:
        return [issue["state"] for issue in self.issues.values()]

    def answer(self, method: str, address: str, authorization: str, body: Any) -> tuple[int, Any]:
        """Status and document of the API."""
        self.requests.append((method, address, body))
        if authorization != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}
        if method in self.refused:
            return self.refused[method], {"message": f"no {TOKEN}"}
        parts = urlsplit(address)
        if not parts.path.startswith(f"/repos/{REPOSITORY}"):
            return 404, {"message": "Not Found"}
        path = parts.path.removeprefix(f"/repos/{REPOSITORY}").split("/")[2:]
        if parts.path.endswith(REPOSITORY):
            return 200, {"full_name": REPOSITORY, "private": self.private}
        return self.answer_issue(method, path, body) if path else self.answer_issues(method, parts.query, body)

    def answer_issues(self, method: str, query: str, body: Any) -> tuple[int, Any]:
        """The answer about all issues: those of a page, or the one that is created."""
        if method == "GET":
            words = parse_qs(query)
            page, size = int(words["page"][0]), int(words["per_page"][0])
            labelled = [issue for issue in self.issues.values() if words["labels"][0] in issue["labels"]]
            return 200, labelled[::-1][(page - 1) * size : page * size]
        if set(body.get("assignees", ())) - set(ASSIGNABLE):
            return 422, {"message": "Validation Failed"}
        number = len(self.issues) + 1
        self.issues[number] = {"number": number, "state": "open", "assignees": [], **body}
        return 201, self.issues[number]

    def answer_issue(self, method: str, path: list[str], body: Any) -> tuple[int, Any]:
        """The answer about one issue, whose number begins the path."""
        number = int(path[0])
        if number not in self.issues:
            return 404, {"message": "Not Found"}
        if path[1:] == ["comments"]:
            self.comments.append((number, body["body"]))
            return 201, {"id": 1}
        if method == "PATCH":
            self.issues[number].update(body)
        return 200, self.issues[number]


def handler_of(github: GitHubServer) -> type[BaseHTTPRequestHandler]:
    """The handler of requests to a server."""

    class Handler(BaseHTTPRequestHandler):
        """Hands every request to the API."""

        def take_request(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"] or 0))
            body = json.loads(content) if content else None
            status, document = github.answer(self.command, self.path, self.headers["Authorization"] or "", body)
            time.sleep(github.pause)
            with suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(status)
                for name, text in github.headers.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())
                for _ in range(github.longer >> 20):
                    self.wfile.write(b" " * (1 << 20))

        do_GET = do_POST = do_PATCH = take_request  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def running_github() -> Iterator[GitHubServer]:
    """A server of its own. It ends with the `with`."""
    github = GitHubServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(github))
    github.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield github
    finally:
        server.shutdown()
        server.server_close()
