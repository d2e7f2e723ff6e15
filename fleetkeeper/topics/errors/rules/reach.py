"""The rule that the errors of a service reach somebody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.errors.facts import Inside, Shipper
from fleetkeeper.topics.errors.rules.kept import JOURNALD, REMOTE, log_paths
from fleetkeeper.topics.errors.rules.logged import Logged, judge_service
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line

INTERPRETERS = frozenset({"python", "node", "nodejs", "ruby", "php", "php-fpm"})
"""Programs whose SDK of Sentry is a directory of the container."""
WITHOUT_SDK = frozenset(
    {"nginx", "postgres", "redis-server", "beam.smp", "mysqld", "mariadbd", "mongod", "memcached", "haproxy"}
)
"""Programs that have none."""
STARTERS = frozenset({"sh", "dash", "bash", "busybox", "tini", "docker-init", "dumb-init", "sleep", "tail", "su-exec"})
"""Programs that only start others, or wait."""
COPIERS = frozenset(
    {
        "tar",
        "rsync",
        "cp",
        "scp",
        "sftp-server",
        "restic",
        "borg",
        "rclone",
        "duplicity",
        "gzip",
        "xz",
        "zstd",
        "logrotate",
    }
)
"""Programs that read logs while they copy them, and ship nothing."""
SHIPPERS = frozenset(
    {
        "promtail",
        "fluent-bit",
        "fluentd",
        "td-agent",
        "vector",
        "alloy",
        "grafana-agent",
        "filebeat",
        "elastic-agent",
        "otelcol",
        "otelcol-contrib",
        "telegraf",
        "splunkd",
    }
)
"""Programs that read logs to send them elsewhere, by their names in the kernel, which end after 15 characters."""
DIGITS_AND_DOTS = "0123456789."
WHY_UNHEARD = "an error that nobody hears of is mended when a user complains"
WANT = "an SDK of Sentry that is switched on, or a program that ships its log"
NAME_IT = "or say under `errors: {without: …}` how somebody hears of it"


def reach_somebody(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The errors of each service leave it: an SDK of Sentry sends them, or a program ships its log.

    An SDK counts where it is in the container and a variable with an address, or a mounted file, is named after
    Sentry's DSN; only names are shown. A program that is known to ship logs counts where it has the log of this
    container open, or a file of the journal that the container logs to; so does a log driver that hands lines on. What
    a service writes into files of its own must be open in a shipper too. Where it sends them is not followed. Unknown
    where an SDK is there without a name of a DSN, with programs that are not known here, in the service or as readers
    of its log, where a shipper may read through the engine, where processes were not seen, and where nothing runs.
    Nothing is sent: a test event is the only proof.
    Source: docs/runbook.md, "Hardening and deployment"; https://docs.sentry.io/platforms/python/ on `SENTRY_DSN`.
    """
    return judge_service(fleet, subject, judge_reach)


def judge_reach(logged: Logged) -> Iterator[Finding | Unobservable]:
    """A finding where nothing sends the errors of one container on, an Unobservable where that cannot be seen.

    Raises Unobservable where its processes were not seen.
    """
    inside, name = logged.inside, logged.container.name
    if inside.package and has_dsn(inside):
        return
    unread = [log for log in inside.files if not log.number or log.number not in files_read(logged)]
    if is_shipped(logged) and not unread:
        return
    if why := why_in_doubt(logged):
        yield Unobservable(f"{name}: {why}", hint=f"name the DSN SENTRY_DSN, {NAME_IT}", node=logged.node)
        return
    saw = f"nothing sends the errors of {name} on"
    if has_dsn(inside):
        saw = f"{name} has a DSN of Sentry, and no SDK that uses it"
    elif is_shipped(logged):
        saw = f"{name} writes {log_paths(unread)}, which no program that ships logs has open"
    hint = f"give it the SDK of its language, and the DSN as a secret; {NAME_IT}"
    yield Finding(saw, WANT, WHY_UNHEARD, logged.node, hint=hint)


def has_dsn(inside: Inside) -> bool:
    """Whether a variable with a value, or a mounted file, is called like the DSN of Sentry.

    A mount that is called after Sentry alone may be anything of it, and a DSN alone that of a database.

    >>> [has_dsn(Inside(filled=names)) for names in (("SENTRY_DSN",), ("SENTRY_RELEASE",), ())]
    [True, False, False]
    >>> paths = ("/run/secrets/Sentry-dsn", "/run/secrets/sentry/dsn", "/var/lib/sentry", "/run/secrets/dsn")
    >>> [has_dsn(Inside(secrets=(path,))) for path in paths]
    [True, True, False, False]
    """
    mounts = any("SENTRY" in path.upper() and "DSN" in path.upper().rpartition("/")[2] for path in inside.secrets)
    return mounts or any("DSN" in name.upper() for name in inside.filled)


def is_shipped(logged: Logged) -> bool:
    """Whether something reads what the container writes to its standard output, or the log driver hands it on."""
    shippers, driver = known_shippers(logged), logged.logs.driver
    if driver == JOURNALD:
        return any(shipper.journal for shipper in shippers)
    return driver in REMOTE or any(logged.container.id in shipper.containers for shipper in shippers)


def files_read(logged: Logged) -> frozenset[str]:
    """The numbers of the files that programs which ship logs have open on the node."""
    return frozenset(number for shipper in known_shippers(logged) for number in shipper.files)


def known_shippers(logged: Logged) -> list[Shipper]:
    """The programs of the container's node that are known to ship logs."""
    return [shipper for shipper in logged.facts.shippers if shipper.name in SHIPPERS]


def strange_readers(logged: Logged) -> list[str]:
    """The names of other programs that have the container's log open, without those that read logs to copy them."""
    readers = (each for each in logged.facts.shippers if logged.container.id in each.containers)
    return sorted({each.name for each in readers if each.name not in SHIPPERS | COPIERS})


def why_in_doubt(logged: Logged) -> str:
    """Why it cannot be seen whether errors are sent on, in words; empty where it is certain that nothing does."""
    inside = logged.inside
    programs = main_programs(inside.programs)
    if inside.package and not has_dsn(inside):
        return "an SDK of Sentry is there, and whether it is switched on cannot be seen: a DSN may stand in its code"
    if doubt := "" if is_shipped(logged) else doubt_about_readers(logged):
        return doubt
    if not programs:
        return "what it runs was not seen"
    if strange := sorted(programs - INTERPRETERS - WITHOUT_SDK):
        return f"whether {strange[0]} sends its errors by itself cannot be seen"
    if programs & INTERPRETERS and inside.package is None:
        return "its files could not be searched for an SDK of Sentry to the end"
    return ""


def doubt_about_readers(logged: Logged) -> str:
    """Why a program of the node may send the container's log on, in words; empty where none can."""
    idle = [each.name for each in known_shippers(logged) if not each.containers and not each.journal]
    if idle:
        return f"whether {idle[0]}, which runs on its node, reads its log through the engine cannot be seen"
    readers = strange_readers(logged)
    return f"whether {one_line(readers[0])}, which has its log open, sends it on is not known here" if readers else ""


def main_programs(paths: Iterable[str]) -> frozenset[str]:
    """The names of programs without their versions, and without those that only start others.

    >>> sorted(main_programs(("/usr/local/bin/python3.9", "/bin/sh", "/usr/sbin/php-fpm8.2", "/app/server (deleted)")))
    ['php-fpm', 'python', 'server']
    """
    names = (path.removesuffix(" (deleted)").rpartition("/")[2] for path in paths)
    return frozenset(name.rstrip(DIGITS_AND_DOTS) or name for name in names) - STARTERS
