"""Commands that begin a server's container anew without naming the container: a service, a stack, Docker itself."""

from __future__ import annotations

from collections.abc import Sequence

from fleetkeeper.readers.docker.client_options import CLIENTS
from fleetkeeper.readers.shell.words import Word, literal_text

STARTING = frozenset({"start", "stop", "rm", "run", "up", "down", "create", "update", "scale", "rollback", "deploy"})
"""Verbs of Docker's client, also behind one of GROUPS, that may begin a container anew."""
GROUPS = frozenset({"service", "stack", "compose", "container"})
MANAGERS = frozenset({"systemctl", "service", "rc-service"})


def forced_service(words: Sequence[Word]) -> str:
    """The swarm service that `docker service update --force SERVICE` begins anew; "" for any other command."""
    texts = [literal_text(word) or "" for word in words]
    forced = texts[1:3] == ["service", "update"] and "--force" in texts
    return texts[-1] if forced and not texts[-1].startswith("-") else ""


def possible_restart(name: str, words: Sequence[Word]) -> str:
    """What a command does that may begin a server anew, to be read behind its place; "" for any other.

    `name` is its program without a directory.
    """
    texts = [literal_text(word) or "" for word in words]
    if any("docker.sock" in text for text in texts):
        return "asks Docker's own socket, and what for is not known here"
    if name in MANAGERS and {"docker", "docker.service"} & set(texts) and {"restart", "stop"} & set(texts):
        return "restarts Docker, and whether its containers begin anew is not known here"
    if name not in CLIENTS or forced_service(words):
        return ""
    verbs = [text for text in texts[1:] if not text.startswith("-")]
    anywhere = name == "docker-compose" or verbs[:1] == ["compose"]
    asked = verbs if anywhere else verbs[1:2] if verbs[:1] and verbs[0] in GROUPS else verbs[:1]
    verb = next((text for text in asked if text in STARTING), "")
    return f"runs `docker … {verb}`, which may begin a server anew" if verb else ""
