"""Faults of the stack's services."""

from lab import swarm
from lab.engine import Engine

WEB = "rodan-main"
USER = "django"


def run_as_root(engine: Engine) -> None:
    swarm.update(engine, WEB, "--user", "root")


def run_as_its_user(engine: Engine) -> None:
    swarm.update(engine, WEB, "--user", USER)
