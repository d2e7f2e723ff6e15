"""Faults of how an engine, a container or the swarm is set up, as the CIS Docker Benchmark names them."""

from lab import nodes
from lab.engine import Engine
from lab.names import DATA, MANAGER
from lab.shell import load_script

SOCKET, SETTINGS = "/run/docker.sock", "/etc/docker/daemon.json"
UNSET = """sed -i "1s|\\"$2\\": [^,]*, ||" "$1" """
"""Takes a key out again; the engine keeps the value that it has."""
INSECURE, DEBUG = "insecure-registries", "debug"
REGISTRY = "registry.lab.example:5000"
TRUSTED = "{{range $name, $_ := .RegistryConfig.IndexConfigs}}{{$name}} {{end}}end"
START = 'docker inspect "$1" >/dev/null 2>&1 || docker run -d --name "$@" fleetkeeper-lab/web:1 sleep 86400'
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
    run_setting(engine, INSECURE, f'["{REGISTRY}"]', TRUSTED, REGISTRY)


def distrust_registry(engine: Engine) -> None:
    run_setting(engine, INSECURE, "[]", TRUSTED, "^docker.io end")
    nodes.run_on(engine, DATA, "sh", "-c", UNSET, "sh", SETTINGS, INSECURE)


def log_everything(engine: Engine) -> None:
    run_setting(engine, DEBUG, "true", "{{.Debug}}", "true")


def log_less(engine: Engine) -> None:
    run_setting(engine, DEBUG, "false", "{{.Debug}}", "false")
    nodes.run_on(engine, DATA, "sh", "-c", UNSET, "sh", SETTINGS, DEBUG)


def run_setting(engine: Engine, key: str, value: str, shown_by: str, shown: str) -> None:
    """Set a key of the engine's settings to a value, and wait until `docker info` shows what it should."""
    nodes.run_on(
        engine, DATA, "sh", "-c", load_script("set_engine_key.sh"), "sh", SETTINGS, key, value, shown_by, shown
    )


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
