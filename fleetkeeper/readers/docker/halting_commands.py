"""What one command of a script halts, removes, renames or starts: containers, services and stacks of a swarm, engines.

Source: https://docs.docker.com/reference/cli/docker/, systemctl(1), service(8), pg_ctl(1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from fleetkeeper.readers.docker.client_options import CLIENTS, COMPOSE_VALUES, GLOBAL_VALUES, OTHER_ENGINE
from fleetkeeper.readers.docker.exec_targets import Target, container_target, of_project
from fleetkeeper.readers.shell.options import after_options, leading_options, option_value
from fleetkeeper.readers.shell.words import Word, literal_text

Scope = Literal["container", "service", "stack", "engine"]
VERB_VALUES = frozenset({"-t", "--time", "--timeout", "-s", "--signal", "--scale", "--pull", "--wait-timeout"})
SWARM_VALUES = frozenset({"--replicas", "--image", "-c", "--compose-file", "--resolve-image", "--name"})
HALTING = frozenset({"stop", "pause", "kill", "rm", "down", "wait"})
STARTING = frozenset({"start", "restart", "unpause", "up"})
SURE = frozenset({"stop", "pause", "rm", "down", "wait", "rename", "scale"})
"""Verbs behind which there is certainly no running container by that name."""
ENDING = frozenset({"", "KILL", "9", "TERM", "15", "INT", "2", "QUIT", "3", "STOP", "19"})
"""Signals of `docker kill`, without SIG, behind which a container may not run; "" is the one without an option."""
ENGINES = re.compile(r"(docker|containerd)(\.service|\.socket)?")
NONE = re.compile("0+")
MANAGERS = frozenset({"systemctl", "service", "rc-service", "invoke-rc.d", "snap"})


@dataclass(frozen=True)
class Change:
    """What a command does to containers: it halts them, or starts them (`starts`).

    `target` are containers, or the name of a `scope`: all of a swarm's service, or of a stack, whose name is then
    `target.name`; for an engine it says nothing. `command` is what does it, for a person. `surely`: those that it halts
    certainly do not run behind it. `renewed`: others run in their stead, by other names. `perhaps`: whether it starts
    them only Docker could tell.
    """

    target: Target
    command: str
    starts: bool = False
    scope: Scope = "container"
    surely: bool = False
    renewed: bool = False
    perhaps: bool = False


@dataclass(frozen=True)
class ClientCall:
    """A command of Docker's client: its `group` (compose, service, stack, swarm, node or ""), verb and words behind it.

    `options` are those of compose, which name its project.
    """

    group: str
    verb: str
    words: Sequence[Word]
    options: Sequence[Word] = field(default=())

    @property
    def operands(self) -> list[Word]:
        """The words that are no options: those behind the first of them, too, as the client takes them."""
        valued = SWARM_VALUES if self.group in ("service", "stack") else VERB_VALUES
        return [*interspersed(self.words, valued)]


def interspersed(words: Sequence[Word], valued: frozenset[str]) -> Iterator[Word]:
    """The words that are neither options nor their values; options may stand behind operands."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        text = literal_text(word) or ""
        if not text.startswith("-") or text == "-":
            yield word
        elif text in valued and rest:
            rest.pop(0)


def changes_of(words: Sequence[Word]) -> list[Change]:
    """What a command with these words, without wrappers, halts and starts; [] for any other command."""
    name = (literal_text(words[0]) or "").rpartition("/")[2] if words else ""
    if name in MANAGERS or (literal_text(words[0]) or "" if words else "").startswith("/etc/init.d/"):
        return list(changes_of_manager(name, words))
    call = client_call(words) if name in CLIENTS else None
    if call is None:
        return []
    if call.group in ("service", "stack", "swarm", "node"):
        return list(changes_in_swarm(call))
    return list(changes_of_containers(call))


def client_call(words: Sequence[Word]) -> ClientCall | None:
    """The call that the words of Docker's client are; None for another engine than the node's own, and no command."""
    client = (literal_text(words[0]) or "").rpartition("/")[2]
    rest = list(words[1:]) if client == "docker-compose" else after_options(words[1:], GLOBAL_VALUES)
    before = [(literal_text(word) or "").partition("=")[0] for word in words[1 : len(words) - len(rest)]]
    if OTHER_ENGINE & set(before) or not rest:
        return None
    group = literal_text(rest[0]) or ""
    options: Sequence[Word] = ()
    if client == "docker-compose" or group == "compose":
        rest = rest if client == "docker-compose" else rest[1:]
        behind = after_options(rest, COMPOSE_VALUES)
        options, rest, group = rest[: len(rest) - len(behind)], behind, "compose"
    elif group in ("container", "service", "stack", "swarm", "node"):
        rest, group = rest[1:], "" if group == "container" else group
    else:
        group = ""
    return ClientCall(group, literal_text(rest[0]) or "", rest[1:], options) if rest else None


def changes_of_containers(call: ClientCall) -> Iterator[Change]:
    """What a command about containers, or services of compose, halts and starts."""
    operands, command = call.operands, f"docker … {call.verb}"
    if call.group == "compose":
        yield from changes_of_compose(call)
    elif call.verb == "rename" and len(operands) == 2:
        yield Change(container_target(operands[0]), command, surely=True)
        yield Change(container_target(operands[1]), command, starts=True)
    elif call.verb == "run" and is_detached(call.words) and (name := option_value(call.words, "--name")):
        yield Change(Target("name", name=name), command, starts=True)
    elif does_something(call):
        for target in map(container_target, operands):
            yield Change(target, command, starts=call.verb in STARTING, surely=call.verb in SURE)


def changes_of_compose(call: ClientCall) -> Iterator[Change]:
    """What a command of compose halts and starts: services that it names, or all; `up` also what they depend on."""
    everything = replace(of_project("all", call.options), name="")
    named = [of_project(literal_text(word), call.options) for word in call.operands]
    command = f"docker … {call.verb}"
    if does_something(call):
        for target in named or [everything]:
            yield Change(target, command, starts=call.verb in STARTING, surely=call.verb in SURE)
        if named and call.verb in ("up", "start"):
            yield Change(everything, command, starts=True, perhaps=True)
    for service, _, number in (text.partition("=") for text in scales(call)):
        target = of_project(service, call.options)
        yield Change(target, f"docker … scale {service}={number}", starts=not NONE.fullmatch(number), surely=True)


def does_something(call: ClientCall) -> bool:
    """Whether a command with a verb that halts or starts does so: `rm` with force, `kill` with a signal that ends."""
    if call.verb == "rm":
        return bool(leading_options(call.words, VERB_VALUES)[0] & {"f", "force", "s", "stop"})
    return call.verb in HALTING | STARTING and (call.verb != "kill" or ends(call.words))


def scales(call: ClientCall) -> list[str]:
    """The words `SERVICE=NUMBER` of `compose scale`, or of `compose up --scale`."""
    if call.group != "compose" or call.verb not in ("scale", "up"):
        return []
    texts = [literal_text(word) or "" for word in call.words]
    if call.verb == "scale":
        return [text for text in texts if "=" in text and not text.startswith("-")]
    behind = [after for before, after in pairwise(texts) if before == "--scale"]
    return behind + [text.partition("=")[2] for text in texts if text.startswith("--scale=")]


def is_detached(words: Sequence[Word]) -> bool:
    """Whether an option lets `docker run` go on in the background."""
    texts = [literal_text(word) or "" for word in words]
    return any(text == "--detach" or re.fullmatch("-[a-z]*d[a-z]*", text, re.IGNORECASE) for text in texts)


def changes_in_swarm(call: ClientCall) -> Iterator[Change]:
    """What a command about a service, a stack, a node or the swarm halts and starts."""
    texts = [literal_text(word) or "" for word in call.operands]
    command = f"docker {call.group} {call.verb}"
    if call.group in ("swarm", "node"):
        if call.verb == "leave" or option_value(call.words, "--availability") == "drain":
            yield Change(Target("name"), command, scope="engine")
        return
    waits = not {"-d", "--detach", "--detach=true"} & {literal_text(word) for word in call.words}
    if call.group == "stack":
        starts = call.verb in ("deploy", "up")
        for text in texts[:1] if starts else texts if call.verb in ("rm", "remove", "down") else []:
            yield Change(Target("name", name=text), command, starts, "stack", surely=True)
    elif call.verb in ("rm", "remove"):
        yield from (Change(Target("name", name=text), command, scope="service", surely=True) for text in texts)
    elif call.verb == "scale":
        for service, _, number in (text.partition("=") for text in texts):
            starts = NONE.fullmatch(number) is None
            yield Change(Target("name", name=service), command, starts, "service", surely=waits)
    elif call.verb == "create" and (name := option_value(call.words, "--name")):
        yield Change(Target("name", name=name), command, starts=True, scope="service")
    elif call.verb in ("update", "rollback") and texts:
        yield service_update(texts[-1], option_value(call.words, "--replicas"), command)


def service_update(service: str, replicas: str, command: str) -> Change:
    """What `docker service update` does: halts all with no replicas; starts them, or others in their stead."""
    target = Target("name", name=service)
    if NONE.fullmatch(replicas):
        return Change(target, command, scope="service", surely=True)
    if replicas:
        return Change(target, command, starts=True, scope="service")
    return Change(target, command, scope="service", renewed=True)


def changes_of_manager(name: str, words: Sequence[Word]) -> Iterator[Change]:
    """What `systemctl stop docker`, `service docker stop` and the like do to the engine.

    Its socket, where systemd has one, starts it again at the next question, and then some of its containers.
    """
    texts = [text for text in (literal_text(word) or "" for word in words[1:]) if not text.startswith("-")]
    options = {literal_text(word) for word in words}
    if name in ("systemctl", "snap"):
        verb, units = (texts[0], texts[1:]) if texts else ("", [])
    elif name in MANAGERS:
        verb, units = (texts[1], texts[:1]) if len(texts) > 1 else ("", [])
    else:
        verb, units = texts[0] if texts else "", [name]
    engines = [unit for unit in units if ENGINES.fullmatch(unit)]
    if not engines:
        return
    now = verb in ("disable", "mask") and "--now" in options
    if verb in ("stop", "kill") or now:
        whole = {"docker.socket"} < {*engines} and verb != "kill"
        yield Change(Target("name"), f"{name} {verb} {engines[0]}", scope="engine", surely=whole)
    elif verb in ("start", "restart", "reload-or-restart") or (verb == "enable" and "--now" in options):
        yield Change(Target("name"), f"{name} {verb}", starts=True, scope="engine")


def ends(words: Sequence[Word]) -> bool:
    """Whether `docker kill` with these words sends a signal behind which its container may not run: not HUP, USR1."""
    joined = next((text[2:] for text in map(literal_text, words) if text and re.match("-s.", text)), "")
    signal = (option_value(words, "-s", "--signal") or joined).lstrip("=").upper()
    return signal.removeprefix("SIG") in ENDING
