"""The commands that print every schedule of a node, and the parsing of their output.

The second command answers questions that the entries raise: `/path` asks for that program, `=/path` for the content
of that script, `?/path` what there is at a path, `&name` for a running process, `@/path` for the engine that Docker's
client asks with its settings in that directory, any other word about that user.

A file is printed as one header line and its content with `|` before each line; a missing newline at its end shows as a
missing empty line after it. Nothing is ever written on the node.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fleetkeeper.readers.numbers import epoch_seconds, whole_number
from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.transport.script_files import load_script

LARGEST = 1 << 20
FILES = frozenset({"user", "system", "directory", "script"})
ABOUT_FILES = frozenset({"at", "binary", "fifo", "uid", "unseen", "program", "running"})
ABOUT_USERS = frozenset(
    {"access", "day", "denied", "engine", "gid", "login", "noshadow", "number", "pam", "shadow", "shell", "user"}
)
ABOUT_CRON = frozenset({"anacron", "boot", "cron", "crontz", "exe", "hidden", "host", "installed", "localtime"})
ABOUT_SYSTEM = frozenset({"package", "pipefail", "sh", "socket", "today", "unread", "zone"})
KEYS = (
    ABOUT_FILES
    | ABOUT_USERS
    | ABOUT_CRON
    | ABOUT_SYSTEM
    | {"account", "docker", "end", "manager", "own", "settings"}
    | {"environment", "envfile", "service", "setting", "timer", "unit", "variable"}
)
"""First words of the lines that the scripts print, besides `file`."""
OCTAL = re.compile(r"[0-7]{1,7}")


@dataclass(frozen=True)
class SnapshotFile:
    """One printed file. `owner` is the file's uid, `link_owner` that of the link by which it was reached.

    `kind` is in FILES; `links` is the number of hard links; `changed` is in epoch seconds.
    """

    path: str
    kind: str
    link_owner: int
    owner: int
    mode: int
    links: int
    changed: float
    content: bytes

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass
class Snapshot:
    """The script's output: files, and all other lines by their first word, without it."""

    files: list[SnapshotFile] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=dict)

    def one(self, key: str) -> str:
        """The rest of the first line with that first word; "" when there is none."""
        return (self.lines.get(key) or [""])[0]

    def cannot_tell(self, path: str) -> None:
        """Note that the content of a file is unknown: its header could not be read."""
        self.lines.setdefault("unseen", []).append(path)


def read(text: str) -> Snapshot:
    """The snapshot in the script's output. Raises Unobservable when its last line is missing.

    A file whose header cannot be read, or a line that makes no sense, is noted under `unseen`, and the rest is read.

    >>> printed = read("file system 0 0 644 1 1700000000 4 /etc/crontab\\n|a b\\n\\ndocker /usr/bin/docker\\nend\\n")
    >>> printed.files[0].content, oct(printed.files[0].mode), printed.one("docker")
    (b'a b\\n', '0o644', '/usr/bin/docker')
    """
    rows = text.split("\n")
    if rows[-2:] != ["end", ""]:
        raise Unobservable("the list of schedules was cut short")
    printed = Snapshot()
    at = 0
    while at < len(rows):
        key, _, rest = rows[at].partition(" ")
        at += 1
        if key == "file":
            content = list(file_contents(rows, at))
            at += len(content)
            ended = rows[at] == ""
            at += ended
            try:
                printed.files.append(parse_file(rest, content, ended))
            except (ValueError, Unobservable):
                printed.cannot_tell(rest.split(" ", 7)[-1])
        elif key in KEYS:
            printed.lines.setdefault(key, []).append(rest)
        elif key:
            printed.cannot_tell("a part of the list of schedules, which makes no sense,")
    return printed


def file_contents(rows: list[str], start: int) -> Iterator[str]:
    """The lines of a file from the row `start` on, without the `|` before each. Up to the first row without it."""
    for at in range(start, len(rows)):  # a slice would copy all that follows, once a file
        if not rows[at].startswith("|"):
            return
        yield rows[at][1:]


def parse_file(header: str, content: list[str], ended: bool) -> SnapshotFile:
    """The file with this header and these lines. Raises Unobservable or ValueError for an invalid header.

    `ended`: its last line ends with a newline.
    """
    kind, link_owner, owner, mode, links, changed, _, path = header.split(" ", 7)
    text = "\n".join(content) + ("\n" if content and ended else "")
    if not OCTAL.fullmatch(mode) or kind not in FILES or not path.startswith("/"):
        raise Unobservable("it is no file that the script prints")
    return SnapshotFile(
        path,
        kind,
        whole_number(link_owner),
        whole_number(owner),
        int(mode, 8),
        whole_number(links),
        epoch_seconds(changed),
        text.encode("utf-8", "surrogateescape"),
    )


LIST_SCHEDULES = "fleetkeeper/readers/cron/scripts/list_schedules.sh"
ASK_ABOUT_WORDS = "fleetkeeper/readers/cron/scripts/ask_about_words.sh"
OWN = Command(("crontab", "-l"), sudo=True)


def list_schedules() -> Command:
    """The command that prints every schedule that cron and systemd read."""
    return Command(("sh", "-c", load_script(LIST_SCHEDULES)), sudo=True)


def ask(questions: Sequence[str]) -> Command:
    """The command that answers the questions, which are arguments of its script and never part of it."""
    return Command(("sh", "-c", load_script(ASK_ABOUT_WORDS), "sh", *dict.fromkeys(questions)), sudo=True)
