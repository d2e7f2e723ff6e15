"""What an inventory says about queues of jobs: the `queues` section."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from fleetkeeper.inventory.fields import NodePath, ServiceName, spelled_like
from fleetkeeper.inventory.schema import Strict
from fleetkeeper.inventory.units import Duration

QUEUE = r"[A-Za-z0-9_][A-Za-z0-9_.:@/-]{0,127}"
HOST = r"[A-Za-z0-9_/][A-Za-z0-9_./-]{0,127}"
MODULE = r"[A-Za-z_][A-Za-z0-9_.]{0,127}(?::[A-Za-z_][A-Za-z0-9_]{0,63})?"
SPELLED = "letters, digits, `_`, `.`, `:`, `@`, `/` and `-`"
QueueName = Annotated[str, AfterValidator(spelled_like(QUEUE, "the name of a queue", f"it has {SPELLED}"))]
VirtualHost = Annotated[str, AfterValidator(spelled_like(HOST, "a virtual host", "such as `/` or `rodan`"))]
Application = Annotated[
    str, AfterValidator(spelled_like(MODULE, "an application of Celery", "such as `rodan` or `rodan.celery:app`"))
]


class Policy(Strict):
    """Which queues there are in a broker, and which service takes the jobs from each."""

    broker: ServiceName = Field(description="The service (a key of `services`) that is RabbitMQ.")
    each: dict[QueueName, ServiceName] = Field(
        min_length=1, description="The queues by name, each with the service that takes its jobs."
    )
    host: VirtualHost = Field(default="/", description="RabbitMQ's virtual host that has them.")
    backlog: int = Field(default=100, ge=0, description="How many jobs may wait in a queue.")
    waiting: Duration = Field(
        default=timedelta(days=1), description="How long one job may hold up those that wait behind it."
    )
    app: Application | None = Field(
        default=None, description="The application, as in `celery -A …`; default: what the worker's command line says."
    )
    directory: NodePath | None = Field(
        default=None, description="The directory in the container from which it is imported; default: the worker's own."
    )
