"""Stack files made at random, and what an engine gives back for what Docker's client writes.

A file is JSON, which is YAML too. `FIELDS` has, for each key of a service, values that differ from one another and from
leaving the key out, and how the paths of the fields begin that such a value is seen in.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

SECOND = 1_000_000_000
TASK, CONTAINER = "TaskTemplate.", "TaskTemplate.ContainerSpec."
TEXTS = st.text(st.sampled_from("aB1 -_.:/='\"\\<>&é€#{}%\t\n"), max_size=12)
NEVER = "node.labels.none == yes"
"""No node meets it, so no task of a generated service ever starts."""

FIELDS: dict[str, tuple[str, list[Any]]] = {
    "image": (CONTAINER + "Image", ["a:1", "a", "r:5000/x/y:2", "a@sha256:" + "0" * 64]),
    "command": (CONTAINER + "Args", ["run it", ["run", "a b", "$$HOME"], ["x"]]),
    "entrypoint": (CONTAINER + "Command", ["/bin/sh -c", ["/x"]]),
    "working_dir": (CONTAINER + "Dir", ["/srv", "/srv/a b"]),
    "user": (CONTAINER + "User", ["1000", "web:web", "1000:1000"]),
    "hostname": (CONTAINER + "Hostname", ["h", "{{.Node.Hostname}}"]),
    "labels": (CONTAINER + "Labels", [{"a": "b"}, ["a=c"], {"x.y": "", "a": "1"}]),
    "stop_signal": (CONTAINER + "StopSignal", ["SIGINT", "SIGQUIT"]),
    "stop_grace_period": (CONTAINER + "StopGracePeriod", ["30s", "1m30s", "1500ms"]),
    "read_only": (CONTAINER + "ReadOnly", [True]),
    "init": (CONTAINER + "Init", [True]),
    "tty": (CONTAINER + "TTY", [True]),
    "stdin_open": (CONTAINER + "OpenStdin", [True]),
    "cap_add": (CONTAINER + "CapabilityAdd", [["NET_ADMIN"], ["CHOWN", "CAP_SYS_TIME"]]),
    "cap_drop": (CONTAINER + "CapabilityDrop", [["ALL"], ["MKNOD"]]),
    "sysctls": (CONTAINER + "Sysctls", [{"net.core.somaxconn": 100}, ["net.ipv4.ip_forward=1"]]),
    "ulimits": (CONTAINER + "Ulimits", [{"nproc": 5}, {"nofile": {"soft": 1, "hard": 2}, "core": 0}]),
    "dns": (CONTAINER + "DNSConfig", ["1.1.1.1", ["1.1.1.1", "8.8.8.8"]]),
    "dns_search": (CONTAINER + "DNSConfig", ["a.example", ["b.example", "c.example"]]),
    "extra_hosts": (CONTAINER + "Hosts", [["db:10.0.0.1"], {"x": "10.0.0.2", "y": "10.0.0.3"}]),
    "healthcheck": (
        CONTAINER + "Healthcheck",
        [{"disable": True}, {"test": "true"}, {"test": ["CMD", "a", "b c"], "interval": "1m", "retries": 2},
         {"test": ["CMD-SHELL", "a || exit 1"], "timeout": "3s", "start_period": "10s"}],
    ),
    "volumes": (
        CONTAINER + "Mounts",
        [["v:/d"], ["v:/d:ro", "/srv/x:/x"], [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": 1000000}}],
         [{"type": "volume", "source": "named", "target": "/n", "volume": {"nocopy": True}}], ["/anonymous"],
         [{"type": "bind", "source": "/srv", "target": "/s", "read_only": True, "bind": {"propagation": "rslave"}}]],
    ),
    "secrets": (
        CONTAINER + "Secrets", [["s"], [{"source": "t", "target": "x", "uid": "5", "mode": 0o400}], ["s", "t"]]
    ),
    "configs": (CONTAINER + "Configs", [["c"], [{"source": "c", "target": "/etc/c", "gid": "7"}]]),
    "networks": (TASK + "Networks", [["n"], {"n": {"aliases": ["b", "a"]}}, ["n", "m"]]),
    "ports": (
        "EndpointSpec.Ports",
        [["80:80"], ["8000-8001:9000-9001", "53:53/udp"], [{"target": 5, "published": 6, "mode": "host"}], ["81:80"],
         ["7"]],
    ),
    "logging": (TASK + "LogDriver", [{"driver": "json-file", "options": {"max-size": "10m"}}, {"driver": "none"}]),
    "deploy.mode": ("Mode", ["global"]),
    "deploy.replicas": ("Mode", [0, 2, 5]),
    "deploy.labels": ("Labels", [{"l": "1"}, ["l=2", "m=3"]]),
    "deploy.endpoint_mode": ("EndpointSpec.Mode", ["dnsrr"]),
    "deploy.resources": (
        TASK + "Resources",
        [{"limits": {"cpus": "0.5", "memory": "100M"}},
         {"limits": {"pids": 5}, "reservations": {"cpus": "0.1", "memory": "1g"}},
         {"reservations": {"generic_resources": [{"discrete_resource_spec": {"kind": "gpu", "value": 1}}]}}],
    ),
    "deploy.restart_policy": (
        TASK + "RestartPolicy",
        [{"condition": "none"}, {"condition": "on-failure", "delay": "2s", "max_attempts": 3, "window": "9s"}],
    ),
    "deploy.update_config": (
        "UpdateConfig",
        [{"parallelism": 2, "delay": "10s"}, {"order": "start-first", "parallelism": 0},
         {"failure_action": "rollback", "monitor": "9s", "max_failure_ratio": 0.2}],
    ),
    "deploy.rollback_config": (
        "RollbackConfig", [{"parallelism": 3}, {"order": "start-first", "failure_action": "continue"}]
    ),
    "deploy.placement": (
        TASK + "Placement",
        [{"constraints": [NEVER, "node.role==manager"]},
         {"constraints": [NEVER], "preferences": [{"spread": "node.labels.zone"}]},
         {"constraints": [NEVER], "max_replicas_per_node": 2}],
    ),
}  # fmt: skip
AT_ODDS = (
    ("deploy.mode", "deploy.replicas"),
    ("deploy.mode", "deploy.placement"),
    ("deploy.mode", "deploy.restart_policy"),
    ("deploy.mode", "deploy.update_config"),
    ("deploy.mode", "deploy.rollback_config"),
    ("deploy.endpoint_mode", "ports"),
)
"""Keys that Docker's client or the engine refuses together, for some of their values."""
TOP = {
    "version": "3.9",
    "volumes": {"v": {}, "named": {"name": "real"}},
    "secrets": {"s": {"external": True}, "t": {"external": True, "name": "t_v2"}},
    "configs": {"c": {"external": True, "name": "c_v1"}},
    "networks": {"n": {"attachable": True}, "m": {"external": True, "name": "real"}},
}
DEFAULTS = {
    "deploy.update_config": {"parallelism": 1, "failure_action": "pause", "order": "stop-first"},
    "deploy.restart_policy": {"condition": "any"},
    "deploy.replicas": 1,
    "deploy.endpoint_mode": "vip",
    "stop_grace_period": "10s",
    "deploy.mode": "replicated",
}
"""Values that are what leaving the key out is, too."""


@st.composite
def services(draw: st.DrawFn) -> dict[str, Any]:
    """The keys of one service by their dotted names, with variables."""
    keys = draw(st.lists(st.sampled_from(sorted(FIELDS.keys() - {"image"})), max_size=9, unique=True))
    chosen = {key: draw(st.sampled_from(FIELDS[key][1])) for key in sorted(["image", *keys])}
    for first, second in AT_ODDS:
        if first in chosen:
            chosen.pop(second, None)
    names = draw(st.lists(st.sampled_from(["A", "B", "C_1", "lower", "X.Y"]), unique=True, max_size=3))
    variables = {name: draw(TEXTS | st.sampled_from(["", "$$x", "yes", "010"])) for name in names}
    return chosen | ({"environment": variables} if variables else {})


def stack_text(files: dict[str, dict[str, Any]]) -> str:
    """The text of a stack file with these services."""
    written = {}
    for name, service in files.items():
        nested: dict[str, Any] = {"deploy": {"placement": {"constraints": [NEVER]}}}
        for key, value in service.items():
            above = nested["deploy"] if key.startswith("deploy.") else nested
            above[key.removeprefix("deploy.")] = value
        written[name] = nested
    return json.dumps(TOP | {"services": written})


def engine_s_echo(spec: dict[str, Any]) -> dict[str, Any]:
    """What an engine gives back for a ServiceSpec: its own defaults and ids filled in, as 20.10.24 does."""
    echo = copy.deepcopy(spec)
    task = echo["TaskTemplate"]
    container = task["ContainerSpec"]
    for key in ("UpdateConfig", "RollbackConfig"):
        given = echo.get(key)
        filled = {
            "Parallelism": 1,
            "FailureAction": "pause",
            "Monitor": 5 * SECOND,
            "MaxFailureRatio": 0,
            "Order": "stop-first",
        }
        # A given one is kept but for what was left out; `parallelism: 0` was given and is left out by the engine.
        echo[key] = {**filled, **given} if given else filled
        if given is not None and given.get("Parallelism") == 0:
            echo[key].pop("Parallelism")
    task["RestartPolicy"] = {
        "Condition": "any",
        "Delay": 5 * SECOND,
        "MaxAttempts": 0,
        **(task.get("RestartPolicy") or {}),
    }
    if echo.get("Mode", {}).get("Replicated") == {}:
        echo["Mode"] = {"Replicated": {"Replicas": 1}}
    for network in task.get("Networks") or []:
        network["Target"] = f"id of {network['Target']}"
    container["Isolation"] = "default"
    container.setdefault("DNSConfig", {})
    container["StopGracePeriod"] = container.get("StopGracePeriod", 10 * SECOND)
    container["Privileges"] = {"CredentialSpec": None, "SELinuxContext": None, "NoNewPrivileges": False}
    container["Image"] = container["Image"] if "@" in container["Image"] else container["Image"] + "@sha256:" + "1" * 64
    task |= {"ForceUpdate": 0, "Runtime": "container"}
    task.setdefault("Placement", {})["Platforms"] = [{"Architecture": "amd64", "OS": "linux"}]
    return echo
