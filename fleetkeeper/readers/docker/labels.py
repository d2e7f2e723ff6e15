"""The labels with which Docker itself marks containers of a swarm or compose service."""

from __future__ import annotations

SWARM_SERVICE = "com.docker.swarm.service.name"
COMPOSE_SERVICE = "com.docker.compose.service"
COMPOSE_PROJECT = "com.docker.compose.project"
COMPOSE_ONEOFF = "com.docker.compose.oneoff"
