"""Faults of database servers: the one that hangs, one that nobody wrote down, and what makes dumps by itself."""

from lab import nodes, swarm
from lab.engine import Engine
from lab.names import DATA, VGPU, image_tag
from lab.shell import wait_until

DATABASE = "postgres"
ANSWERS = "pg_isready -q -h 127.0.0.1"
IS_A_PROCESS = "test -d /proc/1"
"""What many a health check amounts to; one that asks the server would have the swarm replace one that hangs."""
SEND = 'kill "-$1" "$(docker inspect --format "{{.State.Pid}}" "$2")"'
LEDGER = "ledger"
SETTINGS = ("POSTGRES_USER=ledger", "POSTGRES_PASSWORD=lab-only-password", "POSTGRES_DB=ledger")
START = 'docker inspect "$1" >/dev/null 2>&1 || { name=$1; shift; docker run -d --name "$name" --network none "$@"; }'
SIDECAR = "pgbackups"
OWN_CLOCK = ("POSTGRES_HOST=postgres", "SCHEDULE=@daily", "BACKUP_KEEP_DAYS=7")
"""Names as postgres-backup-local has them."""
WAITS = ("--user", "postgres", "--entrypoint", "sleep", "--volume", "rodan_pg_backup:/backups")
REMOVE = 'docker rm -f -v "$1" >/dev/null 2>&1 || :'


def freeze_server(engine: Engine) -> None:
    """Stop the server's first process, which takes connections; a health check that sees a process stays content."""
    swarm.update_service(engine, DATABASE, "--health-cmd", IS_A_PROCESS)
    send_signal(engine, "STOP")


def thaw_server(engine: Engine) -> None:
    send_signal(engine, "CONT")
    swarm.update_service(engine, DATABASE, "--health-cmd", ANSWERS)


def send_signal(engine: Engine, name: str) -> None:
    """Send a signal to the first process of the database's container, from its node."""
    home, container = swarm.home_of_service(engine, DATABASE)
    nodes.run_on(engine, home, "sh", "-c", SEND, "sh", name, container)


def start_ledger(engine: Engine) -> None:
    """Run a server on `data` that the inventory does not mention, and wait until it answers."""
    settings = [word for setting in SETTINGS for word in ("--env", setting)]
    nodes.run_on(engine, DATA, "sh", "-c", START, "sh", LEDGER, *settings, image_tag("postgres"))
    command = ("docker", "exec", LEDGER, "sh", "-c", ANSWERS)
    wait_until(lambda: nodes.attempt_on(engine, DATA, *command).returncode == 0, "the ledger's server", limit=120)


def remove_ledger(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", REMOVE, "sh", LEDGER)


def start_sidecar(engine: Engine) -> None:
    """Run a container beside the database whose settings say that it makes dumps and keeps them for a week."""
    settings = [word for setting in OWN_CLOCK for word in ("--env", setting)]
    words = ("sh", "-c", START, "sh", SIDECAR, *settings, *WAITS, image_tag("postgres"), "infinity")
    nodes.run_on(engine, VGPU, *words)


def remove_sidecar(engine: Engine) -> None:
    nodes.run_on(engine, VGPU, "sh", "-c", REMOVE, "sh", SIDECAR)
