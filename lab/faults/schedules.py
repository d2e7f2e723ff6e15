"""Faults of cron: the entry that is gone or elsewhere, the daemon that does not run."""

from lab import nodes, setup, swarm
from lab.engine import Engine
from lab.names import BACKUPS, DATA, NODES, Node

REPAIRED = "# BEGIN fleetkeeper v1 schedules."
GUARD = "[ -e /srv/rodan/backups-are-on ] && "
"""A file that is nowhere."""
TIME = "0 0,12 * * * "
EXPIRE = "chage -E 1 root"
REVIVE = "chage -E -1 root"
DELETER = "/etc/cron.d/tidy-backups"
DELETE = f"20 4 * * 0 root find {BACKUPS} -name 'backup_*' -mtime +36500 -delete\n"
"""A retention of a hundred years: it is there, and takes nothing away."""


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


def guard_entry(engine: Engine) -> None:
    """Put a condition that is false before the command: cron starts the line, and nothing happens."""
    home, _ = swarm.home_of_service(engine, "postgres")
    lose_entry(engine)
    guarded = setup.ENTRY.replace(TIME, TIME + GUARD)
    setup.set_crontab(engine, home, f"{setup.root_crontab(engine, home)}{guarded}\n")


def unguard_entry(engine: Engine) -> None:
    """Take the line with the condition away, and see to it that there is one without."""
    for node in NODES:
        lines = setup.root_crontab(engine, node).splitlines(keepends=True)
        kept = [line for line in lines if GUARD not in line]
        if kept != lines:
            setup.set_crontab(engine, node, "".join(kept))
    restore_entry(engine)


def expire_account(engine: Engine) -> None:
    """Let the account end as whom the backup runs: PAM then refuses it to cron, and nobody is told."""
    home, _ = swarm.home_of_service(engine, "postgres")
    nodes.run_on(engine, home, *EXPIRE.split())


def revive_account(engine: Engine) -> None:
    for node in NODES:
        nodes.run_on(engine, node, *REVIVE.split())


def schedule_deleter(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", 'cat > "$1"', "sh", DELETER, given=DELETE.encode())


def unschedule_deleter(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "rm", "-f", DELETER)
