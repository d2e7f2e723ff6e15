"""Parsing of crontabs as cron reads them: which commands run when and as whom, and what cron rejects.

Source: crontab(5), entry.c and env.c of cron 3.0pl1, compared with `crontab` itself. With one line that Debian's cron
cannot read, or a last line without its newline, nothing in the file runs; cronie leaves out that line only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fleetkeeper.readers.cron.due_times import SHORTCUTS, BadTimes, canonical_times
from fleetkeeper.readers.cron.loader import Loader
from fleetkeeper.readers.marked_blocks import BEGIN, END, split_lines_exactly

LONGEST_COMMAND = 998
LONGEST_OF_CRONIE = 131_071
MOST_LINES = 10000
"""Lines of a crontab that crontab(1) installs; the daemon reads more."""
MOST_READ, MOST_SETTINGS = 1 << 18, 500
"""Limits of what is read here of one crontab, in bytes and in settings; the rest of it is unknown."""
C_BLANKS = " \t\n\r\f\v"
BLANKS = re.compile(r"[ \t]+")
SETTING = re.compile(
    r"""(?:"(?P<dquoted>[^"]*)"|'(?P<squoted>[^']*)'|(?P<name>[^\s="'#][^\s=]*|))[ \t]*=\s*"""
    r"""(?:"(?P<dvalue>[^"]*)"\s*|'(?P<svalue>[^']*)'\s*|(?P<value>[^\s"'].*))""",
    re.ASCII,
)
EMPTY = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s="'#][^\s=]*)[ \t]*=\s*""", re.ASCII)
"""A setting without a value, which Debian's cron takes from 3.0pl1-187 on, and cronie."""


@dataclass(frozen=True)
class Job:
    """One line that runs a command. `environment` is what the lines above it set. `text` is the whole line.

    `times` are the canonical time fields (see `canonical_times`); `user` is "" in a user's crontab; `ours`: it is
    between marks of fleetkeeper.
    """

    line: int
    text: str
    times: str
    user: str
    command: str
    environment: Mapping[str, str]
    ours: bool = False


@dataclass(frozen=True)
class LineProblem:
    """A line that cron cannot read: it then ignores the whole file. `why` is the message of crontab(1)."""

    line: int
    text: str
    why: str


@dataclass
class Table:
    """One crontab. `comments` are jobs that are commented out; `unended` says that the last newline is missing.

    `unread` is the number of the first line that was not read, as the crontab is too large; 0 when all of it was read.
    `lines` is how many there are. `loader` is the cron by whose rules it was read.
    """

    jobs: list[Job] = field(default_factory=list)
    comments: list[Job] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)
    unended: bool = False
    unread: int = 0
    lines: int = 0
    loader: Loader = "debian12"


def parse(content: bytes, *, system: bool, loader: Loader = "debian12") -> Table:
    """The jobs, comments and problems of a crontab. `system` ones have a user field: /etc/crontab and /etc/cron.d.

    Nothing is raised: a line that cron cannot read is one of `problems`. Reading ends, and `unread` is that line, at
    MOST_READ bytes or MOST_SETTINGS settings.

    >>> table = parse(b"MAILTO=ops\\n0 0,12 * * * docker exec x backup\\n# 5 4 * * * old\\n", system=False)
    >>> table.jobs[0].times, table.jobs[0].command, table.jobs[0].environment, table.comments[0].command
    ('0 0,12 * * *', 'docker exec x backup', {'MAILTO': 'ops'}, 'old')
    """
    table = Table(loader=loader)
    environment: Mapping[str, str] = {}
    ours, left = False, MOST_READ
    rows = split_lines_exactly(content)
    for number, row in enumerate(rows, 1):
        left -= len(row)
        if left < 0 or len(environment) > MOST_SETTINGS:
            table.unread = number
            break
        text = row.removesuffix(b"\n").decode("utf-8", "surrogateescape")
        ours = row.startswith(BEGIN) or (ours and not row.startswith(END))
        environment = read_line(Job(number, text, "", "", "", environment, ours), system, table)
    if rows and not rows[-1].endswith(b"\n") and rows[-1].strip(b" \t") and not rows[-1].lstrip().startswith(b"#"):
        table.unended = True
    table.lines = len(rows)
    return table


def read_line(row: Job, system: bool, table: Table) -> Mapping[str, str]:
    """Add one line to the table as a job, a comment or a problem. Returns the environment of the lines below it.

    `row` has the line's text and environment, and no command yet. `system`: jobs have a user field.
    """
    text = row.text.lstrip(" \t")
    if not text:
        return row.environment
    if text.startswith("#"):
        table.comments.extend(jobs_in_comments(row, text.lstrip("# \t"), system))
        return row.environment
    if setting := SETTING.fullmatch(text if table.loader == "debian12" or not EMPTY.fullmatch(text) else f'{text}""'):
        name, value = (next((part for part in parts if part is not None), "") for parts in split_quoted(setting))
        quoted = setting["value"] is None and table.loader == "cronie"  # Debian's cuts blanks at the end of quotes, too
        return {**row.environment, name: value if quoted else value.rstrip(C_BLANKS)}
    try:
        table.jobs.append(parse_job(row, text, system, table.loader))
    except BadTimes as odd:
        table.problems.append(LineProblem(row.line, row.text, str(odd)))
    return row.environment


def split_quoted(setting: re.Match[str]) -> Iterator[tuple[str | None, ...]]:
    """The three spellings of a setting's name, then those of its value; all but one are None."""
    yield setting["dquoted"], setting["squoted"], setting["name"]
    yield setting["dvalue"], setting["svalue"], setting["value"]


def jobs_in_comments(row: Job, text: str, system: bool) -> Iterator[Job]:
    """The job in a comment, if its text is one by the rules of `debian12`; nothing for any other comment.

    `text` is the comment without its `#`; `system`: jobs have a user field.
    """
    try:
        yield parse_job(row, text, system)
    except BadTimes:
        return


def parse_job(row: Job, text: str, system: bool, loader: Loader = "debian12") -> Job:
    """The job in a line. Raises BadTimes with the message of crontab(1).

    `row` has the line and its environment, `text` is it without blanks before it; `system`: it has a user field.
    """
    text = text.rstrip("\0")
    if "\0" in text:
        raise BadTimes("a NUL byte")
    times, rest = split_times(text)
    user = ""
    if system:
        user, rest = first_word(rest)
        if not user:
            raise BadTimes("bad username")
    longest = LONGEST_OF_CRONIE if loader == "cronie" else LONGEST_COMMAND
    if (system and not rest and text.endswith(user)) or len(rest.encode("utf-8", "surrogateescape")) > longest:
        raise BadTimes("bad command")
    return Job(row.line, row.text, times, user, rest, row.environment, row.ours)


def split_times(text: str) -> tuple[str, str]:
    """The canonical time fields, and the rest of the line. Raises BadTimes.

    A shortcut such as `@daily` gives its five fields, "@reboot" itself. Raises BadTimes for fields or a shortcut that
    cron does not know.
    """
    if text.startswith("@"):
        word, rest = first_word(text)
        if word not in SHORTCUTS:
            raise BadTimes("bad time specifier")
        return SHORTCUTS[word], rest
    fields = BLANKS.split(text, maxsplit=5)
    return canonical_times([*fields, "", "", "", "", ""][:5]), fields[5] if len(fields) > 5 else ""


def first_word(text: str) -> tuple[str, str]:
    """The text up to the first blanks, and the text after them. The second is "" without blanks."""
    parts = BLANKS.split(text, maxsplit=1)
    return parts[0], parts[1] if len(parts) > 1 else ""


def cut_at_percent(command: str) -> tuple[str, bool]:
    r"""The part of a command that cron gives to the shell: up to the first unescaped `%`; and whether there was one.

    In it `\%` has become `%`. A backslash escapes the next one too: `\\%` cuts.

    >>> cut_at_percent(r"date +\%F"), cut_at_percent("date +%F")
    (('date +%F', False), ('date +', True))
    """
    match = re.match(r"(?:[^%\\]|\\.|\\$)*%", command, re.DOTALL)
    return (command[: match.end() - 1] if match else command).replace(r"\%", "%"), match is not None


def escape_command(command: str) -> str:
    """The command as it is written in a crontab, with `%` escaped."""
    return command.replace("%", r"\%")
