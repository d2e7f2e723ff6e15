"""Facts from the output of the scripts that look for data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast, get_args

from fleetkeeper.readers.lines import split_lines
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.topics.backups.coverage.facts import Content, PostgresServer
from fleetkeeper.transport.commands import Output, Unobservable

CONTAINER_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)


def parse_servers(output: Output) -> tuple[PostgresServer, ...]:
    r"""The Postgres servers that the script printed, by pid. Raises Unobservable when it could not see them.

    "" as directory where it is not known.

    >>> parse_servers(Output(0, b"server 71\ndirectory /var/lib/postgresql/data\nstandby\nserver 8\ndirectory \n"))[1]
    PostgresServer(pid=71, directory='/var/lib/postgresql/data', containers=(), standby=True)
    """
    servers = []
    for block in re.split(r"^server ", output.text(), flags=re.MULTILINE)[1:]:
        pid, *lines = split_lines(block)
        words = [line.partition(" ")[::2] for line in lines]
        directory = next((text for key, text in words if key == "directory"), "")
        ids = tuple(text for key, text in words if key == "container" and CONTAINER_ID.fullmatch(text))
        servers.append(PostgresServer(whole_number(pid), directory, ids, ("standby", "") in words))
    return tuple(sorted(servers, key=lambda server: server.pid))


def parse_content(output: Output, directories: Sequence[str]) -> dict[str, Content]:
    r"""What lies in each directory, by its path. Raises Unobservable when the script did not answer for each.

    The lines must be as many as the directories, in their order.

    >>> parse_content(Output(0, b"data\nother\n"), ["/srv/a", "/run/docker.sock"])
    {'/srv/a': 'data', '/run/docker.sock': 'other'}
    """
    lines = split_lines(output.text())
    if len(lines) != len(directories) or not set(lines) <= set(get_args(Content)):
        raise Unobservable("whether mounts hold data could not be seen")
    return {directory: cast(Content, line) for directory, line in zip(directories, lines, strict=True)}
