"""The lines that `fleetkeeper init` proposes for the section `queues`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fleetkeeper.inventory.survey_results import left_open
from fleetkeeper.inventory.yaml_lines import flow

if TYPE_CHECKING:
    from fleetkeeper.inventory.survey_results import Findings


def init_lines(survey: Findings) -> Iterator[str]:
    """The section. Which queues there should be, and who should take their jobs, only a person knows."""
    yield "# RabbitMQ's queues, and which service takes the jobs from each: a job that is sent should be one that runs."
    brokers = [service.key for service in survey.services if service.broker]
    workers = [service.key for service in survey.services if service.workers]
    seen = [f"{key} is RabbitMQ" for key in brokers]
    seen += [f"{key} runs workers of Celery" for key in workers] if brokers else []
    content = left_open(survey, "nothing here is RabbitMQ", "; ".join(seen))
    yield f"queues: {flow(content)}{example(brokers, workers)}"


def example(brokers: list[str], workers: list[str]) -> str:
    """A comment with a section that could be; "" where no broker was seen."""
    if not brokers:
        return ""
    each = ", ".join(f"QUEUE: {key}" for key in workers[:2]) or "QUEUE: SERVICE"
    return f"   # for example {{broker: {brokers[0]}, each: {{{each}}}}}"
