"""Faults of the queues: of their broker, of who consumes them, and of what is sent to them."""

from lab import nodes, swarm
from lab.engine import Engine
from lab.shell import LabError, wait_until

BROKER, WORKER = "rabbitmq", "gpu-celery"
QUEUE, NAME, TYPO = "GPU", "celery@GPU", "gpu"
OTHER_QUEUE, OTHER_WORKER = "celery", "py3-celery"
CELERY = ("celery", "-A", "jobs")
SEND = """import sys
from jobs import app
for _ in range(int(sys.argv[2])): app.send_task("jobs.sleep", (900,), queue=sys.argv[1])
"""
MANY = 40
"""More than may wait, and than a worker reserves."""
SIGNAL = 'kill "-$1" "$(docker inspect --format "{{.State.Pid}}" "$2")"'


def rabbitmqctl(engine: Engine, *words: str) -> str:
    return swarm.run_within(engine, BROKER, "rabbitmqctl", "-q", *words)


def numbers_of_queue(engine: Engine, queue: str) -> tuple[int, int]:
    """How many consumers a queue has, and how many messages wait in it; -1 and 0 where there is none."""
    listed = rabbitmqctl(engine, "list_queues", "--no-table-headers", "name", "consumers", "messages")
    rows = [line.split("\t") for line in listed.splitlines()]
    return next(((int(row[1]), int(row[2])) for row in rows if len(row) == 3 and row[0] == queue), (-1, 0))


def consumers_of(engine: Engine, queue: str) -> int:
    """How many consumers a queue has; -1 where there is none, or while the broker does not answer yet."""
    try:
        return numbers_of_queue(engine, queue)[0]
    except LabError:
        return -1


def wait_for_consumers(engine: Engine, queue: str, number: int) -> None:
    wait_until(lambda: consumers_of(engine, queue) == number, f"{number} consumers of {queue}", limit=120, every=0.5)


def wait_for_workers(engine: Engine) -> None:
    for queue in (QUEUE, OTHER_QUEUE):
        wait_for_consumers(engine, queue, 1)


def cancel_consumer(engine: Engine) -> None:
    if numbers_of_queue(engine, QUEUE)[0] == 1:
        swarm.run_within(engine, WORKER, *CELERY, "control", "cancel_consumer", QUEUE, "-d", NAME)
    wait_for_consumers(engine, QUEUE, 0)


def add_consumer(engine: Engine) -> None:
    if numbers_of_queue(engine, QUEUE)[0] < 1:
        swarm.run_within(engine, WORKER, *CELERY, "control", "add_consumer", QUEUE, "-d", NAME)
    wait_for_consumers(engine, QUEUE, 1)


def freeze_worker(engine: Engine) -> None:
    send_signal(engine, "STOP")


def thaw_worker(engine: Engine) -> None:
    """Let it go on; where a remedy has started another meanwhile, that one is let go on."""
    send_signal(engine, "CONT")


def send_signal(engine: Engine, name: str) -> None:
    """Send a signal to the first process of the worker's container, which answers and consumes."""
    home, container = swarm.home_of_service(engine, WORKER)
    nodes.run_on(engine, home, "sh", "-c", SIGNAL, "sh", name, container)


def send_to_typo(engine: Engine) -> None:
    if numbers_of_queue(engine, TYPO)[1] == 0:
        swarm.run_within(engine, WORKER, "python3", "-c", SEND, TYPO, "3")


def delete_typo(engine: Engine) -> None:
    if numbers_of_queue(engine, TYPO)[0] >= 0:
        rabbitmqctl(engine, "delete_queue", TYPO)


def pile_up(engine: Engine) -> None:
    if numbers_of_queue(engine, OTHER_QUEUE)[1] < MANY // 2:
        swarm.run_within(engine, OTHER_WORKER, "python3", "-c", SEND, OTHER_QUEUE, str(MANY))


def clear_pile(engine: Engine) -> None:
    """Forget what waits, while no worker runs: what one has reserved goes back to the queue when it ends."""
    if numbers_of_queue(engine, OTHER_QUEUE)[1] == 0:
        return
    swarm.update_service(engine, OTHER_WORKER, "--replicas", "0")
    wait_until(lambda: not swarm.find_service(engine, OTHER_WORKER), "the worker's task to end", limit=60, every=0.3)
    rabbitmqctl(engine, "purge_queue", OTHER_QUEUE)
    swarm.update_service(engine, OTHER_WORKER, "--replicas", "1")
    wait_for_consumers(engine, OTHER_QUEUE, 1)


def stop_broker(engine: Engine) -> None:
    """Stop RabbitMQ inside its container, which runs on: `docker ps` shows nothing."""
    rabbitmqctl(engine, "stop_app")


def start_broker(engine: Engine) -> None:
    """Start it again, and the workers too: Celery 5.2 comes back to the broker, and not always to its queue."""
    rabbitmqctl(engine, "start_app")
    for queue, worker in ((QUEUE, WORKER), (OTHER_QUEUE, OTHER_WORKER)):
        swarm.update_service(engine, worker, "--force")
        wait_for_consumers(engine, queue, 1)
