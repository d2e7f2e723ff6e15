"""A Bugsink of its own for a test: a real server for envelopes of Sentry, in the environment of `make bugsink`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

ENVIRONMENT = Path(__file__).parents[2] / ".bugsink"
CONFIGURATION = """
from bugsink.settings.default import *
from bugsink.conf_utils import deduce_allowed_hosts
SECRET_KEY = "only for a test " * 4
DATABASES["default"]["NAME"] = "{folder}/db.sqlite3"
DATABASES["snappea"]["NAME"] = "{folder}/snappea.sqlite3"
SNAPPEA = {{"TASK_ALWAYS_EAGER": True, "NUM_WORKERS": 1, "PID_FILE": None, "WAKEUP_CALLS_DIR": "{folder}/wakeup",
           "STATS_RETENTION_MINUTES": 60}}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
BUGSINK = {{"BASE_URL": "{url}", "PHONEHOME": False, "VALIDATE_ON_DIGEST": "strict",
           "INGEST_STORE_BASE_DIR": "{folder}/ingestion"}}
ALLOWED_HOSTS = ["127.0.0.1"]
"""


@dataclass
class Bugsink:
    """A running server with one project: its DSN, and its API with a token that may do anything."""

    url: str
    token: str
    dsn: str = ""
    project: int = 0

    def call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer of the API to a GET, or with a body to a POST."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        with urlopen(Request(f"{self.url}/api/canonical/0/{path}", data, headers), timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def issues(self) -> list[dict[str, Any]]:
        """The issues of the project, with their number of events."""
        listed: list[dict[str, Any]] = self.call(f"issues/?project={self.project}")["results"]
        return listed


@contextmanager
def running_bugsink(folder: Path) -> Iterator[Bugsink]:
    """A server in a folder of its own, with one project. It ends with the `with`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    (folder / "ingestion").mkdir()
    (folder / "bugsink_conf.py").write_text(CONFIGURATION.format(folder=folder, url=url))
    programs = ENVIRONMENT / "bin"
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "bugsink_conf", "PYTHONPATH": str(folder)}

    def manage(*words: str) -> str:
        """What a command of the server prints."""
        arguments = [str(programs / "bugsink-manage"), *words]
        ran = subprocess.run(arguments, cwd=folder, env=variables, capture_output=True, text=True, check=True)
        return ran.stdout.strip()

    manage("migrate")
    manage("migrate", "snappea", "--database=snappea")
    token = manage("create_auth_token").splitlines()[-1]
    words = [str(programs / "gunicorn"), "--no-control-socket", "-w", "1", "--threads", "4", "-b", f"127.0.0.1:{port}"]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen([*words, "bugsink.wsgi"], cwd=folder, env=variables, stdout=log, stderr=log)
    try:
        bugsink = Bugsink(url, token)
        wait_for(bugsink)
        team = bugsink.call("teams/", {"name": "team"})
        project = bugsink.call("projects/", {"name": "fleet", "team": team["id"]})
        project = bugsink.call(f"projects/{project['id']}/")
        bugsink.project, bugsink.dsn = project["id"], project["dsn"]
        yield bugsink
    finally:
        server.terminate()
        server.wait(20)


def wait_for(bugsink: Bugsink) -> None:
    """Wait until the server answers, a minute at most."""
    deadline = time.monotonic() + 60
    while True:
        try:
            bugsink.call("teams/")
            return
        except (URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)
