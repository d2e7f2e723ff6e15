"""Containers: what runs on each node, as whom, and how far it is kept apart from the node."""

from fleet.topics.containers.facts import Container, Facts, Isolation, Mount, Port, Process

__all__ = ["Container", "Facts", "Isolation", "Mount", "Port", "Process"]
