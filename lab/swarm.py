"""The swarm that the three nodes form, the stack that runs on it, and reaching into its services."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from lab import nodes
from lab.engine import Engine
from lab.names import DEPLOY_FILE, DEPLOYED_FROM, MANAGER, NODES, SERVICE_FILES, STACK, STACK_FILE, Node
from lab.shell import LabError, load_script, wait_until

SERVICE_LABEL = "com.docker.swarm.service.name"
STATE = "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}"
# Right after an update is asked for the state is still empty, and it stays so when no task has to be replaced.
ENDED = ("completed", "paused", "rollback_completed", "rollback_paused")
NOT_WELL = ("(unhealthy)", "(health: starting)", "(Paused)")
"""How the status of a container ends in `docker ps` that is not well, or not known to be."""


def form_swarm(engine: Engine) -> None:
    """Join the nodes in one swarm, `manager` leading it, and label them."""
    nodes.run_on(engine, MANAGER, "docker", "swarm", "init", "--advertise-addr", MANAGER.address)
    token = worker_token(engine)
    workers = [node for node in NODES if node != MANAGER]
    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(lambda node: join_swarm(engine, node, token), workers))
    for node in NODES:
        for label in node.labels:
            nodes.run_on(engine, MANAGER, "docker", "node", "update", "--label-add", label, node.name)


def worker_token(engine: Engine) -> str:
    return nodes.run_on(engine, MANAGER, "docker", "swarm", "join-token", "--quiet", "worker").strip()


def join_swarm(engine: Engine, node: Node, token: str) -> None:
    options = ["--token", token, "--advertise-addr", node.address]
    nodes.run_on(engine, node, "docker", "swarm", "join", *options, f"{MANAGER.address}:2377")


def deploy_stack(engine: Engine) -> None:
    """Have the manager deploy the stack from the files of this clone, as a person would."""
    nodes.run_on(engine, MANAGER, "mkdir", "-p", DEPLOYED_FROM)
    for path in (STACK_FILE, DEPLOY_FILE, *SERVICE_FILES.values()):
        words = ("sh", "-c", 'umask 077 && cat > "$1"', "sh", f"{DEPLOYED_FROM}/{path.name}")
        nodes.run_on(engine, MANAGER, *words, given=path.read_bytes())
    nodes.run_on(engine, MANAGER, "sh", "-ec", load_script("deploy_stack.sh"), "sh", DEPLOYED_FROM, STACK)


def variables_of(service: str) -> dict[str, str]:
    """The variables that a service gets from its env file, by name."""
    lines = SERVICE_FILES[service].read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def service_replicas(engine: Engine) -> dict[str, str]:
    """What `docker service ls` says of every service, such as `rodan_postgres: 1/1`."""
    listed = nodes.run_on(engine, MANAGER, "docker", "service", "ls", "--format", "{{.Name}} {{.Replicas}}")
    return dict(line.split()[:2] for line in listed.splitlines())


def all_run(engine: Engine) -> bool:
    """Whether every service runs as the swarm says, and as the nodes say.

    The swarm hears of tasks that died with their node's engine only after that has told it: until then it counts them.
    """
    counts = {name: count.split("/") for name, count in service_replicas(engine).items()}
    if not counts or any(running != expected for running, expected in counts.values()):
        return False
    running = running_tasks(engine)
    return all(running[name] >= int(expected) for name, (_, expected) in counts.items())


def running_tasks(engine: Engine) -> Counter[str]:
    """How many containers of each service run and are well, as the nodes' engines say; a silent one counts none."""
    form = f'{{{{.Label "{SERVICE_LABEL}"}}}} {{{{.Status}}}}'
    words = ("docker", "ps", "--filter", f"label={SERVICE_LABEL}", "--format", form)
    with ThreadPoolExecutor(len(NODES)) as pool:
        printed = list(pool.map(lambda node: nodes.attempt_on(engine, node, *words).stdout.decode(), NODES))
    lines = [line for text in printed for line in text.splitlines()]
    return Counter(line.split()[0] for line in lines if not line.endswith(NOT_WELL))


def wait_for_services(engine: Engine, limit: float = 90) -> None:
    """Wait until every service has as many running, healthy tasks as it wants."""
    try:
        wait_until(lambda: all_run(engine), "all services to run", limit=limit, every=0.3)
    except LabError as error:
        counts = ", ".join(f"{name} {count}" for name, count in service_replicas(engine).items())
        hint = f"python -m lab ssh manager sudo docker stack ps --no-trunc {STACK}"
        raise LabError(f"{error}: {counts}", hint) from None


def service_containers(engine: Engine, node: Node, service: str) -> list[str]:
    """The ids of the running containers of a service on a node; none while its engine does not answer."""
    words = ["docker", "ps", "--quiet", "--filter", f"label={SERVICE_LABEL}={STACK}_{service}"]
    return nodes.attempt_on(engine, node, *words).stdout.decode().split()


def home_of_service(engine: Engine, service: str, limit: float = 60) -> tuple[Node, str]:
    """The node and container that a service runs in; waits until there is one."""
    return wait_until(lambda: find_service(engine, service), f"a container of {service}", limit=limit, every=0.2)


def find_service(engine: Engine, service: str) -> tuple[Node, str] | None:
    with ThreadPoolExecutor(len(NODES)) as pool:
        matches = pool.map(lambda node: service_containers(engine, node, service), NODES)
    return next(((node, ids[0]) for node, ids in zip(NODES, matches, strict=True) if ids), None)


def run_within(engine: Engine, service: str, *words: str, limit: float = 60, given: bytes | None = None) -> str:
    """Run a command in the container of a service, to success; its standard output."""
    node, container = home_of_service(engine, service)
    options = ["--interactive"] if given is not None else []
    return nodes.run_on(engine, node, "docker", "exec", *options, container, *words, limit=limit, given=given)


def update_service(engine: Engine, service: str, *changes: str) -> None:
    """Update a service and wait until the swarm says that it is done, whichever way it went."""
    name = f"{STACK}_{service}"
    before = inspect_service(engine, name, "{{json .Spec.TaskTemplate}}")
    options = ["--quiet", "--detach", "--no-resolve-image", *changes]
    nodes.run_on(engine, MANAGER, "docker", "service", "update", *options, name)
    if inspect_service(engine, name, "{{json .Spec.TaskTemplate}}") != before:
        wait_for_update(engine, service)
    wait_for_services(engine)


def wait_for_update(engine: Engine, service: str) -> None:
    """Wait until the swarm says that an update is done: until then the old task may still count as running."""
    name = f"{STACK}_{service}"
    wait_until(lambda: inspect_service(engine, name, STATE) in ENDED, f"{name} to be updated", limit=90, every=0.3)


def inspect_service(engine: Engine, name: str, template: str) -> str:
    return nodes.run_on(engine, MANAGER, "docker", "service", "inspect", "--format", template, name).strip()
