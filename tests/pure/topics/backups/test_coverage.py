"""Nothing that holds data is forgotten: every Postgres and every written volume is backed up, or excused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import NotBackedUp
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject, subjects_of
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.own_jobs import OwnJobs
from fleetkeeper.topics.backups.coverage.facts import Facts, PostgresServer
from fleetkeeper.topics.backups.coverage.observe import kept_mounts
from fleetkeeper.topics.backups.coverage.parse import parse_content, parse_servers
from fleetkeeper.topics.backups.database.facts import Cluster, OtherDatabase
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.containers.facts import Container, Isolation, Mount, Process
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.registry import RULES, load_inventory
from fleetkeeper.transport.commands import Output, Unobservable

NOW = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
TEXT = """\
nodes: {{a: {{connection: local}}, b: {{address: 192.0.2.7}}}}
services:
  postgres: {{name: shop/postgres}}
  web: {{name: shop/web}}
backups: {backups}
certificates: {{none: a test}}
"""
BACKUPS = """
  service: postgres
  schedule: "0 2 * * *"
  volume: {name: dumps, node: a}
  keep: {daily: 7}
"""
DATA = "/var/lib/postgresql/data"
OURS, OTHER, WEB, FOREIGN = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


def compose_labels(service: str) -> dict[str, str]:
    return {"com.docker.compose.project": "shop", "com.docker.compose.service": service}


def postgres_container(id_: str, service: str, pid: int, *mounts: Mount) -> Container:
    """A container of a compose service in which a postmaster runs."""
    processes = (Process(pid, 999, 999, "postgres"),)
    return Container(
        id_, f"shop-{service}-1", labels=compose_labels(service), pid=pid, processes=processes, mounts=mounts
    )


VOLUME = Mount("volume", "/var/lib/docker/volumes/pg/_data", DATA, "pg")
DUMPS = Mount("volume", "/var/lib/docker/volumes/dumps/_data", "/backups", "dumps")
UPLOADS = Mount("volume", "/var/lib/docker/volumes/uploads/_data", "/srv/uploads", "uploads")
POSTGRES = postgres_container(OURS, "postgres", 71, VOLUME, DUMPS)
WEB_SERVER = Container(WEB, "shop-web-1", labels=compose_labels("web"), pid=9, processes=(Process(9, 33, 33, "nginx"),))
SERVER = PostgresServer(71, DATA, (OURS,))
CLUSTER = Cluster(OURS, "7", DATA)


def coverage_fleet(
    servers: Sequence[PostgresServer] | Unobservable = (SERVER,),
    containers: Sequence[Container] | Unobservable = (POSTGRES, WEB_SERVER),
    *,
    content: dict[str, Any] | Unobservable | None = None,
    backups: str = BACKUPS,
    excuses: Sequence[NotBackedUp] = (),
    clusters: Any = (CLUSTER,),
) -> Fleet:
    inventory = load_inventory(Path("mine.yml"), TEXT.format(backups=backups))
    facts: dict[tuple[str, str], Any] = {
        ("a", "coverage"): Facts(servers if isinstance(servers, Unobservable) else tuple(servers), content or {}),
        ("a", "containers"): containers
        if isinstance(containers, Unobservable)
        else Containers("present", tuple(containers)),
        ("a", "databases"): Databases(clusters),
        ("b", "coverage"): Facts((), {}),
        ("b", "containers"): Containers("absent"),
    }
    return Fleet(with_excuses(inventory, excuses), NOW, facts)


def with_excuses(inventory: Inventory, excuses: Sequence[NotBackedUp]) -> Inventory:
    return inventory.model_copy(update={"not_backed_up": tuple(excuses)})


def make_excuse(what: str, until: date = date(2027, 1, 31), node: str = "*") -> NotBackedUp:
    return NotBackedUp(what=what, until=until, because="the vendor keeps it", node=node)


def coverage_verdict(look: Fleet, rule: str = "cover_every_database") -> Verdict:
    [subject] = subjects_of(RULES[f"backups.{rule}"], look.inventory)
    return judge_subject(RULES[f"backups.{rule}"], look, subject)


def test_the_database_that_is_dumped_is_covered() -> None:
    verdict = coverage_verdict(coverage_fleet())
    assert (verdict.outcome, verdict.warnings) == (Outcome.HOLDS, ())


SECOND = postgres_container(OTHER, "analytics-db", 80)
UNCOVERED = {
    "a second service": (PostgresServer(80, DATA, (OTHER,)), "shop/analytics-db"),
    "known by its process alone": (PostgresServer(80, DATA), "shop/analytics-db"),
    "known by its control group alone": (PostgresServer(81, DATA, (FOREIGN, OTHER)), "shop/analytics-db"),
    "on the node itself": (PostgresServer(5, "/var/lib/postgresql/15/main"), "/var/lib/postgresql/15/main"),
    "in another engine's container": (PostgresServer(5, "/data", (FOREIGN,)), "/data"),
    "whose directory may not be seen": (PostgresServer(5), "process 5"),
}


@pytest.mark.parametrize("kind", UNCOVERED)
def test_every_other_postgres_is_a_finding_that_names_it(kind: str) -> None:
    server, name = UNCOVERED[kind]
    verdict = coverage_verdict(coverage_fleet((SERVER, server), (POSTGRES, SECOND)))
    [finding] = verdict.findings
    assert (verdict.outcome, finding.node, finding.about) == (Outcome.FINDING, "a", name)
    assert f"what: {name}" in finding.hint


@pytest.mark.parametrize("backups", ["{none: it is small}", BACKUPS.replace("postgres", "web")])
def test_an_inventory_that_wants_no_backups_or_those_of_another_service_hides_no_database(backups: str) -> None:
    [finding] = coverage_verdict(coverage_fleet(backups=backups)).findings
    assert finding.saw == f"postgres runs as shop/postgres in {DATA}, and no `backups` covers it"


@pytest.mark.parametrize(
    "what", ["shop/analytics-db", "analytics-db", "shop-analytics-db-1", DATA, f"analytics-db:{DATA}", "*analytics*"]
)
def test_an_excuse_names_a_database_by_service_container_or_directory(what: str) -> None:
    server = PostgresServer(80, DATA, (OTHER,))
    look = coverage_fleet((SERVER, server), (POSTGRES, SECOND), excuses=[make_excuse(what)])
    assert (coverage_verdict(look).outcome, coverage_verdict(look).warnings) == (Outcome.HOLDS, ())


def test_an_excuse_counts_to_the_end_of_its_day_on_its_node() -> None:
    server = PostgresServer(80, DATA, (OTHER,))
    last = coverage_fleet((SERVER, server), (POSTGRES, SECOND), excuses=[make_excuse("analytics-db", NOW.date())])
    assert coverage_verdict(last).outcome is Outcome.HOLDS
    over = coverage_fleet(
        (SERVER, server), (POSTGRES, SECOND), excuses=[make_excuse("analytics-db", date(2026, 11, 29))]
    )
    [finding] = coverage_verdict(over).findings
    assert finding.hint.startswith("its excuse ended on 2026-11-29 (the vendor keeps it); ")
    elsewhere = coverage_fleet((SERVER, server), (POSTGRES, SECOND), excuses=[make_excuse("analytics-db", node="b")])
    assert coverage_verdict(elsewhere).outcome is Outcome.FINDING


def test_an_excuse_that_nothing_needs_is_said_unless_something_was_not_seen() -> None:
    [warning] = coverage_verdict(coverage_fleet(excuses=[make_excuse("shop/postgrse")])).warnings
    assert warning.about == "shop/postgrse"
    [covered] = coverage_verdict(coverage_fleet(excuses=[make_excuse("shop/postgres")])).warnings
    assert covered.about == "shop/postgres"
    dark = coverage_verdict(coverage_fleet(Unobservable("dark"), excuses=[make_excuse("shop/postgrse")]))
    assert (dark.outcome, dark.warnings) == (Outcome.UNKNOWN, ())


def test_a_standby_is_a_warning_and_a_server_of_a_drill_is_nothing() -> None:
    standby = coverage_verdict(
        coverage_fleet((SERVER, PostgresServer(80, DATA, (OTHER,), standby=True)), (POSTGRES, SECOND))
    )
    assert standby.outcome is Outcome.HOLDS
    assert "standby" in standby.warnings[0].saw
    drill = replace(SECOND, labels={"fleetkeeper": "drill"}, isolation=Isolation(network="none"))
    assert (
        coverage_verdict(coverage_fleet((SERVER, PostgresServer(80, DATA, (OTHER,))), (POSTGRES, drill))).outcome
        is Outcome.HOLDS
    )


def test_of_two_servers_in_the_container_that_is_dumped_the_other_one_is_a_finding() -> None:
    two = (SERVER, PostgresServer(72, "/var/lib/postgresql/old", (OURS,)))
    [finding] = coverage_verdict(coverage_fleet(two)).findings
    assert "/var/lib/postgresql/old" in finding.saw
    assert (
        coverage_verdict(coverage_fleet(two, excuses=[make_excuse("postgres:/var/lib/postgresql/old")])).outcome
        is Outcome.HOLDS
    )
    assert coverage_verdict(coverage_fleet(two, clusters=Unobservable("it hangs"))).outcome is Outcome.UNKNOWN
    assert coverage_verdict(coverage_fleet(two, clusters=())).outcome is Outcome.UNKNOWN


def test_where_servers_or_containers_were_not_seen_it_is_unknown() -> None:
    for look in (coverage_fleet(Unobservable("dark")), coverage_fleet(containers=Unobservable("dark"))):
        assert coverage_verdict(look).outcome is Outcome.UNKNOWN
        assert coverage_verdict(look, "cover_every_volume").outcome is Outcome.UNKNOWN
    partly = coverage_verdict(coverage_fleet((SERVER, PostgresServer(5, "/data"))))
    assert partly.outcome is Outcome.FINDING


def web_with(*mounts: Mount, **content: str) -> Fleet:
    """The fleet with mounts of the service `web`; `content` by the mount's name, of volumes."""
    lines = {mount.source: content.get(mount.name, "data") for mount in mounts}
    web = replace(WEB_SERVER, mounts=mounts)
    return coverage_fleet(containers=(POSTGRES, web), content={**lines, VOLUME.source: "data", DUMPS.source: "data"})


def test_a_volume_with_data_that_nothing_covers_is_a_warning() -> None:
    verdict = coverage_verdict(web_with(UPLOADS), "cover_every_volume")
    [warning] = verdict.warnings
    assert (verdict.outcome, warning.about, warning.node) == (Outcome.HOLDS, "uploads", "a")
    assert warning.saw == "uploads, which web may write, holds data, and nothing here backs it up"
    bind = Mount("bind", "/srv/shop/files", "/files")
    [warning] = coverage_verdict(web_with(bind), "cover_every_volume").warnings
    assert warning.about == "/srv/shop/files"


NOT_COUNTED = {
    "read-only": replace(UPLOADS, rw=False),
    "a socket's place": Mount("bind", "/var/run/docker.sock", "/var/run/docker.sock"),
    "configuration": Mount("bind", "/srv/shop/nginx", "/etc/nginx/conf.d"),
    "a cache": replace(UPLOADS, destination="/var/cache/nginx"),
    "logs": replace(UPLOADS, destination="/var/log/nginx"),
    "memory": Mount("tmpfs", "", "/scratch"),
    "the system": Mount("bind", "/sys/fs/cgroup", "/cgroup"),
    "the whole node": Mount("bind", "/", "/host"),
    "the dumps": DUMPS,
}


@pytest.mark.parametrize("kind", NOT_COUNTED)
def test_what_holds_no_data_of_a_service_is_not_counted(kind: str) -> None:
    verdict = coverage_verdict(web_with(NOT_COUNTED[kind]), "cover_every_volume")
    assert (verdict.outcome, verdict.warnings) == (Outcome.HOLDS, ())


@pytest.mark.parametrize(
    ("content", "outcome"), [("empty", Outcome.HOLDS), ("other", Outcome.HOLDS), ("denied", Outcome.UNKNOWN)]
)
def test_an_empty_volume_a_socket_or_a_file_is_nothing_and_what_may_not_be_read_is_unknown(
    content: str, outcome: Outcome
) -> None:
    verdict = coverage_verdict(web_with(UPLOADS, uploads=content), "cover_every_volume")
    assert (verdict.outcome, verdict.warnings) == (outcome, ())


def test_a_volume_is_excused_by_name_or_path_and_one_that_is_not_asked_about_is_unknown() -> None:
    look = web_with(UPLOADS)
    for what in ("uploads", UPLOADS.source, "up*"):
        excused = replace(look, inventory=with_excuses(look.inventory, [make_excuse(what)]))
        assert coverage_verdict(excused, "cover_every_volume").warnings == ()
        assert coverage_verdict(excused).warnings == ()
    unasked = coverage_fleet(
        containers=(POSTGRES, replace(WEB_SERVER, mounts=(UPLOADS,))), content={VOLUME.source: "data"}
    )
    assert coverage_verdict(unasked, "cover_every_volume").outcome is Outcome.UNKNOWN


def test_a_volume_of_a_service_that_is_not_declared_or_does_not_run_is_not_asked_about() -> None:
    stranger = replace(WEB_SERVER, labels=compose_labels("other"), name="shop-other-1", mounts=(UPLOADS,))
    stopped = replace(WEB_SERVER, state="exited", pid=0, mounts=(UPLOADS,))
    for container in (stranger, stopped):
        look = coverage_fleet(containers=(POSTGRES, container), content={})
        assert coverage_verdict(look, "cover_every_volume").outcome is Outcome.HOLDS


def test_the_volume_of_an_excused_database_is_not_said_twice() -> None:
    second = replace(SECOND, mounts=(replace(UPLOADS, destination="/var/lib/postgresql"),))
    look = coverage_fleet(
        (SERVER, PostgresServer(80, DATA, (OTHER,))), (POSTGRES, second), content={UPLOADS.source: "data"}
    )
    assert coverage_verdict(look, "cover_every_volume").warnings == ()


def test_a_mount_with_a_name_that_is_no_line_of_text_is_not_asked_about() -> None:
    odd = replace(WEB_SERVER, mounts=(Mount("bind", "/srv/a\nb", "/files"),))
    assert list(kept_mounts(odd)) == []


def test_an_answer_that_was_cut_short_is_unknown() -> None:
    for answer in (b"", b"data\n", b"data\ndata\ndata\n", b"data\nfull\n"):
        with pytest.raises(Unobservable):
            parse_content(Output(0, answer), ["/a", "/b"])
    with pytest.raises(Unobservable):
        parse_servers(Output(3, b"", b"hidden"))
    assert parse_servers(Output(0, b"")) == ()


def with_databases(*others: OtherDatabase, **changes: Any) -> Fleet:
    return coverage_fleet(clusters=(replace(CLUSTER, database="rodan", others=others),), **changes)


def test_a_second_database_with_rows_in_the_dumped_server_is_a_finding_that_says_how_it_is_written_down() -> None:
    look = with_databases(OtherDatabase("tickets", True), OtherDatabase("postgres", False))
    [finding] = coverage_verdict(look).findings
    assert finding.saw == "the database shop/postgres/tickets holds rows, and no `backups` covers it"
    assert "an inventory of its own" in finding.hint


@pytest.mark.parametrize("what", ["tickets", "shop/postgres/tickets", "postgres/tickets", "*/tickets"])
def test_an_excuse_names_one_database_of_a_server(what: str) -> None:
    verdict = coverage_verdict(with_databases(OtherDatabase("tickets", True), excuses=[make_excuse(what)]))
    assert (verdict.outcome, verdict.warnings) == (Outcome.HOLDS, ())


@pytest.mark.parametrize("name", ["rodan_restored_20261130", "rodan_before_20261130T0200", "rodan_filling_1"])
def test_what_a_restore_left_beside_its_database_lacks_no_backup(name: str) -> None:
    assert coverage_verdict(with_databases(OtherDatabase(name, True))).outcome is Outcome.HOLDS
    assert coverage_verdict(with_databases(OtherDatabase(f"x{name}", True))).outcome is Outcome.FINDING


def test_a_database_of_which_it_was_not_seen_whether_it_holds_rows_is_unknown_with_the_grant_that_helps() -> None:
    verdict = coverage_verdict(with_databases(OtherDatabase("tickets", None)))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "GRANT" in str(verdict.unknown[0].hint)


def test_a_server_that_did_not_answer_may_have_other_databases() -> None:
    assert coverage_verdict(coverage_fleet(clusters=Unobservable("it hangs"))).outcome is Outcome.UNKNOWN


PACKER = Container(
    "9" * 64,
    "shop-archive-1",
    labels=compose_labels("archive"),
    pid=5,
    mounts=(replace(UPLOADS, destination="/backup/uploads", rw=False), replace(VOLUME, destination="/pg", rw=False)),
    jobs=OwnJobs(("BACKUP_CRON_EXPRESSION",), "", dumps=True),
)
WRITER = replace(WEB_SERVER, mounts=(UPLOADS,))


def test_a_volume_that_a_packer_reads_by_the_clock_is_covered_and_one_that_it_does_not_read_is_not() -> None:
    content = {UPLOADS.source: "data"}

    def warnings(packer: Container) -> list[str]:
        look = coverage_fleet(containers=(POSTGRES, WRITER, packer), content=content)
        return [warning.about for warning in coverage_verdict(look, "cover_every_volume").warnings]

    assert warnings(PACKER) == []
    assert warnings(replace(PACKER, mounts=())) == ["uploads"]
    assert warnings(replace(PACKER, mounts=(UPLOADS,))) == ["uploads"]
    assert warnings(replace(PACKER, state="exited")) == ["uploads"]
    assert warnings(replace(PACKER, jobs=OwnJobs(("SESSION_TIMER",)))) == ["uploads"]


def test_the_archive_that_only_a_packer_writes_is_no_data_of_a_service() -> None:
    archive = Mount("volume", "/var/lib/docker/volumes/archive/_data", "/archive", "archive")
    packer = replace(PACKER, labels=compose_labels("web"), mounts=(*PACKER.mounts, archive))
    look = coverage_fleet(containers=(POSTGRES, packer), content={archive.source: "data"})
    assert coverage_verdict(look, "cover_every_volume").warnings == ()
    alone = replace(packer, mounts=(archive,))
    look = coverage_fleet(containers=(POSTGRES, alone), content={archive.source: "data"})
    assert [warning.about for warning in coverage_verdict(look, "cover_every_volume").warnings] == ["archive"]


def test_a_copy_of_a_running_databases_files_is_no_backup_of_it_and_a_dumper_beside_it_is_named() -> None:
    other = replace(SECOND, mounts=(replace(VOLUME, name="pg2", source="/srv/pg2"),))
    servers = (SERVER, PostgresServer(80, DATA, (OTHER,)))
    packer = replace(PACKER, mounts=(Mount("bind", "/srv/pg2", "/backup/pg2", rw=False),))
    [finding] = coverage_verdict(coverage_fleet(servers, (POSTGRES, other, packer))).findings
    assert "shop-archive-1 copies its files while it runs" in finding.hint
    [finding] = coverage_verdict(coverage_fleet(servers, (POSTGRES, other, replace(PACKER, mounts=())))).findings
    assert "shop-archive-1 makes backups by itself, and whether of this one is not seen" in finding.hint
    mine = replace(PACKER, mounts=(DUMPS,))
    [finding] = coverage_verdict(coverage_fleet(servers, (POSTGRES, other, mine))).findings
    assert "shop-archive-1" not in finding.hint
