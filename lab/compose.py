"""A team's wiki beside the stack: one service of Compose, on `data`. The rest of the lab is the swarm's."""

from lab import nodes
from lab.engine import Engine
from lab.names import DATA, LAB
from lab.shell import wait_until

PROJECT = "/srv/wiki"
FILE = f"{PROJECT}/docker-compose.yml"
USER = "www-data"
UP = 'cd "$1" && docker-compose up -d --no-color'
HEALTHY = ("docker", "ps", "-q", "--filter", "label=com.docker.compose.project=wiki", "--filter", "health=healthy")


def start_wiki(engine: Engine, user: str = USER) -> None:
    """Have the wiki run as a user, whatever it did before, and wait until it is well."""
    text = (LAB / "compose.yml").read_text().replace(f"user: {USER}", f"user: {user}")
    nodes.run_on(engine, DATA, "sh", "-c", 'mkdir -p "$1" && cat > "$2"', "sh", PROJECT, FILE, given=text.encode())
    wake_wiki(engine)


def wake_wiki(engine: Engine) -> None:
    """Have the wiki run as its file says: an engine that comes back after a kill may take it for stopped by hand."""
    nodes.run_on(engine, DATA, "sh", "-c", UP, "sh", PROJECT, limit=90)
    wait_until(lambda: wiki_is_healthy(engine), "the wiki to be well", limit=120, every=0.3)


def wiki_is_healthy(engine: Engine) -> bool:
    return bool(nodes.attempt_on(engine, DATA, *HEALTHY).stdout.strip())
