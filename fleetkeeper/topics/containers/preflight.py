"""The obstacles to running a container as another user, found without changing anything.

They are looked for only in containers of declared services whose processes run as another user: a fleet in order costs
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from fleetkeeper.inventory.schema import Service
from fleetkeeper.readers.docker.inspection import ROOT_HELPERS
from fleetkeeper.readers.json_documents import Json, json_document, parts, text_in, texts
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.topics.containers.facts import Container, Denied, Mount, Preflight
from fleetkeeper.topics.containers.rules.users import wrong_processes
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.untrusted import one_line

READ_START_SCRIPTS = "fleetkeeper/topics/containers/scripts/read_start_scripts.sh"
CHECK_ACCESS = "fleetkeeper/topics/containers/scripts/check_access.sh"
LIST_CHANGED_FILES = "fleetkeeper/topics/containers/scripts/list_changed_files.sh"

COUNTED = 1000
MOST_WORDS = 8
LIMIT = 60.0
HANDED_OUT = 32768
SHARED = Unobservable(
    "it shares the network of its node or of another container: it is not known which ports are its own",
    hint="give it a network of its own in the stack or compose file",
)


def run_preflights(
    raw: str, containers: Sequence[Container], services: Mapping[str, Service]
) -> Generator[Sequence[Command], list[Output], tuple[Container, ...]]:
    """The containers, in their order, with a preflight for those that run as another user. At most one round trip.

    `raw` is the output of `docker inspect`. The others have None as `preflight`; where one could not be done it is an
    Unobservable. A generator: yields the commands, receives their outputs, and returns the containers.
    """
    questions = [(container, user) for container in containers if (user := user_to_try(container, services))]
    if not questions:
        return tuple(containers)
    words = start_words(raw)
    answers = iter(
        (
            yield [
                command
                for container, user in questions
                for command in preflight_commands(container, user, words.get(container.id, ()))
            ]
        )
    )
    match = {
        container.id: parse_preflight(container, user, next(answers), next(answers), next(answers))
        for container, user in questions
    }
    return tuple(replace(container, preflight=match.get(container.id)) for container in containers)


def user_to_try(container: Container, services: Mapping[str, Service]) -> str:
    """The user that a container should run as: the first of its service's users that it knows.

    Empty where its processes run as they should, could not be seen, or the container is in a user namespace.
    """
    for service in services.values():
        if service.user and container.pid and container.belongs_to(service.name):
            try:
                wrong, missing = ([], []) if container.remapped else wrong_processes(container, service)
            except Unobservable:
                return ""
            return next((user for user in service.user if user not in missing), "") if wrong else ""
    return ""


def start_words(raw: str) -> dict[str, tuple[str, ...]]:
    """By container id, the words of its command line that can name a program. They are looked up, then forgotten.

    Raises Unobservable for output that makes no sense.
    """
    inspected = parts({"containers": json_document(raw, "`docker inspect`")}, "containers")
    return {text_in(item, "Id"): start_programs(item) for item in inspected}


def start_programs(inspected: Json) -> tuple[str, ...]:
    """The first eight words of a container's command line that can name a program, each once.

    Raises Unobservable for a field of the wrong kind.
    """
    line = " ".join([text_in(inspected, "Path"), *texts(inspected, "Args")])
    words = (
        word for word in re.split(r"[\s;|&()'\"]+", line) if re.fullmatch(r"[A-Za-z0-9_/][\w./+-]*", word, re.ASCII)
    )
    return tuple(dict.fromkeys(words))[:MOST_WORDS]


def preflight_commands(container: Container, user: str, words: Iterable[str]) -> list[Command]:
    """Three commands: read the start scripts, find files that `user` could not use, and run `docker diff`.

    `words` are the words of the container's command line that can name a program.
    """
    pid = str(container.pid)
    mounts = [part for mount in mounts_with_files(container) for part in ("rw" if mount.rw else "ro", mount.source)]
    return [
        Command(("sh", "-c", load_script(READ_START_SCRIPTS), "reading start scripts", pid, *words), sudo=True),
        Command(
            ("sh", "-c", load_script(CHECK_ACCESS), "looking for files it could not use", pid, user, *mounts),
            sudo=True,
            limit=LIMIT,
        ),
        Command(
            ("sh", "-c", load_script(LIST_CHANGED_FILES), "docker diff", pid, container.id), sudo=True, limit=LIMIT
        ),
    ]


def mounts_with_files(container: Container) -> list[Mount]:
    """The volumes and bind mounts that have a path on the node.

    What Docker itself mounts below /etc is not among them.
    """
    return [mount for mount in container.mounts if mount.type in ("volume", "bind") and mount.source.startswith("/")]


def parse_preflight(
    container: Container, user: str, start: Output, access: Output, diff: Output
) -> Preflight | Unobservable:
    """The preflight from the outputs of `preflight_commands`; Unobservable when the second failed or makes no sense.

    Where the first or the third did, only the fields that come from it are Unobservable. The ports of a container that
    shares the network of its node or of another one are always so.
    """
    try:
        uid, gid, counted = parse_access(access.text(), mounts_with_files(container))
    except (Unobservable, ValueError) as why:
        return why if isinstance(why, Unobservable) else Unobservable(f"{container.name}: odd answer of find ({why})")
    shared = container.isolation.network.startswith(("host", "container:"))
    return Preflight(
        user=user,
        uid=uid,
        gid=gid,
        denied=counted,
        helpers=preflight_or_why(start, parse_helpers),
        low_ports=SHARED if shared else preflight_or_why(start, low_ports),
        unsaved=preflight_or_why(diff, lambda printed: unsaved_files(printed, container.mounts)),
        listens=SHARED if shared else preflight_or_why(start, parse_listening_ports),
    )


def preflight_or_why(answer: Output, parse: Any) -> Any:
    """The parsed output, or an Unobservable with the reason. An output that `parse` cannot read is one too."""
    try:
        return parse(answer.text())
    except Unobservable as why:
        return why
    except (ValueError, LookupError) as odd:
        return Unobservable(f"`{answer.command}` gave an odd answer: {odd}")


def parse_access(printed: str, mounts: Sequence[Mount]) -> tuple[int, int, tuple[Denied, ...]]:
    """The user's uid and gid, and the files of each mount that it could not use.

    Mounts without such files are left out. Raises Unobservable or ValueError when the output makes no sense.

    >>> parse_access("who 33 33\\nmount\\n1\\n 0:0 600 /srv/x\\n", [Mount("bind", "/srv", "/data")])[2][0].examples
    ('0:0 600 /srv/x',)
    """
    who, *sections = printed.split("\nmount\n") if "\nmount\n" in printed else [printed]
    _, uid, gid = who.split(" ")
    return (
        whole_number(uid.strip("\n")),
        whole_number(gid.strip("\n")),
        tuple(filter(None, map(parse_denied, mounts, sections))),
    )


def parse_denied(mount: Mount, section: str) -> Denied | None:
    """The files of one mount that a user could not use; None when there are none. Above 1000 `count` is 1000.

    Raises Unobservable for a count that is no number.
    """
    count, *examples = section.rstrip("\n").split("\n")
    number = whole_number(count)
    if not number:
        return None
    return Denied(
        mount.destination, mount.source, min(number, COUNTED), number > COUNTED, tuple(e.strip() for e in examples)
    )


def parse_helpers(printed: str) -> tuple[str, ...]:
    """The helpers that a start path names in lines `helper NAME`, in the order of `ROOT_HELPERS`.

    Others are ignored.
    """
    named = {line.removeprefix("helper ") for line in split_lines(printed) if line.startswith("helper ")}
    return tuple(name for name in ROOT_HELPERS if name in named)


def low_ports(printed: str) -> tuple[int, ...]:
    """The listening ports that only root may bind: those below the container's floor for others.

    Docker 20.10 and later set that floor to 0 by themselves. Raises ValueError unless there is exactly one floor. In
    ascending order; Unobservable for a number that is none.

    >>> low_ports("floor 1024\\nport 0050\\nport 1F40\\n"), low_ports("floor 0\\nport 0050\\n")
    ((80,), ())
    """
    [floor] = (whole_number(line.removeprefix("floor ")) for line in split_lines(printed) if line.startswith("floor "))
    return tuple(port for port in parse_listening_ports(printed) if port < floor)


def parse_listening_ports(printed: str) -> tuple[int, ...]:
    """The TCP ports on which something listens, ascending, without those that the kernel assigns (32768 and above).

    Raises Unobservable for a line that is no port.

    >>> parse_listening_ports("floor 0\\nport 1F90\\nport 9C41\\n")
    (8080,)
    """
    ports = {listening_port(line.removeprefix("port ")) for line in split_lines(printed) if line.startswith("port ")}
    return tuple(sorted(port for port in ports if port < HANDED_OUT))


def listening_port(written: str) -> int:
    """A port from the kernel's hexadecimal form. Raises Unobservable for anything else."""
    if not re.fullmatch(r"[0-9A-Fa-f]{1,4}", written):
        raise Unobservable(f"{one_line(written[:40])} is no port")
    return int(written, 16)


HARMLESS = re.compile(
    r"/(tmp|run|proc|sys|dev|var/(tmp|run|cache|log|lock|spool/cron))(/.*)?"
    r"|.*/(__pycache__|\.cache|\.ash_history|\.bash_history|\.python_history|\.config/matplotlib)(/.*)?"
    r"|.*\.(pyc|pid|sock|log|lock)"
    r"|/etc/(mtab|hosts|hostname|resolv\.conf|ld\.so\.cache|\.pwd\.lock)"
)


def unsaved_files(printed: str, mounts: Iterable[Mount]) -> tuple[str, ...]:
    """The paths in the output of `docker diff` that a container wrote outside its mounts, without harmless ones.

    What it deleted is not among them.

    >>> unsaved_files("A /etc/letsencrypt/key.pem\\nA /tmp/x\\nA /data\\n", [Mount("bind", "/d", "/data")])
    ('/etc/letsencrypt/key.pem',)
    """
    paths = [line[2:] for line in split_lines(printed) if line[:2] in ("A ", "C ")]
    points = {str(PurePosixPath(mount.destination)) for mount in mounts}
    return tuple(path for path in paths if path not in points and not HARMLESS.fullmatch(path))
