"""Faults of cron: the entry that is gone or elsewhere, the daemon that does not run."""

from lab import nodes, setup, swarm
from lab.engine import Engine
from lab.names import DATA, NODES, Node

REPAIRED = "# BEGIN fleetkeeper v1 schedules."


def lose_entry(engine: Engine) -> None:
    """Take the entry out everywhere, also one that a repair has put there; every other line stays as it is."""
    for node in NODES:
        text = setup.root_crontab(engine, node)
        if has_backup(text):
            setup.set_crontab(engine, node, without_entry(text))


def misplace_entry(engine: Engine) -> None:
    lose_entry(engine)
    add_entry(engine, DATA)


def restore_entry(engine: Engine) -> None:
    """Put the entry where postgres runs, and nowhere else, unless a repair has put one there."""
    home, _ = swarm.home_of_service(engine, "postgres")
    for node in NODES:
        text = setup.root_crontab(engine, node)
        if node != home and has_backup(text):
            setup.set_crontab(engine, node, without_entry(text))
    if not has_backup(setup.root_crontab(engine, home)):
        add_entry(engine, home)


def has_backup(text: str) -> bool:
    return any(map(runs_backup, text.splitlines()))


def runs_backup(line: str) -> bool:
    return "backup" in line and not line.startswith("#")


# `service cron stop` returns before the daemon is gone, and a job that just runs has a process named cron of its own.
STOP_CRON = """service cron stop >/dev/null
for _ in $(seq 300); do pgrep -x cron >/dev/null || exit 0; sleep 0.1; done
exit 1"""


def add_entry(engine: Engine, node: Node) -> None:
    setup.set_crontab(engine, node, setup.root_crontab(engine, node) + setup.ENTRY + "\n")


def without_entry(text: str) -> str:
    """The crontab without any line that runs the backup, whoever wrote it, and without a repair's marks."""
    kept: list[str] = []
    repaired = False
    for line in text.splitlines(keepends=True):
        repaired = repaired or line.startswith(REPAIRED)
        if not repaired and not runs_backup(line):
            kept.append(line)
        repaired = repaired and not line.startswith("# END")
    return "".join(kept)


def stop_cron(engine: Engine) -> None:
    home, _ = swarm.home_of_service(engine, "postgres")
    nodes.run_on(engine, home, "sh", "-c", STOP_CRON)


def start_cron(engine: Engine) -> None:
    home, _ = swarm.home_of_service(engine, "postgres")
    nodes.run_on(engine, home, "sh", "-c", "pgrep -x cron >/dev/null || service cron start")
