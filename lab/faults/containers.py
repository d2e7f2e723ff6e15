"""Faults of users: the web application runs as root, and each time something else stands in the way of its own user.

The setting is the same, so that what a remedy may do and what it must leave to a person differ by the obstacle alone.
"""

from lab import compose, nodes, swarm
from lab.engine import Engine
from lab.faults.services import USER, WEB
from lab.names import DATA, image_tag
from lab.shell import wait_until

MEDIA = "/srv/media"
VOLUME = "rodan_media"
FLOOR = "net.ipv4.ip_unprivileged_port_start"
KEY = "/etc/ssl/private/lab.key"
HELPS_ROOT_ONLY = "start-with-runuser"
CANARY = "canary-4711-of-the-lab"
DIES_AS_ANYBODY_ELSE = (
    "sh -c 'start & test $(id -u) = 0 && wait; sleep 10; echo no right to /srv/media with $LAB_TOKEN >&2; exit 3'"
)
ON_A_LOW_PORT = "sh -c 'python3 -S -m http.server 81 & exec start'"
ON_FAILURE = ("--update-failure-action",)
FORGET = 'docker rm -f $(docker ps -aqf "volume=$1") >/dev/null 2>&1; docker volume rm -f "$1" >/dev/null'
JUDGED_AFTER = 2
"""Seconds: as whom a container runs is not judged in the first one, when it may not be what it is to be."""
SECONDS_OF_RUN = 'ps -o etimes= -p "$(docker inspect -f "{{.State.Pid}}" "$1")"'
OWN_STRANGER = ("--name", "notes", "--network", "none", image_tag("web"), "sleep", "86400")


def start_with_runuser(engine: Engine) -> None:
    swarm.update_service(engine, WEB, "--user", "root", "--args", HELPS_ROOT_ONLY)


def die_unprivileged(engine: Engine) -> None:
    token = f"LAB_TOKEN={CANARY}"
    swarm.update_service(engine, WEB, "--user", "root", "--args", DIES_AS_ANYBODY_ELSE, "--env-add", token)


def listen_low(engine: Engine) -> None:
    swarm.update_service(engine, WEB, "--user", "root", "--args", ON_A_LOW_PORT, "--sysctl-add", f"{FLOOR}=1024")


def own_media(engine: Engine) -> None:
    """A volume whose files belong to root, as Rodan's do since 2022."""
    mount = f"type=volume,source={VOLUME},target={MEDIA}"
    swarm.update_service(engine, WEB, "--user", "root", "--mount-add", mount)
    swarm.run_within(engine, WEB, "sh", "-c", f"umask 077; mkdir -p {MEDIA}/scores; echo 1 > {MEDIA}/scores/x")


def keep_unsaved(engine: Engine) -> None:
    swarm.update_service(engine, WEB, "--user", "root")
    swarm.run_within(engine, WEB, "sh", "-c", f"umask 077; mkdir -p /etc/ssl/private; echo lab > {KEY}")


def publish_as_root(engine: Engine) -> None:
    """As root, reached from outside through a port of its node, and updated as nothing that holds a port can be."""
    port = ("--publish-add", "mode=host,target=8000,published=8000")
    swarm.update_service(engine, WEB, "--user", "root", *port, "--update-order", "start-first", *ON_FAILURE, "rollback")


def run_wiki_as_root(engine: Engine) -> None:
    compose.start_wiki(engine, "root")


def run_wiki_as_its_user(engine: Engine) -> None:
    compose.start_wiki(engine)


def as_designed(engine: Engine) -> None:
    """The service as the stack file has it, whatever was changed above."""
    gone = ("--mount-rm", MEDIA, "--sysctl-rm", FLOOR, "--env-rm", "LAB_TOKEN", "--publish-rm", "mode=host,target=8000")
    usual = ("--update-order", "stop-first", *ON_FAILURE, "pause")
    swarm.update_service(engine, WEB, "--user", USER, "--args", "start", *gone, *usual, "--force")
    nodes.run_on(engine, DATA, "sh", "-c", FORGET, "sh", VOLUME)


def start_stranger(engine: Engine) -> None:
    """Run a container that no inventory names, and wait until it has run for so long that it can be judged."""
    nodes.run_on(
        engine, DATA, "sh", "-c", 'docker inspect notes >/dev/null 2>&1 || docker run -d "$@"', "sh", *OWN_STRANGER
    )
    wait_until(lambda: seconds_of_run(engine, "notes") >= JUDGED_AFTER, "the stranger to be judged", limit=60)


def seconds_of_run(engine: Engine, container: str) -> int:
    """How many whole seconds the first process of a container on `data` has run; 0 where there is none."""
    printed = nodes.attempt_on(engine, DATA, "sh", "-c", SECONDS_OF_RUN, "sh", container).stdout
    return int(printed.strip() or 0)


def remove_stranger(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", "docker rm -f notes >/dev/null 2>&1 || :")
