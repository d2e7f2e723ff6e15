"""Pings, as the three watchers expect them, against a real server on this machine; and against none."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from fleetkeeper.inventory.load import InventoryError
from fleetkeeper.reports.heartbeat_ping import Heartbeat, Ping, Pulse, heartbeat_request, kind_of
from fleetkeeper.topics.registry import load_inventory

SECRET = "1c1f6a1e-3a4d-4a51-9f27-0d6f7a1b2c3d"
PATHS = {
    "healthchecks": f"/ping/{SECRET}",
    "sentry": f"/api/7/cron/nightly/{SECRET}/",
    "uptime-kuma": f"/api/push/{SECRET}?status=up&msg=OK&ping=",
}
INVENTORY = """
nodes: {here: {connection: local}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
"""


class Watcher:
    """What a watcher heard: method, path, query, body. `answer` is its status, `pause` how long it thinks."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, str], str]] = []
        self.answer, self.pause, self.body = 200, 0.0, b"OK"
        self.location = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
                outer.heard.append((self.command, parts.path, query, body))
                time.sleep(outer.pause)
                self.send_response(outer.answer)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.end_headers()
                self.wfile.write(outer.body)

            do_POST = do_GET  # noqa: N815 - http.server's name

            def log_message(self, *words: object) -> None:
                """Keep quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.server.timeout = 0.05
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @contextlib.contextmanager
    def serving(self) -> Iterator[Watcher]:
        yield self
        self.server.shutdown()
        self.server.server_close()

    def url(self, kind: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{PATHS[kind]}"


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    with Watcher().serving() as started:
        yield started


def pulse(url: str, patience: float = 5.0) -> Pulse:
    return Pulse(Heartbeat(variable="BEAT"), patience, {"BEAT": url} if url else {})


def beat(watcher: Watcher, kind: str, *, well: bool) -> str:
    item = pulse(watcher.url(kind))
    item.start()
    return item.end(well=well, summary="10 promises: 0 broken, 0 unknown")


def test_healthchecks_hears_start_and_end_of_one_run(watcher: Watcher) -> None:
    assert beat(watcher, "healthchecks", well=True) == ""
    start, end = watcher.heard
    assert (start[1], end[1]) == (f"/ping/{SECRET}/start", f"/ping/{SECRET}")
    assert start[2]["rid"] == end[2]["rid"]
    assert end[0] == "POST"
    assert end[3] == "10 promises: 0 broken, 0 unknown"


def test_healthchecks_hears_of_failure_under_its_own_path(watcher: Watcher) -> None:
    beat(watcher, "healthchecks", well=False)
    assert watcher.heard[1][1] == f"/ping/{SECRET}/fail"


def test_sentry_hears_a_check_in_that_begins_and_one_with_its_duration(watcher: Watcher) -> None:
    assert beat(watcher, "sentry", well=True) == ""
    start, end = (query for _, _, query, _ in watcher.heard)
    assert (start["status"], end["status"]) == ("in_progress", "ok")
    assert start["check_in_id"] == end["check_in_id"]
    assert len(end["check_in_id"]) == 32
    assert float(end["duration"]) >= 0
    assert {path for _, path, _, _ in watcher.heard} == {PATHS["sentry"]}


def test_sentry_hears_of_failure(watcher: Watcher) -> None:
    beat(watcher, "sentry", well=False)
    assert watcher.heard[1][2]["status"] == "error"


def test_uptime_kuma_hears_the_end_alone_in_place_of_what_its_url_says(watcher: Watcher) -> None:
    assert beat(watcher, "uptime-kuma", well=False) == ""
    [(_, path, query, _)] = watcher.heard
    assert path == f"/api/push/{SECRET}"
    assert query["status"] == "down"
    assert query["msg"] == "10 promises: 0 broken, 0 unknown"
    assert float(query["ping"]) >= 0


@pytest.mark.parametrize("kind", PATHS)
def test_the_kind_is_seen_in_the_url(kind: str) -> None:
    assert kind_of(f"https://watch.example.org{PATHS[kind]}") == kind


def test_a_query_of_ones_own_stays() -> None:
    question = heartbeat_request("healthchecks", "https://hc.example.org/key/slug?create=1", Ping("start", "r"))
    assert question is not None
    assert question.url == "https://hc.example.org/key/slug/start?create=1&rid=r"


def test_a_slow_watcher_delays_no_more_than_the_limit(watcher: Watcher) -> None:
    watcher.pause = 1.2
    item = pulse(watcher.url("healthchecks"), patience=0.4)
    began = time.monotonic()
    item.start()
    text = item.end(well=True, summary="")
    assert time.monotonic() - began < 1.0
    assert "no answer within 0.4 s" in text


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"http://127.0.0.1:{closed_port()}/ping/{SECRET}", "connection refused"),
        (f"file:///etc/{SECRET}", "no URL of http or https"),
        (SECRET, "no URL of http or https"),
        (f"http://[{SECRET}", "no URL of http or https"),
        (f"http://127.0.0.1:99999999/{SECRET}", "no URL of http or https"),
        (f"http://127.0.0.1:1/ {SECRET}", ""),
    ],
    ids=["closed", "file", "bare", "bracket", "port", "space"],
)
def test_case_71_a_ping_that_fails_is_said_without_the_url(url: str, words: str) -> None:
    item = pulse(url, patience=2.0)
    item.start()
    text = item.end(well=True, summary="")
    assert "nobody was notified" in text
    assert words in text
    assert SECRET not in text


def test_a_watcher_that_refuses_is_said_by_its_status(watcher: Watcher) -> None:
    watcher.answer = 404
    assert beat(watcher, "healthchecks", well=True).endswith("it answered 404")


def test_a_variable_that_is_not_set_is_said_and_nothing_is_sent() -> None:
    item = pulse("")
    item.start()
    assert item.end(well=True, summary="").startswith("heartbeat: $BEAT is not set here")


def test_the_name_alone_will_do_in_an_inventory(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    short = load_inventory(path, f"{INVENTORY}heartbeat: RODAN_HEARTBEAT\n")
    long = load_inventory(path, f"{INVENTORY}heartbeat: {{variable: RODAN_HEARTBEAT, kind: sentry}}\n")
    assert short.heartbeat == Heartbeat(variable="RODAN_HEARTBEAT")
    assert long.heartbeat == Heartbeat(variable="RODAN_HEARTBEAT", kind="sentry")


def test_case_9_a_url_in_the_inventory_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(InventoryError) as refused:
        load_inventory(tmp_path / "a.yml", f"{INVENTORY}heartbeat: https://hc-ping.com/{SECRET}\n")
    assert "a.yml:6: heartbeat" in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("body", [b"OK (not found)", b"OK (rate limited)", b'{"ok":false,"msg":"Monitor not found"}'])
def test_a_watcher_that_says_ok_and_means_no_is_not_believed(watcher: Watcher, body: bytes) -> None:
    watcher.body = body
    text = beat(watcher, "healthchecks", well=True)
    assert text.startswith("heartbeat: nobody was notified that this audit ran: it answered ")
    assert SECRET not in text


@pytest.mark.parametrize("body", [b"OK", b'{"ok":true}', b"", b"\xff OK (not found)" * 1000])
def test_any_other_answer_will_do(watcher: Watcher, body: bytes) -> None:
    watcher.body = body
    assert beat(watcher, "healthchecks", well=True) == ""


def test_a_redirect_is_followed_and_a_circle_of_them_is_said(watcher: Watcher) -> None:
    watcher.answer, watcher.location = 302, watcher.url("healthchecks")
    text = beat(watcher, "healthchecks", well=True)
    assert "it answered 302" in text
    assert SECRET not in text
    with Watcher().serving() as other:
        watcher.location = other.url("healthchecks")
        assert beat(watcher, "healthchecks", well=True) == ""
        assert [path for _, path, _, _ in other.heard] == [PATHS["healthchecks"]] * 2


def test_a_url_with_blanks_around_it_is_used_without_them(watcher: Watcher) -> None:
    item = pulse(f" {watcher.url('healthchecks')}\n")
    assert item.end(well=True, summary="") == ""


def test_a_certificate_that_nobody_vouches_for_is_said_as_such(watcher: Watcher, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost")
    subprocess.run(["openssl", *words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    watcher.server.socket = context.wrap_socket(watcher.server.socket, server_side=True)
    item = pulse(watcher.url("healthchecks").replace("http:", "https:").replace("127.0.0.1", "localhost"))
    assert item.end(well=True, summary="").endswith("its certificate is not one that this machine trusts")


def test_a_watcher_without_tls_is_said_as_such(watcher: Watcher) -> None:
    item = pulse(watcher.url("healthchecks").replace("http:", "https:"))
    assert item.end(well=True, summary="").endswith("it does not speak TLS as it should")


def test_a_watcher_that_answers_drop_by_drop_delays_no_more_than_the_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=dripping, args=(listening,), daemon=True).start()
        item = pulse(f"http://127.0.0.1:{listening.getsockname()[1]}/{SECRET}", patience=0.4)
        began = time.monotonic()
        item.start()
        text = item.end(well=True, summary="")
        assert time.monotonic() - began < 1.0
    assert "no answer within 0.4 s" in text


def dripping(listening: socket.socket) -> None:
    """Answer each connection with an endless header, a byte at a time."""
    with contextlib.suppress(OSError):
        while True:
            item, _ = listening.accept()
            threading.Thread(target=drip, args=(item,), daemon=True).start()


def drip(item: socket.socket) -> None:
    with item, contextlib.suppress(OSError):
        item.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(50):
            item.sendall(b"x")
            time.sleep(0.05)
