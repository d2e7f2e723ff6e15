"""Parsing of the rules of the kernel's audit (auditctl(8)), as `auditctl -l` prints them and files hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from fleetkeeper.topics.engine.facts import Watch

EVERYTHING = "rwxa"


def parse_watches(lines: Iterable[str]) -> tuple[Watch, ...]:
    """The rules that watch a path; others are left out.

    >>> parse_watches(["-w /etc/docker -p wa -k docker", "-a always,exit -F path=/usr/bin/runc -F perm=x", "-D"])
    (Watch(path='/etc/docker', records='wa', below=True), Watch(path='/usr/bin/runc', records='x', below=False))
    """
    return tuple(watch for line in lines for watch in watches_of(line.split()))


def watches_of(words: list[str]) -> Iterator[Watch]:
    """The watch that one rule is; none for a rule about anything else, and for one that records nothing (`never`).

    A rule with further conditions (another user, a result) records only some of what happens: it is none either.
    """
    pairs = list(pairwise(words))
    options = dict(pairs)
    if "-w" in options:
        yield Watch(options["-w"], options.get("-p", EVERYTHING), below=True)
        return
    action = options.get("-a", options.get("-A", ""))
    fields = dict(value.split("=", 1) for option, value in pairs if option == "-F" and "=" in value)
    conditions = fields.keys() - {"path", "dir", "perm", "key", "arch"} or options.get("-S", "all") != "all"
    if conditions or not {"always", "exit"} <= set(action.split(",")):
        return
    path = fields.get("path", fields.get("dir", ""))
    if path:
        yield Watch(path, fields.get("perm", EVERYTHING), below="dir" in fields)


def is_watched(path: str, watches: Iterable[Watch], *, directory: bool = False) -> bool:
    """Whether writes to a path, and changes of its attributes, are recorded. Of a `directory`, what is in it counts.

    >>> rules = parse_watches(["-w /etc/docker -p wa", "-w /usr/bin/containerd-shim -p wa", "-w /usr/bin/runc -p x"])
    >>> [is_watched(path, rules) for path in ("/etc/docker/daemon.json", "/usr/bin/containerd", "/usr/bin/runc")]
    [True, False, False]
    """
    above = {str(parent) for parent in PurePosixPath(path).parents}
    return any(
        set("wa") <= set(watch.records)
        and ((watch.path == path and (watch.below or not directory)) or (watch.below and watch.path in above))
        for watch in watches
    )
