"""The containers that a stack or Compose file would make, as `docker inspect` would show them before they start.

Sources: https://docs.docker.com/reference/compose-file/; docker/cli, cli/compose/types (what `docker stack deploy`
ignores); moby, api/types/container/hostconfig.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from fleetkeeper.readers.compose.document import ComposeDocument
from fleetkeeper.readers.compose.interpolation import UnsetVariable, Value, value_of_node
from fleetkeeper.readers.docker.labels import COMPOSE_SERVICE
from fleetkeeper.topics.benchmark.files.written_values import (
    Fields,
    UnclearValue,
    device_paths,
    health_test,
    listed_of,
    mapping_of,
    node_path,
    number_of,
    port_rows,
    restart_policy,
    short_mount,
    size_of,
    switch_of,
    text_of,
    texts_of,
)
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.parse import parse_container
from fleetkeeper.transport.commands import Unobservable

IGNORED_BY_A_STACK = ("security_opt", "userns_mode")
"""Keys that keep a container in, and that `docker stack deploy` passes over: they do not count for a stack.

What lets one out (`privileged`, `devices`, `pid` …) counts although a stack ignores it: the file asks for it.
"""
API_SOCKET = {"Type": "bind", "Source": "/var/run/docker.sock", "Destination": "/var/run/docker.sock", "RW": True}
"""What `use_api_socket` mounts."""
PROPAGATIONS = ("shared", "rshared", "slave", "rslave", "private", "rprivate")


@dataclass(frozen=True)
class FileService:
    """One service of a file, as the container that it would be.

    `values` are its keys with variables put in; `unclear` says of a key why it is not among them as a whole.
    """

    name: str
    container: Container
    values: Mapping[str, Value]
    unclear: Mapping[str, str]


def services_of_file(
    document: ComposeDocument, variables: Mapping[str, str], folder: str, *, stack: bool
) -> Iterator[FileService]:
    """The services of a file, which lies in `folder`, a whole path.

    `stack`: it is deployed by `docker stack deploy`, which ignores what it does not know.
    """
    for name in document.mapping("services"):
        values: dict[str, Value] = {}
        unclear: dict[str, str] = {}
        for key, node in document.mapping("services", name).items():
            unset: list[UnsetVariable] = []
            values[key] = value_of_node(node, variables, unset)
            if unset:
                unclear[key] = str(unset[0])
        if values.get("volumes_from"):
            unclear["volumes"] = "`volumes_from` is not followed"
        if stack:
            values = {key: value for key, value in values.items() if key not in IGNORED_BY_A_STACK}
        reading = ServiceReading(name, document, variables, values, folder, stack)
        yield FileService(name, reading.container(unclear), values, unclear)


@dataclass(frozen=True)
class ServiceReading:
    """What is needed to turn one service into what `docker inspect` shows."""

    name: str
    document: ComposeDocument
    variables: Mapping[str, str]
    values: Mapping[str, Value]
    folder: str
    stack: bool

    def container(self, unclear: dict[str, str]) -> Container:
        """The container. A key that makes no sense is added to `unclear` and left out."""
        host: Fields = {}
        fields: Fields = {
            "Id": sha256(self.name.encode()).hexdigest(),
            "Name": f"/{self.name}",
            "State": {"Status": "created"},
            "AppArmorProfile": "docker-default",
            "ProcessLabel": "container_t",
            "HostConfig": host,
        }
        for keys, part in PARTS:
            try:
                host |= part(self)
            except (UnclearValue, UnsetVariable) as why:
                unclear |= dict.fromkeys([key for key in keys if key in self.values], str(why))
        fields["Mounts"] = host.pop("Mounts", [])
        fields["NetworkSettings"] = {"Networks": host.pop("Networks", {})}
        fields["Config"] = {
            "Image": text_of(self.values.get("image")),
            "User": text_of(self.values.get("user")),
            "Labels": {COMPOSE_SERVICE: self.name},
            "Healthcheck": {"Test": health_test(self.values.get("healthcheck"))},
        }
        try:
            seen = parse_container(fields)
        except Unobservable as why:
            unclear |= dict.fromkeys(self.values, why.why)
            seen = Container(fields["Id"], self.name)
        return replace(seen, isolation=replace(seen.isolation, engine_maps=True))

    def isolation(self) -> Fields:
        """What keeps it from its node."""
        values = self.values
        return {
            "Privileged": switch_of(values.get("privileged")),
            "CapAdd": texts_of(values.get("cap_add")),
            "CapDrop": texts_of(values.get("cap_drop")),
            "SecurityOpt": texts_of(values.get("security_opt")),
            "Devices": [{"PathOnHost": path} for path in device_paths(values.get("devices"))],
            "DeviceCgroupRules": texts_of(values.get("device_cgroup_rules")),
            "PidMode": text_of(values.get("pid")),
            "IpcMode": text_of(values.get("ipc")),
            "UTSMode": text_of(values.get("uts")),
            "UsernsMode": text_of(values.get("userns_mode")),
            "CgroupnsMode": text_of(values.get("cgroup")),
            "CgroupParent": text_of(values.get("cgroup_parent")),
            "ReadonlyRootfs": switch_of(values.get("read_only")),
        }

    def networks(self) -> Fields:
        """Its networks: the node's own one is a mode."""
        mode, named = text_of(self.values.get("network_mode")), self.values.get("networks")
        names = list(named) if isinstance(named, dict) else texts_of(named)
        real = {name: self.top_level("networks", name).get("name") or name for name in names}
        if any(each in ("host", "bridge") for each in real.values()):
            mode = mode or next(str(each) for each in real.values() if each in ("host", "bridge"))
        return {"NetworkMode": mode or "default", "Networks": {str(each): {} for each in real.values()}}

    def top_level(self, section: str, name: str) -> dict[str, Value]:
        """The entry of a network or volume of the file; empty without one. Raises UnsetVariable."""
        unset: list[UnsetVariable] = []
        value = value_of_node(self.document.find(section, name), self.variables, unset)
        if unset:
            raise unset[0]
        return value if isinstance(value, dict) else {}

    def limits(self) -> Fields:
        """What it may take, and how often it is started again."""
        deploy = mapping_of(self.values.get("deploy"))
        limits = mapping_of(mapping_of(deploy.get("resources")).get("limits"))
        policy = mapping_of(deploy.get("restart_policy"))
        values = {} if self.stack else self.values
        cpus = text_of(limits.get("cpus") or values.get("cpus"))
        return {
            "Memory": size_of(limits.get("memory") or values.get("mem_limit")),
            "NanoCpus": int(number_of(cpus) * 1e9),
            "CpuShares": int(number_of(text_of(values.get("cpu_shares")))),
            "CpuQuota": int(number_of(text_of(values.get("cpu_quota")))),
            "CpusetCpus": text_of(values.get("cpuset")),
            "PidsLimit": int(number_of(text_of(limits.get("pids") or values.get("pids_limit")), least=-1)),
            "RestartPolicy": restart_policy(policy, text_of(values.get("restart")), stack=self.stack),
            "Ulimits": [{"Name": name} for name in mapping_of(self.values.get("ulimits"))],
        }

    def devices(self) -> Fields:
        """The devices that a driver brings."""
        reserved = mapping_of(mapping_of(mapping_of(self.values.get("deploy")).get("resources")).get("reservations"))
        requested = [item for item in listed_of(reserved.get("devices")) if isinstance(item, dict)]
        return {"DeviceRequests": [{"Driver": text_of(item.get("driver")) or "device"} for item in requested]}

    def mounts(self) -> Fields:
        """Its mounts. A volume that is a directory of the node is a bind mount, and so is the engine's socket."""
        sockets = [API_SOCKET] if switch_of(self.values.get("use_api_socket")) else []
        return {"Mounts": [*(self.mount(item) for item in listed_of(self.values.get("volumes"))), *sockets]}

    def mount(self, item: Value) -> Fields:
        """One mount, from its short or long form. Raises UnclearValue, UnsetVariable."""
        if isinstance(item, dict):
            source, target = text_of(item.get("source")), text_of(item.get("target"))
            options = [text_of(mapping_of(item.get("bind")).get("propagation"))]
            read_only, kind = switch_of(item.get("read_only")), text_of(item.get("type"))
        else:
            source, target, options = short_mount(text_of(item))
            read_only, kind = "ro" in options, ""
        kind = kind or ("bind" if source.startswith(("/", ".", "~")) else "volume")
        driver = mapping_of(self.top_level("volumes", source).get("driver_opts")) if kind == "volume" else {}
        flags, device = text_of(driver.get("o")).split(","), text_of(driver.get("device"))
        if {"bind", "rbind"} & set(flags) or device.startswith("/dev/"):
            kind, source = "bind", device
        return {
            "Type": kind,
            "Source": node_path(source, self.folder) if kind == "bind" else "",
            "Name": source if kind == "volume" else "",
            "Destination": target,
            "RW": not read_only,
            "Propagation": next((option for option in options if option in PROPAGATIONS), ""),
        }

    def ports(self) -> Fields:
        """Its published ports. A stack ignores the address, and so does whoever publishes none."""
        bindings: dict[str, list[Fields]] = {}
        for item in listed_of(self.values.get("ports")):
            for inside, address, outside in port_rows(item):
                row = {"HostIp": "" if self.stack else address, "HostPort": outside}
                bindings.setdefault(inside, []).append(row)
        return {"PortBindings": bindings}


PARTS = (
    (
        (
            *("privileged", "cap_add", "cap_drop", "security_opt", "devices", "device_cgroup_rules", "pid", "ipc"),
            *("uts", "userns_mode", "cgroup", "cgroup_parent", "read_only"),
        ),
        ServiceReading.isolation,
    ),
    (("network_mode", "networks"), ServiceReading.networks),
    (
        ("deploy", "mem_limit", "cpus", "cpu_shares", "cpu_quota", "cpuset", "pids_limit", "restart", "ulimits"),
        ServiceReading.limits,
    ),
    (("deploy",), ServiceReading.devices),
    (("volumes", "use_api_socket"), ServiceReading.mounts),
    (("ports",), ServiceReading.ports),
)
