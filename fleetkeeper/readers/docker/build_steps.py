"""The steps by which an image is built, from a Dockerfile or from the history of an image, and what is told of them.

Sources: https://docs.docker.com/reference/dockerfile/; moby, builder/dockerfile/dispatchers.go (`#(nop)`); BuildKit,
frontend/dockerfile/dockerfile2llb (`RUN |1 NAME=value /bin/sh -c …`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fleetkeeper.readers.docker.build_secrets import LISTED, secrets_of_step


@dataclass(frozen=True)
class BuildStep:
    """One instruction, in upper case, and what follows it. `line` is that of a Dockerfile, 0 in a history."""

    instruction: str
    text: str
    line: int = 0


@dataclass(frozen=True)
class BuildNotes:
    """What steps did that rules ask about.

    `updates` are the package managers whose list was brought up to date in a step of its own, `added` where ADD put
    something, `secrets` the names of variables that hold one, and addresses that do, by their host.
    """

    updates: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


NO_NOTES = BuildNotes()
INSTRUCTIONS = (
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"),
    *("ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)
NOP = re.compile(r"/bin/sh -c #\(nop\) *")
MANAGERS = frozenset({"apt-get", "apt", "aptitude", "apk", "yum", "dnf", "microdnf", "zypper"})
UPDATES = frozenset({"update", "upgrade", "dist-upgrade", "full-upgrade", "makecache", "refresh", "ref"})
INSTALLS = frozenset({"install", "add", "in", "build-dep", "localinstall", "groupinstall", "reinstall", "source"})
COMMANDS = re.compile(r"[;&|\n()]+")
MOST_NOTES = 20
LONGEST_NOTE = 200


def history_step(written: str) -> BuildStep:
    """The step of one entry of a history (`created_by`).

    What BuildKit and the builder before it write. A command without an instruction is a RUN.

    >>> history_step("/bin/sh -c #(nop) ADD file:4f in / "), history_step("RUN |1 A=b /bin/sh -c ls # buildkit")
    (BuildStep(instruction='ADD', text='file:4f in /', line=0), BuildStep(instruction='RUN', text='|1 A=b ls', line=0))
    """
    text = NOP.sub("", written, count=1).strip().removesuffix("# buildkit").strip()
    word, _, rest = text.partition(" ")
    instruction = word.upper() if word in INSTRUCTIONS else "RUN"
    body = rest if instruction == word.upper() else text
    return BuildStep(instruction, body.replace("/bin/sh -c ", "", 1).strip() if instruction == "RUN" else body.strip())


def build_notes(steps: Iterable[BuildStep], *, is_history: bool) -> BuildNotes:
    """What is told of steps, oldest first. In a history the archive that an image begins with is no ADD of anybody."""
    updates, added, secrets = dict[str, None](), dict[str, None](), dict[str, None]()
    for index, step in enumerate(map(triggered_step, steps)):
        if manager := lone_update(step):
            updates[manager] = None
        if step.instruction == "ADD" and not (is_history and index == 0):
            added[added_to(step)] = None
        secrets |= dict.fromkeys(secrets_of_step(step.instruction, step.text))
    kept = (tuple(name[:LONGEST_NOTE] for name in names) for names in (updates, added, secrets))
    return BuildNotes(*(names[:MOST_NOTES] for names in kept))


def triggered_step(step: BuildStep) -> BuildStep:
    """The step that ONBUILD leaves to whoever builds on this image; any other step as it is.

    >>> triggered_step(BuildStep("ONBUILD", "ADD . /srv", 7))
    BuildStep(instruction='ADD', text='. /srv', line=7)
    """
    if step.instruction != "ONBUILD":
        return step
    word, _, rest = step.text.strip().partition(" ")
    return BuildStep(word.upper(), rest.strip(), step.line)


def lone_update(step: BuildStep) -> str:
    """The package manager whose list a step brings up to date without installing anything; empty for any other step.

    >>> [lone_update(BuildStep("RUN", text)) for text in ("apt-get -q update", "apt-get update && apt-get install x")]
    ['apt-get', '']
    """
    if step.instruction != "RUN":
        return ""
    text = LISTED.sub(" ", step.text) if step.text.startswith("[") else step.text
    calls = [call for command in COMMANDS.split(text) if (call := package_call(command.split()))]
    updates = [manager for manager, what in calls if what in UPDATES]
    return updates[0] if updates and not any(what in INSTALLS for _, what in calls) else ""


def package_call(words: list[str]) -> tuple[str, str] | None:
    """The package manager that a command calls, and what it shall do; None where it calls none.

    >>> package_call(["sudo", "apt-get", "-y", "update"]), package_call(["ls"])
    (('apt-get', 'update'), None)
    """
    bare = [word.strip("\"'[],{}").rpartition("/")[2] for word in words]
    at = next((index for index, word in enumerate(bare) if word in MANAGERS), None)
    if at is None:
        return None
    return bare[at], next((word for word in bare[at + 1 :] if word and not word.startswith("-")), "")


def added_to(step: BuildStep) -> str:
    """Where an ADD puts what it adds: its last word.

    >>> added_to(BuildStep("ADD", "file:4f in /srv ")), added_to(BuildStep("ADD", '["a b", "/c d"]'))
    ('/srv', '/c d')
    """
    text = step.text.strip()
    if text.startswith("["):
        quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
        return quoted[-1] if quoted else text
    return text.split()[-1] if text else ""
