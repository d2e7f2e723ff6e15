"""Faults of the stack's services."""

from lab import nodes, setup, swarm
from lab.engine import Engine
from lab.faults import schedules
from lab.names import DATA, MANAGER, STACK, VGPU, image_tag
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
QUEUE = "celery"
ARGUMENTS = '{{join .Spec.TaskTemplate.ContainerSpec.Args " "}}'
WORKS, DIES = "celery worker", "sh -c 'sleep 1; echo no broker answers >&2; exit 7'"
ENDS = 3
"""So many ends of a task by itself are a loop."""
HISTORY = 5
"""How many tasks that ended the swarm keeps of each slot, unless it is told otherwise."""
FORGOTTEN = "the empty database to be gone"
BY_HAND = "LAB_CHANGED_BY_HAND"
BROKER = "CELERY_BROKER_URL"
OTHER_BROKER = "amqp://rodan:lab-only-other-broker-c90d16@rabbitmq:5672"
OTHER_IMAGE = image_tag("web").replace(":1", ":by-hand")


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


def crash_over_and_over(engine: Engine) -> None:
    """Let the queue's worker end as soon as it has begun, and wait until the swarm has started it a few times."""
    name = f"{STACK}_{QUEUE}"
    nodes.run_on(engine, MANAGER, "docker", "service", "update", "--quiet", "--detach", "--args", DIES, name)
    wait_until(lambda: failed_tasks(engine) >= ENDS, "the worker to end a few times", limit=180, every=1)


def work_again(engine: Engine) -> None:
    """Let it work, and the swarm forget how it ended: a loop counts until five minutes have passed without an end."""
    if not failed_tasks(engine) and swarm.inspect_service(engine, f"{STACK}_{QUEUE}", ARGUMENTS) == WORKS:
        return
    keep_history(engine, 1)
    try:
        swarm.update_service(engine, QUEUE, "--args", WORKS, "--force")
        wait_until(lambda: failed_tasks(engine) < ENDS, "the swarm to forget the loop", limit=60)
    finally:
        keep_history(engine, HISTORY)


def change_by_hand(engine: Engine) -> None:
    """What a person does to see whether it helps: more tasks, another image and variables, none of it in the file."""
    nodes.run_on(engine, VGPU, "docker", "tag", image_tag("web"), OTHER_IMAGE)
    variables = ("--env-add", f"{BY_HAND}=1", "--env-add", f"{BROKER}={OTHER_BROKER}")
    swarm.update_service(engine, QUEUE, "--replicas", "2", "--image", OTHER_IMAGE, *variables)


def restore_worker(engine: Engine) -> None:
    """As the stack file has it, unless it was deployed anew since."""
    if BY_HAND in swarm.inspect_service(engine, f"{STACK}_{QUEUE}", "{{json .Spec}}"):
        variables = ("--env-rm", BY_HAND, "--env-add", f"{BROKER}={swarm.variables_of(QUEUE)[BROKER]}")
        swarm.update_service(engine, QUEUE, "--replicas", "1", "--image", image_tag("web"), *variables)


def keep_history(engine: Engine, tasks: int) -> None:
    nodes.run_on(engine, MANAGER, "docker", "swarm", "update", "--task-history-limit", str(tasks))


def failed_tasks(engine: Engine) -> int:
    """How many tasks of the queue's worker the swarm remembers that ended by themselves."""
    words = ("docker", "service", "ps", "--format", "{{.CurrentState}}", f"{STACK}_{QUEUE}")
    return sum(line.startswith("Failed") for line in nodes.run_on(engine, MANAGER, *words).splitlines())
