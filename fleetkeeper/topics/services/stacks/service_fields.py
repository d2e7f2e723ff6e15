"""The fields of a service as the Engine API has them (ServiceSpec), made comparable.

What Docker's client writes and what the engine gives back differ where nothing was changed: the engine fills in its
defaults, replaces names of networks by ids and adds the image's digest. Here both sides are brought to one form: paths
and values, without what is only a default, and with lists keyed by what identifies an item. A field that this module
does not know is compared too, under the API's own name.

Source: https://docs.docker.com/reference/api/engine/ (ServiceSpec) and swarmkit (api/defaults).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from fleetkeeper.readers.json_documents import Json, listed, part, parts, text_in
from fleetkeeper.topics.services.stacks.field_names import ENV, SECOND

Fields = dict[str, object]
"""Values by their path, such as `TaskTemplate.ContainerSpec.Env.TAG`."""

STACK_LABEL = "com.docker.stack."
OWN_LABEL = "fleetkeeper."
UPDATE_DEFAULTS = {
    "Parallelism": 1,
    "FailureAction": "pause",
    "Monitor": 5 * SECOND,
    "MaxFailureRatio": 0,
    "Order": "stop-first",
    "Delay": 0,
}
STOP_GRACE_DEFAULT = 10 * SECOND
RESTART_DEFAULTS = {"Condition": "any", "Delay": 5 * SECOND, "MaxAttempts": 0, "Window": 0}
NOT_COMPARED = frozenset(
    {
        "Name",
        "TaskTemplate.ForceUpdate",
        "TaskTemplate.Runtime",
        "TaskTemplate.Placement.Platforms",
        "TaskTemplate.ContainerSpec.Isolation",
        "TaskTemplate.ContainerSpec.Labels.com.docker.stack.namespace",
    }
)
"""What a stack file cannot set, or only the client fills in."""


def comparable_fields(spec: Json, network_names: Mapping[str, str]) -> Fields:
    """The fields of a ServiceSpec that are not only defaults, by their path.

    `network_names` are the names of the swarm's networks by id. Values of variables may be among the fields.
    Raises Unobservable for a spec that is not of the Engine API's shape.

    >>> comparable_fields({"Mode": {"Replicated": {}}, "TaskTemplate": {"ContainerSpec": {"Env": ["A=1"]}}}, {})
    {'Mode.Replicated.Replicas': 1, 'TaskTemplate.ContainerSpec.Env.A': '=1'}
    """
    task = dict(part(spec, "TaskTemplate"))
    task["ContainerSpec"] = container_fields(part(task, "ContainerSpec"))
    task["RestartPolicy"] = without_defaults(part(task, "RestartPolicy"), RESTART_DEFAULTS)
    placement = dict(part(task, "Placement"))
    placement["Constraints"] = sorted(constraint_text(text) for text in listed(placement, "Constraints"))
    task["Placement"] = placement
    networks = [*parts(task, "Networks"), *parts(spec, "Networks")]
    task["Networks"] = {network_name(network, network_names): network_options(network) for network in networks}
    whole = {
        **{key: value for key, value in spec.items() if key not in ("Networks", "TaskTemplate")},
        "TaskTemplate": task,
        "Labels": own_labels(part(spec, "Labels")),
        "UpdateConfig": without_defaults(part(spec, "UpdateConfig"), UPDATE_DEFAULTS),
        "RollbackConfig": without_defaults(part(spec, "RollbackConfig"), UPDATE_DEFAULTS),
        "EndpointSpec": endpoint_fields(part(spec, "EndpointSpec")),
        "Mode": mode_fields(part(spec, "Mode")),
    }
    return {path: value for path, value in leaves(whole) if path not in NOT_COMPARED}


def container_fields(container: Json) -> Json:
    """A ContainerSpec with its lists keyed: variables by name, mounts by target, secrets and configs by file."""
    return {
        **container,
        "Image": familiar_image(text_in(container, "Image")),
        "Env": variable_values(listed(container, "Env")),
        "Mounts": {text_in(mount, "Target"): mount_fields(mount) for mount in parts(container, "Mounts")},
        "Secrets": file_fields(parts(container, "Secrets"), "SecretName"),
        "Configs": file_fields(parts(container, "Configs"), "ConfigName"),
        "Privileges": {key: value for key, value in part(container, "Privileges").items() if value},
        "Hosts": sorted(map(str, listed(container, "Hosts"))),
        "StopGracePeriod": without_defaults(container, {"StopGracePeriod": STOP_GRACE_DEFAULT}).get("StopGracePeriod"),
    }


def variable_values(variables: Iterable[object]) -> dict[str, str]:
    """The value of each variable by its name, as `=VALUE`; "" for one without `=`, which is only a name.

    >>> variable_values(["A=1", "B=", "C"])
    {'A': '=1', 'B': '=', 'C': ''}
    """
    texts = [str(text) for text in variables]
    return {text.partition("=")[0]: text[len(text.partition("=")[0]) :] for text in texts}


def mount_fields(mount: Json) -> Json:
    """A mount with what is compared of it: without its target, `Consistency`, and the stack's labels on its volume.

    `Type` and `VolumeOptions.Labels` are there also where the mount has none: "volume", and no labels.
    """
    volume = dict(part(mount, "VolumeOptions"))
    volume["Labels"] = own_labels(part(volume, "Labels"))
    rest = {key: value for key, value in mount.items() if key not in ("Target", "Consistency")}
    return {**rest, "Type": text_in(mount, "Type", "volume"), "VolumeOptions": volume}


def file_fields(files: Iterable[Json], name_key: str) -> dict[str, object]:
    """Secrets or configs by the file they become in the container: their name, owner and mode; never their id.

    `name_key` is the field with the name, `SecretName` or `ConfigName`. The keys of each are name, UID, GID and Mode,
    None for one that is not set.
    """
    fields: dict[str, object] = {}
    for item in files:
        file = part(item, "File")
        target = text_in(file, "Name") or text_in(item, name_key)
        fields[target] = {"name": text_in(item, name_key), **{key: file.get(key) for key in ("UID", "GID", "Mode")}}
    return fields


def network_name(network: Json, names: Mapping[str, str]) -> str:
    """The name of the network that a service is attached to; the engine gives its id. `names` are by id.

    The id itself where they lack it.
    """
    target = text_in(network, "Target")
    return names.get(target, target)


def network_options(network: Json) -> Json:
    """Aliases and options of an attachment; `attached` makes a network without any a field too."""
    aliases = sorted(map(str, listed(network, "Aliases")))
    return {"attached": True, "Aliases": aliases, "DriverOpts": part(network, "DriverOpts")}


def endpoint_fields(endpoint: Json) -> Json:
    """An EndpointSpec with its ports keyed by protocol and target (`tcp 80`), each a list of published port and mode.

    `Mode` is "" for the default, `vip`.
    """
    ports: dict[str, list[object]] = {}
    for port in parts(endpoint, "Ports"):
        published = {"published": port.get("PublishedPort"), "mode": text_in(port, "PublishMode", "ingress")}
        ports.setdefault(f"{text_in(port, 'Protocol', 'tcp')} {port.get('TargetPort')}", []).append(published)
    return {"Mode": without_default(text_in(endpoint, "Mode"), "vip"), "Ports": ports}


def mode_fields(mode: Json) -> Json:
    """A service's mode; a replicated one without a number, and no mode at all, is one replica.

    Any other mode without settings has the value "set".
    """
    if "Replicated" in mode or not mode:
        return {"Replicated": {"Replicas": part(mode, "Replicated").get("Replicas", 1)}}
    return {key: value or "set" for key, value in mode.items()}


def own_labels(labels: Json) -> Json:
    """Labels without those that Docker's stacks and fleetkeeper itself set."""
    return {name: value for name, value in labels.items() if not name.startswith((STACK_LABEL, OWN_LABEL))}


def without_defaults(fields: Json, defaults: Mapping[str, object]) -> Json:
    """The fields whose values are not the ones in `defaults`, which the engine fills in by itself, and not None."""
    return {key: value for key, value in fields.items() if value != defaults.get(key, None)}


def without_default(value: str, default: str) -> str:
    """The value, or "" for the default."""
    return "" if value == default else value


def constraint_text(constraint: object) -> str:
    """A constraint with single blanks around its operator.

    >>> constraint_text("node.labels.queue==GPU"), constraint_text("node.role !=  manager")
    ('node.labels.queue == GPU', 'node.role != manager')
    """
    return re.sub(r"\s*([!=]=)\s*", r" \1 ", str(constraint)).strip()


def familiar_image(image: str) -> str:
    """An image as a person writes it: without the digest that a registry added to a tag, and with its tag.

    >>> digest = "@sha256:" + "0" * 64
    >>> [familiar_image(image) for image in ("nginx", "docker.io/library/nginx:1" + digest, "r:5000/a")]
    ['nginx:latest', 'nginx:1', 'r:5000/a:latest']
    >>> familiar_image("nginx" + digest) == "nginx" + digest
    True
    """
    name, _, digest = image.partition("@")
    name = re.sub(r"^(docker\.io/)?(library/)?", "", name)
    if ":" in name.rpartition("/")[2]:
        return name
    return f"{name}@{digest}" if digest else (f"{name}:latest" if name else "")


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Path and value of each field that is set. Empty texts, lists and mappings, 0, false and null are not set."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        kept = [set_fields(item) for item in value]
        if kept:
            yield path, kept
    elif value not in (None, "", 0, False) or path.startswith(ENV):
        yield path, value


def set_fields(value: object) -> object:
    """A value of a list, without the fields in it that are not set."""
    if isinstance(value, Mapping):
        inner = {key: set_fields(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in (None, "", 0, False, {}, [])}
    return [set_fields(item) for item in value] if isinstance(value, list) else value
