"""The looks at queues, done to a real RabbitMQ and real workers of Celery: typo, cancelled, frozen, gone, broker down.

`CELERY` names the program `celery` of some environment; RabbitMQ is Debian's. `docker exec` runs the command here.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.queues.facts import Broker, Endpoint
from fleetkeeper.topics.queues.observe import ask_broker, ask_workers
from fleetkeeper.topics.queues.parse import parse_broker, parse_workers
from fleetkeeper.topics.queues.policy import Policy
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.transport.commands import Command, Output, Unobservable
from tests.helpers.waiting import wait_until
from tests.pure.topics import test_queues as example

RABBITMQ = Path("/usr/lib/rabbitmq/bin")
CELERY = os.environ.get("CELERY", "")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (RABBITMQ / "rabbitmqctl").exists(), reason="Debian's rabbitmq-server is not installed"),
    pytest.mark.skipif(not shutil.which(CELERY), reason="CELERY names no program `celery`"),
]
TASKS = """
import time
from celery import Celery
app = Celery("tasks", broker="amqp://guest:guest@127.0.0.1:PORT//")
@app.task
def sleep(seconds): time.sleep(seconds)
"""
DOCKER = """#!/bin/sh
[ "$1" = exec ] || exit 1
shift 2
case $1 in rabbitmqctl) shift; exec RABBITMQ/rabbitmqctl "$@" ;; *) exec "$@" ;; esac
"""


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class LiveQueues:
    """A broker and a worker of the queue GPU, which look like containers of the example's fleet."""

    folder: Path
    environment: dict[str, str]

    def run(self, *words: str) -> str:
        done = subprocess.run(
            words, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120
        )
        return done.stdout

    def ask(self, command: Command) -> Output:
        done = subprocess.run(command.words, env=self.environment, capture_output=True, check=False, timeout=120)
        return Output(done.returncode, done.stdout, done.stderr, command=str(command))

    def rabbitmqctl(self, *words: str) -> str:
        return self.run(str(RABBITMQ / "rabbitmqctl"), *words)

    def start_worker(self) -> subprocess.Popen[bytes]:
        words = (CELERY, "-A", "tasks", "worker", "-Q", "GPU", "-n", "GPU", "--concurrency=1")
        log = (self.folder / "worker.log").open("wb")
        return subprocess.Popen(words, env=self.environment, cwd=self.folder, stdout=log, stderr=log)

    def send(self, queue: str, number: int = 1) -> None:
        for _ in range(number):
            self.run(CELERY, "-A", "tasks", "call", "tasks.sleep", "--args=[600]", f"--queue={queue}")

    def broker(self) -> Broker:
        policy = load_inventory(Path("mine.yml"), example.ASKED).section(Policy)
        return parse_broker(example.RABBIT.id, self.ask(ask_broker(policy, example.RABBIT.id)), ("n1",))

    def fleet(self) -> Fleet:
        policy = load_inventory(Path("mine.yml"), example.ASKED).section(Policy)
        local, replies = parse_workers(self.ask(ask_workers(policy, (example.GPU.id,))), (example.GPU.id,))
        here = (Endpoint(example.GPU.id, {"n1": "127.0.0.1"}),)
        manager = replace(example.MANAGER, brokers=(self.broker(),), endpoints=(), workers=(), replies=None)
        return example.fleet_of(manager, replace(example.VGPU, endpoints=here, workers=local, replies=replies))

    def verdict(self, rule: str, kind: str = "queue", name: str = "GPU") -> Verdict:
        return judge_subject(example.RULES[rule], self.fleet(), Subject(kind, name))

    def taken(self) -> int:
        queues = self.broker().queues
        return -1 if isinstance(queues, Unobservable) else sum(q.unacknowledged for q in queues if q.name == "GPU")

    def consumers(self) -> int:
        """Those of the queue, and of the one on which its worker is asked."""
        queues = self.broker().queues
        return -1 if isinstance(queues, Unobservable) else sum(q.consumers for q in queues if "GPU" in q.name)


@pytest.fixture(scope="module")
def live_queues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveQueues]:
    folder = tmp_path_factory.mktemp("queues")
    ports = [unused_port() for _ in range(3)]
    (folder / "tasks.py").write_text(TASKS.replace("PORT", str(ports[0])))
    (folder / "docker").write_text(DOCKER.replace("RABBITMQ", str(RABBITMQ)))
    (folder / "docker").chmod(0o755)
    (folder / "plugins").write_text("[].")
    (folder / "rabbitmq-env.conf").touch()
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": str(folder),
        "DOCKER_HOST": "unix:///run/docker.sock",
        "RABBITMQ_NODENAME": "fleetkeeper@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(ports[0]),
        "RABBITMQ_DIST_PORT": str(ports[1]),
        "ERL_EPMD_PORT": str(ports[2]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
    }
    queues = LiveQueues(folder, environment)
    log = (folder / "broker.log").open("wb")
    names = subprocess.Popen(("epmd", "-address", "127.0.0.1", "-port", str(ports[2])), env=environment)
    server = subprocess.Popen((RABBITMQ / "rabbitmq-server",), env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: isinstance(queues.broker().queues, tuple), limit=120)
        yield queues
    finally:
        queues.rabbitmqctl("stop")
        for process in (server, names):
            process.terminate()
            process.wait(30)


@pytest.fixture
def worker(live_queues: LiveQueues) -> Iterator[subprocess.Popen[bytes]]:
    child = live_queues.start_worker()
    try:
        wait_until(lambda: live_queues.consumers() == 2, limit=120)
        yield child
    finally:
        child.send_signal(signal.SIGCONT)
        child.terminate()
        child.terminate()
        child.wait(60)


def test_a_queue_whose_worker_consumes_and_answers_holds(
    live_queues: LiveQueues, worker: subprocess.Popen[bytes]
) -> None:
    fleet = live_queues.fleet()
    verdicts = [judge_subject(rule, fleet, Subject("queue", "GPU")) for rule in example.RULES.values()]
    assert [(verdict.outcome, verdict.unknown) for verdict in verdicts] == [(Outcome.HOLDS, ())] * 4


def test_a_consumer_that_was_cancelled_is_found_and_comes_back(
    live_queues: LiveQueues, worker: subprocess.Popen[bytes]
) -> None:
    live_queues.run(CELERY, "-A", "tasks", "control", "cancel_consumer", "GPU")
    [match] = live_queues.verdict("are_consumed").findings
    assert "runs and does not consume it" in match.saw
    live_queues.run(CELERY, "-A", "tasks", "control", "add_consumer", "GPU")
    assert live_queues.verdict("are_consumed").outcome is Outcome.HOLDS


def test_a_frozen_worker_consumes_and_does_not_answer(live_queues: LiveQueues, worker: subprocess.Popen[bytes]) -> None:
    worker.send_signal(signal.SIGSTOP)
    assert live_queues.verdict("are_consumed").outcome is Outcome.HOLDS
    assert live_queues.verdict("answer").outcome is not Outcome.HOLDS


def test_jobs_in_a_queue_of_a_mistyped_name_are_named(live_queues: LiveQueues, worker: subprocess.Popen[bytes]) -> None:
    live_queues.send("gpu")
    [match] = live_queues.verdict("are_consumed", "service", "rabbitmq").findings
    assert "gpu (1)" in match.saw


def test_jobs_that_a_worker_has_taken_behind_one_that_does_not_end_are_seen(
    live_queues: LiveQueues, worker: subprocess.Popen[bytes]
) -> None:
    live_queues.send("GPU", 3)
    wait_until(lambda: live_queues.taken() == 2, limit=60)
    fleet = live_queues.fleet()
    assert judge_subject(example.RULES["move"], fleet, Subject("queue", "GPU")).outcome is Outcome.HOLDS
    later = replace(fleet, looked_at=datetime.now(UTC) + timedelta(hours=13))
    [unknown] = judge_subject(example.RULES["move"], later, Subject("queue", "GPU")).unknown
    assert "workers have taken up to 2 more from GPU" in unknown.why
    worker.kill()
    live_queues.rabbitmqctl("purge_queue", "GPU")


def test_a_worker_that_is_gone_leaves_a_queue_that_nobody_consumes(live_queues: LiveQueues) -> None:
    wait_until(lambda: live_queues.consumers() == 0, limit=60)
    live_queues.send("GPU")
    [match] = live_queues.verdict("are_consumed").findings
    assert "nobody consumes GPU: a job waits" in match.saw
    queues = live_queues.broker().queues
    assert isinstance(queues, tuple)
    assert [(each.ready, each.ready_later) for each in queues if each.name == "GPU"] == [(1, 1)]


def test_rabbitmq_that_is_stopped_in_a_container_that_runs_is_unknown(live_queues: LiveQueues) -> None:
    live_queues.rabbitmqctl("stop_app")
    try:
        verdict = live_queues.verdict("are_consumed")
    finally:
        live_queues.rabbitmqctl("start_app")
    assert verdict.outcome is Outcome.UNKNOWN
    assert "rabbitmqctl start_app" in str(verdict.unknown[0])
