"""What init makes of places that hold dumps: the database's own, a sidecar's, and those that no pattern fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleetkeeper.commands.init.dump_listings import (
    DumpListing,
    SurveyContext,
    backups_of,
    describe_backups,
    typical_size,
    with_schedule,
)
from fleetkeeper.commands.init.hosts import provisional_inventory, with_engines
from fleetkeeper.commands.init.inventory_text import inventory_text
from fleetkeeper.commands.init.survey import running_databases
from fleetkeeper.inventory.schema import Node, Without
from fleetkeeper.inventory.survey_results import (
    Backups,
    Findings,
    FoundDatabase,
    FoundService,
    Machine,
    ServedSite,
)
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.own_jobs import OwnJobs
from fleetkeeper.topics.backups.coverage.facts import Facts, PostgresServer
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.certificates.policy import Policy as Certificates
from fleetkeeper.topics.containers.facts import Container, Mount, Placement
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.transport.commands import Command, Output, Unobservable
from tests.helpers.processor_time import work_of

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOME = Node(name="a", address="192.0.2.7")
MACHINE = Machine(HOME, "a", timezone="UTC")
DATABASE = FoundService("postgres", "shop/postgres", ("postgres",), nodes=("a",), database=True)
OWN = Container("1" * 64, "shop-postgres-1", mounts=(Mount("bind", "/srv/data", "/var/lib/postgresql/data"),))
SIDECAR = Container("2" * 64, "shop-pgbackups-1", mounts=(Mount("bind", "/srv/side", "/backups"),))
DUMPS = [f"postgres-{NOON - timedelta(days=day, hours=10):%Y%m%d-%H%M%S}.sql.gz" for day in range(4)]


def listing(names: Mapping[str, str], size: int = 70_000) -> bytes:
    """The records of a directory, as find prints them; `names` gives the type (f, d) of each entry."""
    stamps = ((NOON - timedelta(days=number, hours=10)).timestamp() for number in range(99))
    records = (
        f"{kind} {size} {stamp} {5} 1 1 0 8 1/{name}"
        for (name, kind), stamp in zip(names.items(), stamps, strict=False)
    )
    return b"/x\n\0" + b"".join(record.encode() + b"\0" for record in records)


def backups_in(
    directories: Mapping[str, Mapping[str, str]], own: Container = OWN, beside: Sequence[Container] = ()
) -> Backups | None:
    """The dumps that are found where these directories (`PATH/BELOW`) have these entries."""

    def ask(node: str, commands: Sequence[Command]) -> list[Output]:
        [command] = commands
        if "list-backups" not in command.words:
            return [Output(1, b"", b"cannot be measured")]
        _, path, below = command.words[-3:]
        return [Output(0, listing(directories.get(f"{path}/{below}".rstrip("/"), {})))]

    context = SurveyContext(
        Fleet(provisional_inventory([HOME], Path("/x/mine.yml")), NOON, {}), {"a": MACHINE}, (), ask
    )
    return backups_of(context, DATABASE, [Placement("a", own)], [Placement("a", each) for each in beside])[0]


def written(findings: Findings, tmp_path: Path) -> str:
    text = inventory_text(findings, "2026-11-30", tmp_path)
    load_inventory(tmp_path / "mine.yml", text)
    return text


def test_dumps_of_a_sidecar_are_found_in_the_directory_below_its_mount(tmp_path: Path) -> None:
    side = {"/srv/side": {"last": "d", "daily": "d"}, "/srv/side/last": dict.fromkeys(DUMPS, "f")}
    backups = backups_in(side, beside=[SIDECAR])
    assert backups is not None
    assert (backups.below, backups.path, backups.number, backups.maker) == ("last", "/srv/side", 4, "shop-pgbackups-1")
    text = written(Findings("mine", (MACHINE,), (DATABASE,), backups), tmp_path)
    policy = load_inventory(tmp_path / "mine.yml", text).section(Policy)
    assert isinstance(policy.schedule, Without)
    assert (policy.path, policy.pattern, policy.max_age) == (
        "last",
        "postgres-%Y%m%d-%H%M%S.sql.gz",
        timedelta(hours=26),
    )


@pytest.mark.parametrize(
    ("settings", "rw", "named"),
    [(("SCHEDULE", "BACKUP_KEEP_DAYS"), True, True), (("SCHEDULE",), False, False), ((), True, False)],
)
def test_a_sidecar_that_may_make_the_databases_own_dumps_is_named(
    tmp_path: Path, settings: tuple[str, ...], rw: bool, named: bool
) -> None:
    mine = replace(OWN, mounts=(*OWN.mounts, Mount("bind", "/srv/backups", "/backups")))
    mount = Mount("bind", "/srv/backups", "/backups", rw=rw)
    other = replace(SIDECAR, mounts=(mount,), jobs=OwnJobs(settings, dumps=True))
    backups = backups_in({"/srv/backups": dict.fromkeys(DUMPS, "f")}, mine, [other])
    assert backups is not None
    assert (backups.maker, backups.sidecars) == ("", ("shop-pgbackups-1",) if named else ())
    text = written(Findings("mine", (MACHINE,), (DATABASE,), backups), tmp_path)
    assert ("# shop-pgbackups-1 may make them by a clock of its own, and remove some" in text) is named


def test_without_dumps_and_a_place_that_is_called_like_one_there_are_no_backups() -> None:
    scripts = replace(OWN, mounts=(*OWN.mounts, Mount("bind", "/srv/init", "/docker-entrypoint-initdb.d")))
    assert backups_in({"/srv/init": {"schema.txt": "f"}}, scripts) is None
    assert backups_in({}, OWN) is None


def test_a_place_for_backups_with_files_that_no_pattern_fits_names_them(tmp_path: Path) -> None:
    mine = replace(OWN, mounts=(*OWN.mounts, Mount("bind", "/srv/backups", "/backups")))
    names = {"shop_today.dump": "f", "shop.sql.zst": "f", "shop-dir": "d", ".hidden": "f"}
    backups = backups_in({"/srv/backups": names}, mine)
    assert backups is not None
    assert (backups.number, backups.others) == (0, ("shop_today.dump", "shop.sql.zst", "shop-dir"))
    text = written(Findings("mine", (MACHINE,), (DATABASE,), backups), tmp_path)
    assert (
        "# 3 files there, whose names or formats are not understood: shop_today.dump, shop.sql.zst, shop-dir." in text
    )
    assert "  guessed: true" in text


def test_a_broken_newest_dump_is_not_what_the_others_weigh() -> None:
    sizes = [64_000, 65_000, 66_000, 20, 20, 20]
    files = [File(f"{number}.sql", size, float(number), number) for number, size in enumerate(sizes)]
    assert typical_size(files) == 65_000
    assert typical_size(files[3:]) == 20
    assert typical_size([]) == 0


def test_years_of_dumps_take_no_longer_than_their_number() -> None:
    """`init` took minutes for two years of two dumps a day: all names were tried again for each name."""

    def propose(number: int) -> str:
        times = [datetime(2024, 1, 1) + timedelta(hours=12 * each) for each in range(number)]
        files = [File(f"b_{at:%Y_%m_%dT%H_%M_%S}.sql.gz", 9000, at.timestamp(), at.day) for at in times]
        home = DumpListing("a", "dumps", "", "/backups", tuple(files))
        return with_schedule(describe_backups(home, DATABASE, ["a"]), home, [], ["a"]).schedule

    assert propose(1500) == "0 0,12 * * *"
    assert work_of(lambda: propose(3000)) < 3 * work_of(lambda: propose(1500))


def test_a_second_database_is_named_beside_the_one_with_dumps(tmp_path: Path) -> None:
    backups = Backups("postgres", "dumps", "a", "/backups", schedule="0 2 * * *", command="backup", number=3)
    databases = (FoundDatabase("a", "shop/postgres", "/d"), FoundDatabase("a", "shop/analytics-db", "/var/lib/pg"))
    text = written(Findings("mine", (MACHINE,), (DATABASE,), backups, databases=databases), tmp_path)
    assert "# shop/analytics-db on a (/var/lib/pg) runs postgres too" in text
    assert "# shop/postgres on a" not in text


def test_a_postgres_on_the_node_itself_leaves_backups_undecided(tmp_path: Path) -> None:
    databases = (FoundDatabase("a", "/var/lib/postgresql/15/main", "/var/lib/postgresql/15/main"),)
    text = written(Findings("mine", (MACHINE,), databases=databases), tmp_path)
    assert 'backups: {undecided: "postgres runs in /var/lib/postgresql/15/main on a; no dumps were seen' in text


def test_where_containers_were_not_seen_a_postgres_is_named_by_its_process() -> None:
    dark = Unobservable("the engine does not answer")
    facts = {("a", "coverage"): Facts((PostgresServer(7, "/data"), PostgresServer(8)), {}), ("a", "containers"): dark}
    fleet = Fleet(provisional_inventory([HOME], Path("/x/mine.yml")), NOON, facts)
    assert [str(database) for database in running_databases(fleet)] == ["/data on a", "process 8 on a"]
    unseen = Findings("mine", (MACHINE,), databases=tuple(running_databases(fleet)), blind=("a",))
    assert "no dumps were seen on a volume; a could not be looked at" in inventory_text(unseen, "x", Path("/"))


def test_tls_that_no_container_publishes_leaves_certificates_undecided(tmp_path: Path) -> None:
    text = written(Findings("mine", (MACHINE,), tls=("nginx on the node serves TLS on 443 on a",)), tmp_path)
    assert 'certificates: {undecided: "nginx on the node serves TLS on 443 on a; no name was seen' in text


@pytest.mark.parametrize("foreign", [True, False])
def test_a_server_that_is_not_certbot_s_has_its_renewal_undecided(foreign: bool, tmp_path: Path) -> None:
    site = ServedSite("shop.example.org", "postgres", "R11", "2027-01-01", foreign=foreign)
    text = written(Findings("mine", (MACHINE,), (DATABASE,), sites=(site,)), tmp_path)
    [certificate] = load_inventory(tmp_path / "mine.yml", text).section(Certificates).certificates
    assert (certificate.acme is not None) is foreign


ENGINE_LINES = {
    "engine 0 dockerd\n": (),
    "engine 1000 dockerd\n": (),
    "": (),
    "engine 0 dockerd\nengine 1000 dockerd\n": ("several Docker engines run there (of user ids 0, 1000)",),
    "engine 0 crio\nengine 0 dockerd\nengine 1000 conmon\nengine 1000 podman\n": (
        "containers of CRI-O run there (user id 0)",
        "containers of podman run there (user id 1000)",
    ),
    "engine 0 dockerd\ncontext far away\n": (
        "the Docker client of this account asks another engine than the node's own: far away",
    ),
}


@pytest.mark.parametrize("printed", ENGINE_LINES)
def test_engines_that_are_not_looked_at_are_named_and_leave_sections_undecided(printed: str, tmp_path: Path) -> None:
    machine = with_engines(MACHINE, Output(0, printed.encode()))
    assert [text.partition(", and ")[0] for text in machine.missing] == list(ENGINE_LINES[printed])
    text = written(Findings("mine", (machine,)), tmp_path)
    assert text.count("undecided:") == (4 if machine.missing else 0)
