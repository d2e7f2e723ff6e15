"""Faults of how an engine, a container or the swarm is set up, as the CIS Docker Benchmark names them."""

import json

from lab import compose, nodes, swarm
from lab.engine import Engine
from lab.names import DATA, MANAGER, STACK
from lab.shell import load_script, wait_until

SOCKET, SETTINGS = "/run/docker.sock", "/etc/docker/daemon.json"
INSECURE, DEBUG = "insecure-registries", "debug"
REGISTRY = "registry.lab.example:5000"
TRUSTED = "{{range $name, $_ := .RegistryConfig.IndexConfigs}}{{$name}} {{end}}end"
CONTAINERD_SOCKET = "/run/docker/containerd/containerd.sock"
UNSOUND = {
    "dns": ["127.0.0.1"], "storage-driver": "overlay2", "log-level": "warn", "shutdown-timeout": 2,
    "iptables": False, "experimental": True, "cgroup-parent": "/lab-odd", "seccomp-profile": "/srv/lab-seccomp.json",
    "hosts": ["unix:///run/docker.sock", "tcp://127.0.0.1:2375"],
}  # fmt: skip
"""Settings as the lab has them, without the one that keeps containers from new privileges, and with unsound ones."""
OPEN_NETWORK = "lab-open"
SHOWN = "LAB_API_PASSWORD"
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
    unset_key(engine, INSECURE)


def log_everything(engine: Engine) -> None:
    run_setting(engine, DEBUG, "true", "{{.Debug}}", "true")


def log_less(engine: Engine) -> None:
    run_setting(engine, DEBUG, "false", "{{.Debug}}", "false")
    unset_key(engine, DEBUG)


def run_setting(engine: Engine, key: str, value: str, shown_by: str, shown: str) -> None:
    """Set a key of the engine's settings to a value, and wait until `docker info` shows what it should."""
    nodes.run_on(
        engine, DATA, "sh", "-c", load_script("set_engine_key.sh"), "sh", SETTINGS, key, value, shown_by, shown
    )


def unset_key(engine: Engine, key: str) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", load_script("unset_engine_key.sh"), "sh", SETTINGS, key)


def prolong_certificates(engine: Engine) -> None:
    nodes.run_on(engine, MANAGER, "docker", "swarm", "update", "--cert-expiry", DECADE)


def shorten_certificates(engine: Engine) -> None:
    nodes.run_on(engine, MANAGER, "docker", "swarm", "update", "--cert-expiry", QUARTER)


def give_sockets_away(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "chown", "games", SOCKET, CONTAINERD_SOCKET)
    nodes.run_on(engine, DATA, "chmod", "666", CONTAINERD_SOCKET)


def take_sockets_back(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "chown", "root", SOCKET, CONTAINERD_SOCKET)
    nodes.run_on(engine, DATA, "chmod", "660", CONTAINERD_SOCKET)


def open_files(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", load_script("open_engine_files.sh"))


def close_files(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", load_script("close_engine_files.sh"))


def set_up_unsoundly(engine: Engine) -> None:
    """Start the engine of `data` again with settings that the benchmark warns against."""
    restart_engine(engine, json.dumps(UNSOUND))


def set_up_soundly(engine: Engine) -> None:
    restart_engine(engine, "")


def restart_engine(engine: Engine, settings: str) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", load_script("restart_engine_with.sh"), "sh", settings, limit=90)
    wait_until(lambda: nodes.is_awake(engine, DATA), "the Docker engine of data", limit=60)
    compose.wake_wiki(engine)
    swarm.wait_for_services(engine)


def open_network(engine: Engine) -> None:
    """Make a network between nodes that encrypts nothing; no service is on it."""
    words = ("network", "inspect", OPEN_NETWORK)
    if nodes.attempt_on(engine, MANAGER, "docker", *words).returncode != 0:
        nodes.run_on(engine, MANAGER, "docker", "network", "create", "--driver", "overlay", OPEN_NETWORK)


def remove_network(engine: Engine) -> None:
    nodes.attempt_on(engine, MANAGER, "docker", "network", "rm", OPEN_NETWORK)


def give_password(engine: Engine) -> None:
    """Give a service a password in its environment, where everybody sees it who may ask the engine."""
    swarm.update_service(engine, "celery", "--env-add", f"{SHOWN}=lab-only-7d1c")


def take_password(engine: Engine) -> None:
    if SHOWN in swarm.inspect_service(engine, f"{STACK}_celery", "{{json .Spec}}"):
        swarm.update_service(engine, "celery", "--env-rm", SHOWN)
