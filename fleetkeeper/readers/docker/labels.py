"""The labels with which Docker itself marks containers of a swarm or compose service."""

from __future__ import annotations

SWARM_SERVICE = "com.docker.swarm.service.name"
SWARM_TASK = "com.docker.swarm.task.id"
STACK_NAMESPACE = "com.docker.stack.namespace"
COMPOSE_SERVICE = "com.docker.compose.service"
COMPOSE_PROJECT = "com.docker.compose.project"
COMPOSE_ONEOFF = "com.docker.compose.oneoff"
COMPOSE_HASH = "com.docker.compose.config-hash"
COMPOSE_DIRECTORY = "com.docker.compose.project.working_dir"
COMPOSE_FILES = "com.docker.compose.project.config_files"
COMPOSE_VERSION = "com.docker.compose.version"
