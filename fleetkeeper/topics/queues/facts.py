"""What was seen of brokers and workers. No message, and no argument of a job, is ever read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class Queue:
    """One queue of RabbitMQ: how many messages wait (`ready`), are with consumers (`unacknowledged`), and who consumes.

    `temporary`: it goes with its consumer or connection (auto-delete, exclusive), as queues for replies do.
    `ready_later` and `unacknowledged_later`: how many of both there are about a second later, at the end of the same
    look; None where that was not counted.
    """

    name: str
    ready: int = 0
    unacknowledged: int = 0
    consumers: int = 0
    temporary: bool = False
    ready_later: int | None = None
    unacknowledged_later: int | None = None

    @property
    def was_taken_from(self) -> bool:
        """Whether at the end of the look fewer messages waited than at its begin, or as many and one had ended."""
        if self.ready_later is None:
            return False
        ended = self.unacknowledged_later is not None and self.unacknowledged_later < self.unacknowledged
        return self.ready_later < self.ready or (ended and self.ready_later == self.ready)


@dataclass(frozen=True)
class Consumer:
    """Who consumes a queue: the IP address it is connected from, and the name of its worker where it is Celery's.

    Each is "" where it was not seen.
    """

    queue: str
    address: str = ""
    worker: str = ""


@dataclass(frozen=True)
class Broker:
    """RabbitMQ in one container, by its id; `networks` are the ids of Docker's networks that it is on."""

    container: str
    networks: tuple[str, ...] = ()
    queues: tuple[Queue, ...] | Unobservable = ()
    consumers: tuple[Consumer, ...] | Unobservable = ()


@dataclass(frozen=True)
class Endpoint:
    """The addresses of one container that runs, by the ids of its networks: IPv4, and IPv6 where it has one."""

    container: str
    addresses: dict[str, str] = field(default_factory=dict)
    addresses_v6: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A job that a worker runs. `since` is when it began, in epoch seconds by the worker's clock.

    `acknowledged`: the broker was told that it is done with, so that it counts it no more. Each is None if not said.
    """

    id: str
    task: str
    queue: str
    since: float | None = None
    acknowledged: bool | None = None


@dataclass(frozen=True)
class Reply:
    """What a worker of Celery answered: its name, the queues that it consumes, and the jobs that it runs."""

    worker: str
    queues: tuple[str, ...] = ()
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True)
class LocalWorker:
    """Whether a worker of Celery runs in a container of a declared service.

    `solo`: its pool is of the kind that answers nobody while it works. `app` and `queues` are those of its command line
    (`celery -A … worker -Q …`), empty where that names none. `celery` is Unobservable where neither was seen.
    """

    container: str
    celery: bool | Unobservable
    solo: bool = False
    app: str = ""
    queues: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """One node: the brokers there, the addresses of all its containers, and the declared workers there.

    `replies` are those of all workers of the broker, asked from here; None where no worker is here to ask from.
    """

    topic: ClassVar[str] = "queues"
    brokers: tuple[Broker, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    workers: tuple[LocalWorker, ...] = ()
    replies: tuple[Reply, ...] | Unobservable | None = None
