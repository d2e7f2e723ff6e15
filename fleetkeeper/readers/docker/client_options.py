"""Options of Docker's client and of Compose that stand before the command, and take the next word as their value.

Source: https://docs.docker.com/reference/cli/docker/ and https://docs.docker.com/reference/cli/docker/compose/.
"""

from __future__ import annotations

CLIENTS = frozenset({"docker", "docker-compose", "podman"})
OTHER_ENGINE = frozenset({"-H", "--host", "-c", "--context", "--config", "--url", "--connection"})
"""Options that may name another engine than the node's own."""
GLOBAL_VALUES = OTHER_ENGINE | {"-l", "--log-level", "--tlscacert", "--tlscert", "--tlskey", "--identity"}
COMPOSE_VALUES = frozenset({"-f", "--file", "-p", "--project-name", "--profile", "--env-file", "--project-directory"})
