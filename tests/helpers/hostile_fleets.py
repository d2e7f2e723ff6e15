"""Further looks in which much is wrong, so that every string that a node can say stands in one of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.database.facts import AcceptedSize, Drill, OtherDatabase, Records
from fleetkeeper.topics.backups.dump_contents import DatabasePart, DumpContents
from fleetkeeper.topics.backups.facts import Facts as Backups
from fleetkeeper.topics.backups.facts import Storage
from fleetkeeper.topics.certificates.listening.facts import Facts as Listening
from fleetkeeper.topics.certificates.listening.facts import TlsPort
from fleetkeeper.topics.containers.facts import Denied, Isolation, Mount, Settings
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.schedules.facts import Deleter
from fleetkeeper.topics.schedules.facts import Facts as Schedules
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member, MountedSecret, Published, ServiceMount, Volume
from fleetkeeper.transport.commands import Unobservable
from tests.helpers.younger_topics import looks_of_younger_topics

if TYPE_CHECKING:
    from fleetkeeper.topics.containers.facts import Container
    from fleetkeeper.topics.services.facts import SwarmService

USERS = """
nodes:
  manager: {address: 192.0.2.11, sudo: true}
  data: {address: 192.0.2.12, sudo: true}
services:
  web: {name: rodan_web, user: [rodan, django]}
backups: {none: not here}
certificates: {none: not here}
"""
UNSEEN = Unobservable("no route to host", hint="look at it", node="data")


def database_fleets() -> dict[str, Fleet]:
    """Another database than the accepted one, drills that failed or were refused, a size that was accepted."""
    from tests.example_fleets.backups import NOW, dump_name
    from tests.pure.topics.backups.test_database import ACCEPTED, FLOORS, RIGHT, make_fleet

    failed = Drill(
        *(dump_name(NOW - timedelta(days=1)), NOW - timedelta(hours=3), 60.0, 3600.0, {"public.a": 3}),
        extensions=("plpgsql 1.0",),
        lacking=("table x is missing",),
        error="it does not restore",
    )
    refused = replace(failed, at=NOW - timedelta(hours=1), error="", refused="no room")
    size = AcceptedSize(
        dump_name(NOW - timedelta(days=9)), 2**20, NOW - timedelta(days=9), NOW - timedelta(days=8), "ops", "a clean-up"
    )
    records = Records(ACCEPTED, (failed, refused), "d" * 64, size)
    text = FLOORS.replace("  at_least: 3", "  at_least: 3\n  drills: 90 d")
    other = replace(RIGHT, system="7575134923612332072", rows={"auth_user": 3})
    return {
        "another database": make_fleet(other, records=records, text=text),
        "on another node": make_fleet(
            RIGHT, records=replace(records, accepted=replace(ACCEPTED, node="data")), text=text
        ),
    }


def data_fleets() -> dict[str, Fleet]:
    """Dumps that hold too little, servers that are silent, dumps and data on a disk that is not mounted."""
    from tests.pure.topics.backups.test_live_database import database_fleet

    names = frozenset({"public.a"})
    contents = DumpContents(
        2,
        parts=(DatabasePart("rodan", names, frozenset({"public.b"}), frozenset({"public.c"})),),
        extensions=("postgis",),
        subscriptions=("upstream",),
    )
    base = database_fleet(storage=Storage("ext4", ("/srv/bk",)), unmounted=(("/var/lib/postgresql/data", "/srv/pg"),))
    seen = base.facts["data", "backups"]
    assert isinstance(seen, Backups)
    assert not isinstance(seen.verified, Unobservable)
    proven = tuple(replace(proof, contents=contents) for proof in seen.verified)
    return {
        "unmounted": replace(base, facts={**base.facts, ("data", "backups"): replace(seen, verified=proven)}),
        "silent": database_fleet(silent="the database system is starting up"),
    }


def scheduled_fleets() -> dict[str, Fleet]:
    """An entry that cannot fail and shows a password, and something else that removes dumps."""
    from tests.example_fleets import schedules as s

    fleet = s.schedule_fleet()
    seen = fleet.facts["vgpu", "schedules"]
    assert isinstance(seen, Schedules)
    entries = tuple(
        replace(entry, untold=("throws its errors away",), exposed=("prints PGPASSWORD",)) for entry in seen.entries
    )
    deleters = (Deleter("/etc/cron.d/clean", 3, "find"),)
    told = replace(seen, entries=entries, deleters=deleters)
    return {"untold": replace(fleet, facts={**fleet.facts, ("vgpu", "schedules"): told})}


def job_fleets() -> dict[str, Fleet]:
    """Containers that make and remove dumps by themselves, and a second database that no backups cover."""
    from tests.pure.topics.backups.test_coverage import with_databases
    from tests.pure.topics.backups.test_job_runners import Sidecar, look

    sidecar = Sidecar(
        image="registry.example/pg-backup:1",
        env=("SCHEDULE", "BACKUP_KEEP_DAYS"),
        labels={"ofelia.job-exec.dump.schedule": "@daily"},
        command=("sh", "-c", "while :; do pg_dump > /b/x; find /b -delete; sleep 1d; done"),
    )
    return {"own jobs": look(sidecar), "second database": with_databases(OtherDatabase("tickets", True))}


def port_fleets() -> dict[str, Fleet]:
    """Ports for TLS that nobody named."""
    from tests.example_fleets import certificates as c

    fleet = c.certificate_fleet(c.FACTS)
    ports = (TlsPort(8443, programs=("traefik",), containers=("ab" * 32,)), TlsPort(5671, (c.ID,), speaks="plain"))
    return {"ports": replace(fleet, facts={**fleet.facts, ("web", "listening"): Listening(ports)})}


def volume_fleets() -> dict[str, Fleet]:
    """A second place that lacks the newest, or has another content; a volume over its budget; one that is dark."""
    from tests.example_fleets import backups as b
    from tests.pure.topics.backups import test_second_copy as c

    files = b.twice_a_day(60)
    text = b.TEXT.replace("60 GiB", "10 MiB")
    dark = b.backup_fleet()
    parts = {".fleetkeeper.x.part": 0.0}
    copies = c.make_fleet(replace(c.COPIES, digests=dict.fromkeys(c.NAMES[:3], "other"), parts=parts))
    return {
        "no copy": c.make_fleet(c.EMPTY),
        "another copy": replace(copies, facts={**copies.facts, ("vgpu", "nodes"): copies.facts["data", "nodes"]}),
        "over budget": b.backup_fleet(files, volume=b.volume_usage(files, used=100 * 2**30), text=text),
        "full of others": b.backup_fleet(b.GOOD, volume=b.volume_usage(b.GOOD, used=100 * 2**30), text=text),
        "dark": replace(dark, facts={**dark.facts, ("data", "backups"): UNSEEN, ("data", "volumes"): UNSEEN}),
    }


def swarm_fleets() -> dict[str, Fleet]:
    """A service that cannot be placed, one that is not well, and what a killed change has left."""
    from tests.pure.remediate.remedies.containers import test_service_user as u
    from tests.pure.topics.services import test_rules as s

    open_wide = Isolation(
        *(True, ("SYS_ADMIN",), ("ALL",), ("apparmor=unconfined",), ("/dev/mem",), ("a *:* rwm",)),
        *("host", "host", "host", "host", "host", "host"),
    )
    mounts = (Mount("bind", "/var/run/docker.sock", "/var/run/docker.sock"), Mount("bind", "/etc", "/host"))
    unusual = Settings(
        ulimits=("nofile",), cgroup_parent="/odd", restart="always", networks=("bridge",), requested=("nvidia",),
        apparmor="docker-default", selinux="system_u",
    )  # fmt: skip
    open_web = replace(u.WEB, isolation=open_wide, mounts=mounts, settings=unusual, group_names={"web": 33})
    denied = Denied("/data", "/srv/data", 3, False, ("0:0 644 /data/x",))
    closed = replace(u.CLEAR, helpers=("gosu",), unsaved=("/app/x",), low_ports=(80,), denied=(denied,))
    temporary = replace(
        u.TOLD, lent_updates="lent", lent="rodan", helpers=("gosu",), stack="rodan", order="start-first",
        handed=(MountedSecret("secret", "/run/secrets/x"),), mounts=(ServiceMount("volume", "pg", "/data"),),
        published=(Published(80, 80),), constraints=("node.labels.queue == gpu",),
    )  # fmt: skip
    nowhere = replace(s.POSTGRES, constraints=("node.labels.queue == GPU",))
    pending = replace(s.RUNS, state="pending", error="no suitable node")
    members = (*s.MEMBERS, Member("n9", "ghost", state="down", availability="drain", engine_labels={"a": "b"}))
    manager = Services("manager", "n1", members, (nowhere,), (pending, replace(s.RUNS, member="ghost")))
    present = Services("worker", "n3", volumes=(Volume("rodan_pg_data", "local", "/srv/x"),))
    return {
        "open": service_fleet(open_web, u.TOLD),
        "closed": service_fleet(replace(u.WEB, preflight=closed), u.TOLD),
        "lent": service_fleet(u.WEB, temporary),
        "paused": service_fleet(u.WEB, replace(temporary, update_state="paused")),
        "pending": s.example_fleet(
            manager_services=manager, vgpu_services=replace(present, remote_mounts=("/srv/nfs",))
        ),
        "not well": s.example_fleet(
            replace(s.TASK, health="unhealthy", restarts=3),
            replace(s.TASK, id="5f" * 32, name="rodan_postgres.2.y", state="restarting", exit_code=1),
        ),
    }


def service_fleet(container: Container, service: SwarmService) -> Fleet:
    """Two nodes with one service of a swarm."""
    from tests.pure.remediate.remedies.containers.test_service_user import MEMBERS

    facts = {
        ("data", "containers"): Containers("present", (container,)),
        ("manager", "containers"): Containers("present", ()),
        ("data", "services"): Services("worker", "n2", volumes=(Volume("pg"),)),
        ("manager", "services"): Services("manager", "n1", MEMBERS, (service,)),
    }
    return Fleet(load_inventory(Path("users.yml"), USERS), datetime.now(UTC), facts)  # type: ignore[arg-type]


def schedule_fleets() -> dict[str, Fleet]:
    """Places that could not be read, and lines that may be the backup."""
    from fleetkeeper.topics.schedules.facts import Facts, Suspect
    from tests.example_fleets import schedules as s

    fleet = s.schedule_fleet(s.Machine({}))
    facts = {
        key: replace(fact, suspects=(Suspect("/etc/crontab", 3, "it cannot be read"),), unseen=(UNSEEN,))
        if isinstance(fact, Facts)
        else fact
        for key, fact in fleet.facts.items()
    }
    return {"in doubt": replace(fleet, facts=facts)}


def certificate_fleets() -> dict[str, Fleet]:
    """A server that speaks old protocols too, and one that could not be asked."""
    from tests.example_fleets import certificates as c

    old = (replace(c.SERVED, old=("TLS 1.0",)), replace(c.SERVED, port=8443, old=UNSEEN))
    return {"old protocols": c.certificate_fleet(replace(c.FACTS, served=old))}


def more_fleets() -> dict[str, Fleet]:
    """All of them, by name."""
    parts = (
        database_fleets,
        data_fleets,
        volume_fleets,
        swarm_fleets,
        schedule_fleets,
        scheduled_fleets,
        certificate_fleets,
        port_fleets,
        job_fleets,
        looks_of_younger_topics,
    )
    return {name: fleet for fleets in parts for name, fleet in fleets().items()}
