"""The labels that Docker itself gives containers: of which service of a swarm, or of compose, they are."""

from __future__ import annotations

SWARM_SERVICE = "com.docker.swarm.service.name"
COMPOSE_SERVICE = "com.docker.compose.service"
COMPOSE_PROJECT = "com.docker.compose.project"
COMPOSE_ONEOFF = "com.docker.compose.oneoff"
