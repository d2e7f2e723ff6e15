"""A fault of the lab is really there after `break`, and really gone after `mend`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from lab import faults, nodes
from lab.names import BACKUPS, COPIES, DATA, MANAGER, SITE, VGPU, Node
from tests.lab.conftest import Lab

SERVED = f"openssl s_client -connect localhost:443 -servername {SITE} </dev/null 2>/dev/null"
A_MONTH = "openssl x509 -noout -checkend 2592000"
WEB_USER = 'docker exec "$(docker ps -q -f label=com.docker.swarm.service.name=rodan_rodan-main)" id -un'
ACCEPTS = "docker exec $(docker ps -qf label=com.docker.swarm.service.name=rodan_postgres) pg_isready -h 127.0.0.1"
RABBITMQCTL = "docker exec $(docker ps -qf name=rodan_rabbitmq) rabbitmqctl -q --no-table-headers list_queues name"
CONSUMERS = f"{RABBITMQCTL} consumers | grep '^GPU'"
QUEUE_NAMES = f"{RABBITMQCTL} | grep -ix gpu | sort"
WAITING = f"{RABBITMQCTL} messages | grep '^celery[[:space:]]'"
STOPPED_WORKER = (
    "ps -o stat= -p $(docker inspect --format '{{.State.Pid}}' $(docker ps -qf name=rodan_gpu-celery)) | cut -c1"
)
GPU_DEVICE = "docker exec $(docker ps -qf name=rodan_celery) stat -c %t:%T /dev/nvidiactl"
WORKER = "docker service inspect --format '{{.Spec.TaskTemplate.ContainerSpec.Args}}' rodan_celery"
LOGIN = ("-oBatchMode=yes", "-oConnectTimeout=3", "sudo -n docker ps -q >/dev/null")


def ask_node(lab: Lab, node: Node, script: str) -> str:
    return lab.engine.attempt("exec", node.container, "sh", "-c", script).stdout.decode()


def root_crontab(lab: Lab, node: Node) -> str:
    return ask_node(lab, node, "crontab -u root -l")


def can_log_in(node: Node) -> bool:
    """Whether ops can log in and ask Docker."""
    try:
        done = subprocess.run([*nodes.ssh_words(node), *LOGIN], capture_output=True, timeout=5, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def worker_spec(lab: Lab) -> dict[str, Any]:
    """The spec of the queue's worker, its variables sorted: docker's client moves those that it changes."""
    spec: dict[str, Any] = json.loads(lab.on("manager", "docker", "service", "inspect", "rodan_celery"))[0]["Spec"]
    spec["TaskTemplate"]["ContainerSpec"]["Env"].sort()
    return spec


SEEN: dict[str, Callable[[Lab], object]] = {
    "cron-missing": lambda lab: root_crontab(lab, VGPU),
    "cron-on-wrong-node": lambda lab: root_crontab(lab, DATA),
    "cron-stopped": lambda lab: bool(ask_node(lab, VGPU, "pgrep -x cron")),
    "backup-stale": lambda lab: ask_node(lab, DATA, f"ls {BACKUPS} | tail -n 1"),
    "backup-empty": lambda lab: ask_node(lab, DATA, f"find {BACKUPS} -size -21c -type f"),
    "copies-lost": lambda lab: bool(ask_node(lab, MANAGER, f"ls {COPIES}")),
    "backup-foreign": lambda lab: ask_node(lab, DATA, f"ls {BACKUPS} | tail -n 1"),
    "cron-guarded": lambda lab: root_crontab(lab, VGPU),
    "account-expired": lambda lab: ask_node(lab, VGPU, "chage -l root"),
    "second-deleter": lambda lab: ask_node(lab, DATA, "cat /etc/cron.d/*"),
    "share-unmounted": lambda lab: ask_node(lab, DATA, "cat /etc/fstab"),
    "consumer-cancelled": lambda lab: ask_node(lab, VGPU, CONSUMERS),
    "worker-frozen": lambda lab: ask_node(lab, VGPU, STOPPED_WORKER),
    "queue-typo": lambda lab: ask_node(lab, VGPU, QUEUE_NAMES),
    "queue-backlog": lambda lab: ask_node(lab, VGPU, WAITING),
    "broker-stopped": lambda lab: bool(ask_node(lab, VGPU, f"{CONSUMERS} || :")),
    "database-frozen": lambda lab: ask_node(lab, VGPU, ACCEPTS),
    "database-forgotten": lambda lab: ask_node(lab, DATA, "docker ps -aqf name=ledger; docker volume ls -q"),
    "backup-sidecar": lambda lab: ask_node(lab, VGPU, "docker ps -qf name=pgbackups"),
    "crash-loop": lambda lab: ask_node(lab, MANAGER, WORKER),
    "changed-by-hand": worker_spec,
    "member-paused": lambda lab: ask_node(lab, MANAGER, "docker node ls --format '{{.Hostname}} {{.Availability}}'"),
    "member-unlisted": lambda lab: ask_node(lab, MANAGER, "docker node ls --format '{{.Hostname}}' | sort"),
    "volume-over-budget": lambda lab: int(ask_node(lab, DATA, f"du -sm {BACKUPS}").split()[0]) > 16,
    "certificate-expiring": lambda lab: ask_node(lab, MANAGER, f"{SERVED} | {A_MONTH}"),
    "root-container": lambda lab: ask_node(lab, DATA, WEB_USER),
    "settings-lent": lambda lab: lab.on(
        "manager", "docker", "service", "inspect", "--format", "{{json .Spec}}", "rodan_rodan-main"
    ),
    "gpu-label-lost": lambda lab: ask_node(lab, MANAGER, "docker node inspect --format '{{.Spec.Labels}}' vgpu"),
    "gpu-device-denied": lambda lab: ask_node(lab, VGPU, GPU_DEVICE),
    "gpu-driver-mismatch": lambda lab: ask_node(lab, VGPU, "readlink /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"),
    "mail-lost": lambda lab: ask_node(lab, DATA, "ls /etc/msmtprc"),
    "node-dead": lambda lab: can_log_in(DATA),
    "dockerd-dead": lambda lab: can_log_in(DATA),
    "docker-denied": lambda lab: can_log_in(DATA),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("name", SEEN)
def test_a_fault_shows_until_it_is_mended(lab: Lab, name: str) -> None:
    before = SEEN[name](lab)
    faults.break_(lab.engine, name)
    faults.break_(lab.engine, name)
    assert SEEN[name](lab) != before
    assert name in faults.broken()
    faults.mend(lab.engine, name)
    faults.mend(lab.engine, name)
    assert SEEN[name](lab) == before
    assert name not in faults.broken()
