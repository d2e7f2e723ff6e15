"""What says that a container runs jobs of its own: names of its settings, and its main process. Never a value.

Backups are often made, and removed, by a container beside the database, or by a scheduler that reads labels. No list of
products tells them: the words in the names of their settings do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fleetkeeper.readers.json_documents import Json, listed, part, parts, text_in
from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.removals import REMOVERS, FilesIn, removing_commands
from fleetkeeper.readers.shell.script_state import Context
from fleetkeeper.readers.shell.words import Unreadable
from fleetkeeper.readers.shell.wrappers import INERT

BY_CLOCK = (
    "schedule schedules scheduled scheduler schedulers cron crontab cronjob crons interval intervals every frequency "
    "freq period timer ofelia chadburn"
)
REMOVING = (
    "keep keeps kept retention retentions retain retained prune pruning rotate rotation rotations expire expires "
    "expiry expiration clean cleanup cleaning cleaner purge purging delete deletes deletion remove removal older"
)
ABOUT = (
    "access autovacuum cache cert certificate certificates check checkpoint connection cookie csrf flush health "
    "healthcheck heartbeat idle jwt keepalive lease link lock log login logging logs metrics otp passwd password ping "
    "poll polling pool refresh renew renewal request retries retry scrape session sessions statement tcp telemetry "
    "timeout token tokens vacuum wal"
)
SCHEDULE, RETENTION = frozenset(BY_CLOCK.split()), frozenset(REMOVING.split())
COUNTED = frozenset({"max", "maximum", "num", "number", "count"})
"""`MAX_BACKUPS` speaks of retention as `BACKUP_KEEP` does."""
OF_OTHERS = frozenset(ABOUT.split())
"""What a setting is about when it is about no job: how long a session lasts, how often something is asked."""
DUMPS = re.compile(r"backup|dump", re.IGNORECASE)
OTHER_DATABASES = re.compile(r"mysql|maria|mongo|redis|influx|couch|elastic|ldap|mssql|sqlite|neo4j", re.IGNORECASE)
POSTGRES = re.compile(r"postg|(?<![a-z])pg(?![a-z])|pg_?dump|psql|pgsql|timescale", re.IGNORECASE)
PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
PLAIN = re.compile(r"[A-Za-z0-9_./-]{1,100}", re.ASCII)
SCHEDULERS = re.compile(
    r"[\w.-]{0,20}cron[\w.-]{0,20}|ofelia|chadburn|jobber(?:runner|master)?|deck-chores|atd", re.ASCII | re.IGNORECASE
)
"""Programs that run other programs by the clock."""
LOOP = re.compile(r"\b(?:while|until)\b|\bfor *\(\(")
NOT_KEPT = ("com.docker.", "org.opencontainers.", "org.label-schema.", "desktop.docker.", "fleetkeeper")
"""Labels of Docker, of the image's own description, and ours: none of them is another tool's."""
MOST_SETTINGS = 20


@dataclass(frozen=True)
class OwnJobs:
    """What says that a container, or a service of the swarm, runs jobs of its own.

    `settings` are names (never values) of environment variables and of other tools' labels that speak of a schedule or
    of retention, at most 20. `main` is its scheduler as its command line has it ("crond"), "loop" for a shell loop that
    sleeps, or empty. `dumps`: its image, command line or settings speak of backups or dumps, not of another database's
    than Postgres. `understood`: its command line is a script that was read as a whole. `removes` has pairs (program,
    destination of a mount of its own) for what that script removes there.
    """

    settings: tuple[str, ...] = ()
    main: str = ""
    dumps: bool = False
    understood: bool = False
    removes: tuple[tuple[str, str], ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The settings that are labels: they are written with dots, variables never are."""
        return tuple(name for name in self.settings if "." in name)

    @property
    def scheduled(self) -> bool:
        """Whether it runs something by the clock, as far as its settings and its command line tell."""
        return bool(self.main) or any(map(speaks_of_schedule, self.settings))

    @property
    def retention(self) -> tuple[str, ...]:
        """The settings that speak of retention."""
        return tuple(filter(speaks_of_retention, self.settings))


NO_JOBS = OwnJobs()


def pieces_of(name: str) -> frozenset[str]:
    """The words of a setting's name, in lower case.

    >>> sorted(pieces_of("BACKUP_KEEP_DAYS")), sorted(pieces_of("ofelia.job-exec.keepAlive.schedule"))
    (['backup', 'days', 'keep'], ['alive', 'exec', 'job', 'keep', 'ofelia', 'schedule'])
    """
    return frozenset(piece.lower() for piece in PIECES.findall(name))


def speaks_of_schedule(name: str) -> bool:
    """Whether a setting's name says that something is run by the clock.

    >>> [speaks_of_schedule(name) for name in ("SCHEDULE", "DB_DUMP_FREQ", "swarm.cronjob.enable", "POLL_INTERVAL")]
    [True, True, True, False]
    """
    return bool(SCHEDULE & pieces_of(name)) and not is_of_others(name)


def speaks_of_retention(name: str) -> bool:
    """Whether a setting's name says that something is removed after a time, or beyond a number.

    False for names of sessions, logs, caches and the like (`is_of_others`). max, number and count only count beside
    words for dumps.

    >>> [speaks_of_retention(name) for name in ("BACKUP_KEEP_DAYS", "MAX_BACKUPS", "REMOVE_BEFORE", "SESSION_EXPIRE")]
    [True, True, True, False]
    """
    pieces = pieces_of(name)
    return (bool(RETENTION & pieces) or (bool(COUNTED & pieces) and speaks_of_dumps(name))) and not is_of_others(name)


def speaks_of_dumps(name: str) -> bool:
    """Whether a name says that it is about backups or dumps."""
    return DUMPS.search(name) is not None


def is_of_others(name: str) -> bool:
    """Whether a setting's name says that it is about something that is no job, and nothing about dumps."""
    return bool(OF_OTHERS & pieces_of(name)) and not speaks_of_dumps(name)


def own_jobs(image: str, words: Iterable[str], names: Iterable[str]) -> OwnJobs:
    """What an image's name, the words of a command line and the names of variables and labels say about jobs.

    >>> own_jobs("registry/pg-backup:16", ["/init.sh"], ["SCHEDULE", "BACKUP_KEEP_DAYS", "TZ", "com.docker.x.interval"])
    OwnJobs(settings=('SCHEDULE', 'BACKUP_KEEP_DAYS'), main='', dumps=True, understood=False, removes=())
    """
    line = list(words)
    plain = [name for name in dict.fromkeys(names) if PLAIN.fullmatch(name) and not name.startswith(NOT_KEPT)]
    settings = [name for name in plain if speaks_of_schedule(name) or speaks_of_retention(name) or hook_label(name)]
    text = " ".join((image, *line, *plain))
    others = OTHER_DATABASES.search(text) and not POSTGRES.search(text)
    return OwnJobs(tuple(settings)[:MOST_SETTINGS], main_job(line), speaks_of_dumps(text) and not others)


def hook_label(name: str) -> bool:
    """Whether a name is a label about backups: a tool that makes them runs what stands in it at its own time.

    One that only says that the container is to be stopped meanwhile runs nothing in it.
    """
    return "." in name and speaks_of_dumps(name) and "stop" not in pieces_of(name)


def main_job(words: Iterable[str]) -> str:
    """The scheduler that a command line starts, "loop" for a shell loop that sleeps, else empty.

    >>> main_job(["tini", "--", "/usr/sbin/crond", "-f"]), main_job(["sh", "-c", "while :; do sleep 1d; done"])
    ('crond', 'loop')
    """
    line = " ".join(words)
    programs = (word.rpartition("/")[2] for word in re.split(r"[\s;&|'\"]+", line))
    scheduler = next((program for program in programs if SCHEDULERS.fullmatch(program)), "")
    return scheduler or ("loop" if LOOP.search(line) and "sleep" in line else "")


def jobs_of_container(inspected: Json) -> OwnJobs:
    """What `docker inspect` says about jobs of a container. Raises Unobservable for a field of the wrong kind."""
    config = part(inspected, "Config")
    names = [*variable_names(config), *part(config, "Labels")]
    image = f"{text_in(config, 'Image')} {text_in(inspected, 'Name')}"
    made = own_jobs(image, command_line(inspected), names)
    return with_script(
        made, command_line(inspected), [text_in(item, "Destination") for item in parts(inspected, "Mounts")]
    )


MOST_SCRIPT = 20_000
OF_DUMPS = (
    "pg_dump pg_dumpall psql pg_isready gzip zstd xz bzip2 pigz find xargs read set trap export unset umask chmod "
    "chown basename dirname cut tr uniq tac cmp sync break continue"
)
PLAIN_PROGRAMS = INERT | REMOVERS | frozenset(OF_DUMPS.split())
"""Programs that do nothing by the clock which their words do not tell."""


def with_script(jobs: OwnJobs, words: Sequence[str], destinations: Sequence[str]) -> OwnJobs:
    """The jobs with what the script in a command line (`sh -c SCRIPT`) removes at these destinations.

    Unchanged without such a script, and for one that cannot be read as a whole.

    >>> with_script(OwnJobs(main="loop"), ["sh", "-c", "while :; do rm /b/*; sleep 9; done"], ["/b"]).removes
    (('rm', '/b'),)
    """
    script = words[words.index("-c") + 1] if "-c" in words[:-1] else ""
    if not script or len(script) > MOST_SCRIPT:
        return jobs
    try:
        commands = executed_commands(script, Context())
    except Unreadable:
        return jobs
    removes = tuple(
        (command.name, destination)
        for destination in destinations
        for command in removing_commands(commands, FilesIn(destination))
    )
    plain = all(command.name in PLAIN_PROGRAMS for command in commands)
    return replace(jobs, understood=plain, removes=tuple(dict.fromkeys(removes)))


def jobs_of_service(spec: Json) -> OwnJobs:
    """What the `Spec` of `docker service inspect` says about jobs.

    Raises Unobservable for a field of the wrong kind.
    """
    made = part(part(spec, "TaskTemplate"), "ContainerSpec")
    words = [str(word) for word in (*listed(made, "Command"), *listed(made, "Args"))]
    names = [*part(spec, "Labels"), *part(made, "Labels"), *variable_names(made)]
    return own_jobs(f"{text_in(made, 'Image')} {text_in(spec, 'Name')}", words, names)


def command_line(inspected: Json) -> list[str]:
    """The words of a container's main process, from `docker inspect`; empty where it says none."""
    path = text_in(inspected, "Path")
    return [*([path] if path else []), *(str(word) for word in listed(inspected, "Args"))]


def variable_names(config: Json) -> Iterator[str]:
    """The names of the variables in a container's environment."""
    return (str(item).partition("=")[0] for item in listed(config, "Env"))
