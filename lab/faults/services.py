"""Faults of the stack's services."""

from lab import nodes, setup, swarm
from lab.engine import Engine
from lab.faults import schedules
from lab.names import DATA, STACK, VGPU
from lab.shell import wait_until

WEB = "rodan-main"
USER = "django"
DATABASE = "postgres"
OWN_UPDATES = "fleetkeeper.update-config"
BARELY = ("--update-delay", "0s", "--update-monitor", "0s", "--update-max-failure-ratio", "0")
FORGET = """
docker volume inspect "$1" >/dev/null 2>&1 || exit 0
docker ps -aqf "volume=$1" -f status=exited | xargs -r docker rm >/dev/null; docker volume rm "$1"
"""
FORGOTTEN = "the empty database to be gone"


def run_as_root(engine: Engine) -> None:
    swarm.update_service(engine, WEB, "--user", "root")


def run_as_its_user(engine: Engine) -> None:
    swarm.update_service(engine, WEB, "--user", USER)


def keep_settings(engine: Engine) -> None:
    """What a change of its user leaves that is killed in its watch: our settings, and the label with its own."""
    label = f'{OWN_UPDATES}={{"Parallelism": 1, "FailureAction": "rollback", "Order": "start-first"}}'
    ours = ("--update-order", "stop-first", "--update-failure-action", "pause", "--update-parallelism", "1")
    swarm.update_service(engine, WEB, *ours, *BARELY, "--label-add", label)


def give_settings_back(engine: Engine) -> None:
    usual = ("--update-order", "stop-first", "--update-failure-action", "pause")
    swarm.update_service(engine, WEB, *usual, "--label-rm", OWN_UPDATES)


def place_database(engine: Engine, present: str, not_there: str) -> None:
    """Have the swarm run postgres on another node; a second time changes nothing."""
    constraints = swarm.inspect_service(
        engine, f"{STACK}_{DATABASE}", "{{json .Spec.TaskTemplate.Placement.Constraints}}"
    )
    if not_there in constraints:
        change = (f"--constraint-rm=node.hostname == {not_there}", f"--constraint-add=node.hostname == {present}")
        swarm.update_service(engine, DATABASE, *change)


def move_database(engine: Engine) -> None:
    place_database(engine, DATA.name, VGPU.name)


def bring_database_home(engine: Engine) -> None:
    """Back to its data; what initdb made elsewhere is thrown away once nothing uses it.

    A backup entry that was mended meanwhile stands where postgres was then: it goes back with it.
    """
    place_database(engine, VGPU.name, DATA.name)
    if schedules.has_backup(setup.root_crontab(engine, DATA)):
        schedules.restore_entry(engine)
    volume = f"{STACK}_pg_data"
    wait_until(
        lambda: nodes.attempt_on(engine, DATA, "sh", "-c", FORGET, "sh", volume).returncode == 0, FORGOTTEN, limit=30
    )
