"""The jobs of the lab's queues."""

import time

from celery import Celery

app = Celery("jobs", broker="amqp://guest:guest@rabbitmq//")


@app.task
def sleep(seconds: float) -> None:
    """Take that long."""
    time.sleep(seconds)
