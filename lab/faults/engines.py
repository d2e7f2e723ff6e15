"""Faults of how an engine, a container or the swarm is set up, as the CIS Docker Benchmark names them."""

from lab import nodes
from lab.engine import Engine
from lab.names import DATA, MANAGER

SOCKET, SETTINGS = "/run/docker.sock", "/etc/docker/daemon.json"
RELOAD = "kill -HUP $(pgrep -x dockerd) && sleep 1"
ADD_SETTING = 'grep -qF "$1" "$2" || { sed -i "1s|^{|{$1, |" "$2" && ' + RELOAD + "; }"
DROP_SETTING = '! grep -qF "$1" "$2" || { sed -i "1s|\\"$1\\": [^,]*, ||" "$2" && ' + RELOAD + "; }"
INSECURE = '"insecure-registries": ["registry.lab.example:5000"]'
DEBUG = '"debug": true'
START = 'docker inspect "$1" >/dev/null 2>&1 || docker run -d --name "$@" fleetkeeper-lab/web:latest sleep 86400'
REMOVE = 'docker rm -f "$1" >/dev/null 2>&1 || :'
QUARTER, DECADE = "2160h", "87600h"


def open_socket(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "chmod", "666", SOCKET)


def close_socket(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "chmod", "660", SOCKET)


def open_settings(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "chmod", "606", SETTINGS)


def close_settings(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "chmod", "644", SETTINGS)


def add_account(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "usermod", "-aG", "docker", "games")


def remove_account(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", "! id -nG games | grep -qw docker || gpasswd -d games docker")


def trust_registry(engine: Engine) -> None:
    """Let the engine take images from a registry without TLS; it learns so without a restart."""
    nodes.run_on(engine, DATA, "sh", "-c", ADD_SETTING, "sh", INSECURE, SETTINGS)


def distrust_registry(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", DROP_SETTING, "sh", "insecure-registries", SETTINGS)


def log_everything(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", ADD_SETTING, "sh", DEBUG, SETTINGS)


def log_less(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", DROP_SETTING, "sh", "debug", SETTINGS)


def start_privileged(engine: Engine) -> None:
    nodes.run_on(
        engine, DATA, "sh", "-c", START, "sh", "privileged", "--user", "33", "--privileged", "--network", "none"
    )


def remove_privileged(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", REMOVE, "sh", "privileged")


def start_socket_holder(engine: Engine) -> None:
    words = ("socket-holder", "--user", "33", "--network", "none", "-v", f"{SOCKET}:{SOCKET}")
    nodes.run_on(engine, DATA, "sh", "-c", START, "sh", *words)


def remove_socket_holder(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", REMOVE, "sh", "socket-holder")


def prolong_certificates(engine: Engine) -> None:
    nodes.run_on(engine, MANAGER, "docker", "swarm", "update", "--cert-expiry", DECADE)


def shorten_certificates(engine: Engine) -> None:
    nodes.run_on(engine, MANAGER, "docker", "swarm", "update", "--cert-expiry", QUARTER)
