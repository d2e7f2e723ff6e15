"""A fault of mail: the mailer of a node has lost its configuration."""

from lab import nodes
from lab.engine import Engine
from lab.names import DATA

LOSE = "[ ! -e /etc/msmtprc ] || mv /etc/msmtprc /var/lib/msmtprc"
FIND = "[ ! -e /var/lib/msmtprc ] || mv /var/lib/msmtprc /etc/msmtprc"


def lose_configuration(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", LOSE)


def find_configuration(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", FIND)
