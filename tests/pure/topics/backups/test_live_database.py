"""The server behind the backups: it answers, has room, lies on a disk that lasts, and sees the backups that we see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fleetkeeper.judging.verdicts import Outcome, Verdict
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.database.facts import BackupsView, Cluster, Disk, Records, ShownFile, SilentServer
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.database.parse import parse_clusters, silent_servers
from fleetkeeper.topics.backups.facts import Facts as Backups
from fleetkeeper.topics.backups.facts import File, Storage
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.transport.commands import Output, Unobservable
from tests.example_fleets.backups import HALF_DAY, NOW, backup_fleet, dump_file, verdict_of

DATA = "/var/lib/postgresql/data"
VOLUME = Mount("volume", "/var/lib/docker/volumes/pg/_data", DATA, "rodan_pg_data")
EXT4 = Storage("ext4")
ROOM = Disk("ext4", 100 * 2**30, 50 * 2**30, 10**6, 10**5)
FILES = tuple(dump_file(NOW - timedelta(hours=2) - index * HALF_DAY) for index in range(5))


def shown(*files: File) -> tuple[ShownFile, ...]:
    return tuple(ShownFile(file.name, file.size, int(file.mtime)) for file in files)


def database_fleet(
    mounts: Sequence[Mount] = (VOLUME,), storage: Storage | None = EXT4, silent: str = "", **server: Any
) -> Fleet:
    """The good fleet, with the database on vgpu."""
    base = backup_fleet(FILES)
    view = BackupsView("/backups", shown(*FILES))
    good = Cluster("f" * 64, "7710948127737466900", DATA, disk=ROOM, view=view)
    seen = base.facts["data", "backups"]
    assert isinstance(seen, Backups)
    clusters = Unobservable("it does not answer") if silent else (replace(good, **server),)
    servers = Databases(clusters, silent=(SilentServer("f" * 64, silent),) if silent else ())
    facts = {
        **base.facts,
        ("data", "backups"): replace(seen, storage=storage),
        ("data", "databases"): Databases((), Records()),
        ("vgpu", "databases"): servers,
        ("vgpu", "containers"): Containers("present", (Container("f" * 64, "pg", mounts=tuple(mounts)),)),
        ("data", "containers"): Containers("present", ()),
    }
    return replace(base, facts=facts)


def judged(rule: str, *args: Any, **changes: Any) -> Verdict:
    return verdict_of(f"backups.{rule}", database_fleet(*args, **changes))


RULES = ("database_answers", "database_has_room", "database_sees_the_backups", "lie_on_a_lasting_disk")


@pytest.mark.parametrize("rule", RULES)
def test_the_good_world_holds_and_a_server_that_was_not_seen_is_unknown(rule: str) -> None:
    assert judged(rule).outcome is Outcome.HOLDS
    seen = database_fleet()
    dark = {**seen.facts, ("vgpu", "databases"): Databases(Unobservable("no docker"))}
    assert verdict_of(f"backups.{rule}", replace(seen, facts=dark)).outcome is Outcome.UNKNOWN


def test_a_server_that_takes_no_connection_is_a_finding_with_its_own_reason() -> None:
    verdict = judged("database_answers", silent="FATAL:  sorry, too many clients already")
    assert verdict.outcome is Outcome.FINDING
    assert "too many clients" in verdict.findings[0].saw


@pytest.mark.parametrize(
    ("why", "silent"),
    [
        ('psql: error: connection to server on socket "..." failed: timeout expired', True),
        ("FATAL:  sorry, too many clients already", True),
        ("FATAL:  remaining connection slots are reserved for non-replication superuser connections", True),
        ("FATAL:  the database system is starting up", True),
        ("it gave no answer within 30 s", True),
        ('FATAL:  password authentication failed for user "..."', False),
        ('FATAL:  role "..." does not exist', False),
        ("psql: error: no such file or directory", False),
    ],
)
def test_only_what_the_server_itself_refuses_is_its_fault(why: str, silent: bool) -> None:
    answer = Output(0, f"cluster f00\nsilent {why}\n".encode())
    assert [server.why for server in silent_servers(answer)] == [why] * silent
    with pytest.raises(Unobservable, match="does not answer"):
        parse_clusters(answer)


@pytest.mark.parametrize(
    ("disk", "outcome"),
    [
        (Disk("ext4", 70 * 2**20, 0), Outcome.FINDING),
        (Disk("ext4", 10 * 2**30, 300 * 2**20), Outcome.FINDING),
        (Disk("ext4", 2**40, 900 * 2**20), Outcome.FINDING),
        (Disk("ext4", 2**40, 20 * 2**30, 10**6, 7), Outcome.FINDING),
        (Disk("ext4", 70 * 2**20, 20 * 2**20), Outcome.HOLDS),
        (Disk("btrfs", 2**40, 2 * 2**30, 0, 0), Outcome.HOLDS),
        (None, Outcome.UNKNOWN),
    ],
)
def test_a_full_disk_under_the_database_is_a_finding(disk: Disk | None, outcome: Outcome) -> None:
    assert judged("database_has_room", disk=disk).outcome is outcome


ANONYMOUS = Mount("volume", "/x", DATA, "0" * 64)
FLEETING: dict[str, tuple[dict[str, Any], str]] = {
    "no mount at all": ({"mounts": ()}, "the container's own layer"),
    "mounted beside it": ({"mounts": (Mount("volume", "/x", "/backups", "b"),)}, "the container's own layer"),
    "a volume without a name": ({"mounts": (ANONYMOUS,)}, "a volume without a name"),
    "one without a name within one with": (
        {"mounts": (Mount("volume", "/x", "/var/lib/postgresql", "n"), ANONYMOUS)},
        "a volume without a name",
    ),
    "tmpfs": ({"mounts": (Mount("tmpfs", "", DATA),)}, "lie in memory"),
    "a volume of tmpfs": ({"disk": replace(ROOM, kind="tmpfs")}, "lie in memory (tmpfs)"),
    "a bind of ramfs": ({"mounts": (Mount("bind", "/r", DATA),), "disk": replace(ROOM, kind="ramfs")}, "(ramfs)"),
    "a disk that is not mounted": ({"unmounted": ((DATA, "/mnt/ssd"),)}, "below /mnt/ssd, a mount point of /etc/fstab"),
    "backups in memory": ({"storage": Storage("tmpfs")}, "lie in memory (tmpfs)"),
    "backups beside their mount": ({"storage": Storage("ext4", ("/srv/bk",))}, "below /srv/bk, a mount point"),
}


@pytest.mark.parametrize("kind", FLEETING)
def test_what_does_not_last_is_a_finding(kind: str) -> None:
    changes, why = FLEETING[kind]
    [finding] = judged("lie_on_a_lasting_disk", **changes).findings
    assert why in finding.saw


@pytest.mark.parametrize(
    "mounts",
    [
        (VOLUME,),
        (Mount("bind", "/srv/pg", DATA),),
        (Mount("bind", "/srv/pg", "/var/lib/postgresql"),),
        (Mount("volume", "/x", "/var/lib/postgresql", "0" * 64), VOLUME),
    ],
)
def test_a_named_volume_or_a_bind_lasts_on_whatever_disk(mounts: tuple[Mount, ...]) -> None:
    for kind in ("ext4", "overlay", "nfs4", "fuse.sshfs", ""):
        assert judged("lie_on_a_lasting_disk", mounts, disk=replace(ROOM, kind=kind)).outcome is Outcome.HOLDS


def test_another_mount_that_is_missing_is_not_the_databases() -> None:
    assert judged("lie_on_a_lasting_disk", unmounted=(("/media", "/mnt/x"),)).outcome is Outcome.HOLDS


def test_what_the_backups_lie_on_must_have_been_seen() -> None:
    assert judged("lie_on_a_lasting_disk", storage=None).outcome is Outcome.UNKNOWN


OTHER = dump_file(NOW - timedelta(hours=1, minutes=30))
GROWN = replace(FILES[0], size=FILES[0].size + 1)
TOUCHED = replace(FILES[0], mtime=FILES[0].mtime + 7200)
MANY = tuple(dump_file(NOW - timedelta(hours=3) - index * HALF_DAY) for index in range(45))
DIFFERENT = {
    "nothing is mounted there": (),
    "it stands still since yesterday": shown(*FILES[2:]),
    "it is another directory": shown(OTHER),
    "it has newer ones": shown(OTHER, *FILES),
    "another size": shown(GROWN, *FILES[1:]),
    "another time": shown(TOUCHED, *FILES[1:]),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_a_container_that_shows_other_files_is_a_finding(kind: str) -> None:
    verdict = judged("database_sees_the_backups", view=BackupsView("/backups", DIFFERENT[kind]))
    assert verdict.outcome is Outcome.FINDING


SAME = {
    "the same": shown(*FILES),
    "one more, just written": shown(dump_file(NOW - timedelta(minutes=3)), *FILES),
    "strangers beside them": (ShownFile("README", 3, int(NOW.timestamp()) - 4000), *shown(*FILES)),
}


@pytest.mark.parametrize("kind", SAME)
def test_a_container_that_shows_the_same_files_holds(kind: str) -> None:
    view = BackupsView("/backups", SAME[kind])
    assert judged("database_sees_the_backups", view=view).outcome is Outcome.HOLDS


def test_a_directory_that_cannot_be_read_is_unknown_and_none_is_no_matter_of_ours() -> None:
    view = BackupsView("/backups", None)
    assert judged("database_sees_the_backups", view=view).outcome is Outcome.UNKNOWN
    assert judged("database_sees_the_backups", view=None).outcome is Outcome.NOT_APPLICABLE
