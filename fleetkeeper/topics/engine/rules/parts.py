"""The parts of a promise about an engine: a check for each id of the CIS Docker Benchmark, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import Wrong, judge_numbers
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.engine.facts import EngineFile, Facts
from fleetkeeper.transport.commands import Unobservable

Check = Callable[[Facts, Benchmark], Iterable[Wrong]]
Checks = Mapping[str, Check]
"""The checks of a promise by their number in 1.8.

A check raises NotApplicable where there is nothing of its kind, Unobservable where it could not be seen.
"""
DEFAULT_SOCKET = "/docker.sock"


def judge_parts(fleet: Fleet, subject: Subject, checks: Checks) -> Iterator[Finding | Part]:
    """A finding for what each check finds wrong on a node, and a Part for each that does not apply or was not seen.

    Raises NotApplicable on a node without Docker's engine, and where the inventory does without the benchmark;
    Unobservable where nothing of the engine was seen.
    """
    policy = require_policy(fleet.inventory.benchmark)
    facts = fleet.of(subject.name, Facts)
    if facts.engine == "absent":
        raise NotApplicable("no Docker on this node")
    if facts.engine == "podman":
        raise NotApplicable("Podman answers here in place of Docker's engine, and the benchmark is not about it")
    bound = {number: partial(check, facts, policy) for number, check in checks.items()}
    return judge_numbers(bound, policy, subject.name)


def values_of(facts: Facts, name: str) -> tuple[str, ...]:
    """The values of a setting of dockerd: of its command line, else of its file; () where neither has it.

    The engine does not start where both have it. Raises Unobservable when the one that counts was not seen.
    """
    options = raise_if_unobservable(facts.options) or {}
    if name in options:
        return options[name]
    return (raise_if_unobservable(facts.settings) or {}).get(name, ())


def value_of(facts: Facts, name: str, default: str = "") -> str:
    """The value of a setting that has one, else the default. Raises Unobservable as `values_of` does."""
    return next(iter(values_of(facts, name)), default)


def security_option(facts: Facts, name: str) -> dict[str, str] | None:
    """The words of one of the engine's security options, by name; None where the engine has it not.

    >>> from fleetkeeper.topics.engine.facts import EngineInfo
    >>> security_option(Facts("docker", EngineInfo("29", security=("name=seccomp,profile=builtin",))), "seccomp")
    {'name': 'seccomp', 'profile': 'builtin'}
    """
    for option in facts.info.security:
        words = dict(word.split("=", 1) for word in option.split(",") if "=" in word)
        if words.get("name") == name:
            return words
    return None


def engine_sockets(facts: Facts) -> list[EngineFile]:
    """The sockets through which the engine takes requests. Raises Unobservable where they were not seen.

    dockerd listens on others too, for its own parts: those are not named in its settings, and not `docker.sock`.
    """
    listening = raise_if_unobservable(facts.unix)
    named = {address.removeprefix("unix://") for address in api_addresses(facts) if address.startswith("unix://")}
    paths = {path for path in listening if path in named or path.endswith(DEFAULT_SOCKET)}
    sockets = [file for file in facts.files_of("socket") if file.path in paths]
    if not sockets:
        raise Unobservable("no socket was seen on which the engine takes requests")
    return sockets


def api_addresses(facts: Facts) -> tuple[str, ...]:
    """The addresses on which the engine should take requests, as dockerd spells them.

    Those of docker.socket stand for `fd://`, and what names no protocol is one over TCP. Raises Unobservable where its
    settings were not seen.
    """
    hosts = [address.strip() for address in values_of(facts, "host")]
    written = [address if "://" in address or not address else f"tcp://{address}" for address in hosts]
    if any(address.startswith("fd:") for address in written):
        units = [f"unix://{address}" if address.startswith("/") else f"tcp://{address}" for address in facts.units]
        return (*(address for address in written if not address.startswith("fd:")), *units)
    return tuple(written)
