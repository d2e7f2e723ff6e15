"""The steps by which an image is built, from a Dockerfile or from the history of an image, and what is told of them.

Sources: https://docs.docker.com/reference/dockerfile/; moby, builder/dockerfile/dispatchers.go (`#(nop)`); BuildKit,
frontend/dockerfile/dockerfile2llb (`RUN |1 NAME=value /bin/sh -c …`).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise


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
    something, `secrets` the names of variables that hold one.
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
BUILT_WITH = re.compile(r"\|[0-9]+ ")
MANAGERS = frozenset({"apt-get", "apt", "aptitude", "apk", "yum", "dnf", "microdnf", "zypper"})
UPDATES = frozenset({"update", "upgrade", "dist-upgrade", "full-upgrade", "makecache", "refresh", "ref"})
INSTALLS = frozenset({"install", "add", "in", "build-dep", "localinstall", "groupinstall", "reinstall", "source"})
COMMANDS = re.compile(r"[;&|\n()]+")
LISTED = re.compile(r"\"\s*,\s*\"")
"""What stands between two words of a command that is written as a list."""
WORDS_OF_SECRETS = frozenset(
    {
        *("PASS", "PASSWORD", "PASSWD", "PASSPHRASE", "PWD", "SECRET", "SECRETS", "TOKEN", "CREDENTIAL", "CREDENTIALS"),
        *("APIKEY", "PASSCODE", "SSHPASS"),
    }
)
ENDS_OF_SECRETS = ("PASSWORD", "PASSWD", "PASSPHRASE", "TOKEN", "APIKEY", "SECRET")
"""What a word may end with that is written in one with what stands before it, as in PGPASSWORD."""
KINDS_OF_KEYS = frozenset({"API", "ACCESS", "PRIVATE", "SECRET", "ENCRYPTION", "SIGNING", "AUTH", "ACCOUNT", "MASTER"})
"""What stands before KEY in the name of one that is secret; keys to check signatures with are public."""
HARMLESS_ENDS = frozenset(
    {
        *("FILE", "PATH", "DIR", "DIRECTORY", "ID", "NAME", "URL", "URI", "HOST", "PORT", "LENGTH", "TTL", "AGE"),
        *("EXPIRY", "EXPIRATION", "TIMEOUT", "POLICY", "TYPE", "ALGORITHM", "HEADER", "COMMAND", "ENABLED"),
    }
)
"""What a name ends with that is about a secret and holds none."""
NO_SECRETS = frozenset({"true", "false", "yes", "no", "on", "off", "none", "null"})
ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
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
        secrets |= dict.fromkeys(secret_names(step))
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


def secret_names(step: BuildStep) -> Iterator[str]:
    """The names of the variables that a step sets to what looks like a secret: by their name, never without a value.

    >>> list(secret_names(BuildStep("ENV", "DB_PASSWORD=x GPG_KEY=4f ALLOW_EMPTY_PASSWORD=no API_KEY_FILE=/run/k")))
    ['DB_PASSWORD']
    >>> [list(secret_names(BuildStep(*step))) for step in (("RUN", "|2 NPM_TOKEN=4f A=b npm ci"), ("ARG", "TOKEN"))]
    [['NPM_TOKEN'], []]
    """
    for name, value in assignments_of(step):
        if is_secret_name(name) and is_secret_value(value):
            yield name


def assignments_of(step: BuildStep) -> Iterator[tuple[str, str]]:
    """Name and value of each variable that ENV, ARG or a build argument of RUN sets."""
    if step.instruction == "RUN":
        text = BUILT_WITH.sub("", step.text, count=1) if BUILT_WITH.match(step.text) else ""
    elif step.instruction in ("ENV", "ARG"):
        text = step.text
    else:
        return
    words = words_of(text)
    if step.instruction == "ENV" and words and not ASSIGNMENT.match(words[0]):
        yield words[0], " ".join(words[1:])
        return
    for word in words:
        match = ASSIGNMENT.match(word)
        if match:
            yield match[1], word[match.end() :]
        elif step.instruction == "RUN":
            return


def words_of(text: str) -> list[str]:
    """The words of a text as a shell takes them; split at blanks where its quotes do not close."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret, by the words in it.

    >>> [is_secret_name(name) for name in ("AWS_SECRET_ACCESS_KEY", "dbPassword", "PGPASSWORD", "APP_AUTHTOKEN")]
    [True, True, True, True]
    >>> [is_secret_name(name) for name in ("GPG_KEY", "TOKENIZERS", "PWD", "BYPASS", "PASSWORD_FILE")]
    [False, False, False, False, False]
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper().split("_")
    if words[-1] in HARMLESS_ENDS or name in ("PWD", "OLDPWD"):
        return False
    before_key = {first for first, second in pairwise(words) if second in ("KEY", "KEYS")}
    ends = any(word.endswith(ENDS_OF_SECRETS) for word in words)
    return bool(ends or WORDS_OF_SECRETS & set(words) or before_key & KINDS_OF_KEYS)


def is_secret_value(value: str) -> bool:
    """Whether a value may be a secret: not empty, no switch, number of one digit, path or other variable."""
    text = value.strip().strip("\"'")
    return bool(text) and text.lower() not in NO_SECRETS and not re.fullmatch(r"[0-9]|/\S*|\$\{?\w+\}?", text)
