"""The first look: what is read off hosts, and that what is written is an inventory, whatever the hosts say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.commands.init.backup_jobs import backup_jobs, scripts_to_read
from fleetkeeper.commands.init.command import write_inventory
from fleetkeeper.commands.init.filename_patterns import of_name, pattern_of, schedule_of, zone_of
from fleetkeeper.commands.init.hosts import (
    NO_ROOT,
    Login,
    each_once,
    node_of,
    parse_probe,
    provisional_inventory,
    unique_node_name,
)
from fleetkeeper.commands.init.inventory_text import inventory_text
from fleetkeeper.commands.init.service_survey import services_of
from fleetkeeper.commands.init.stack_sources import stack_files_near
from fleetkeeper.commands.main import cli
from fleetkeeper.errors import NotApplicable, SectionUndecided, UsageError
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Undecided
from fleetkeeper.inventory.survey_results import (
    Backups,
    Findings,
    FoundService,
    Machine,
    Scheduled,
    ServedSite,
    Stranger,
)
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.cron.snapshot import Snapshot
from fleetkeeper.readers.cron.snapshot import SnapshotFile as Table
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.proposals import KEEP, propose_budget
from fleetkeeper.topics.certificates.policy import Policy as Certificates
from fleetkeeper.topics.containers.facts import Container, Process
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.services import policy as stacks_policy
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import SwarmService, Task
from fleetkeeper.transport.commands import Output, Unobservable

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LABEL = "com.docker.swarm.service.name"


# Names and times


PATTERNS = (
    "backup_%Y_%m_%dT%H_%M_%S.sql.gz",
    "db-%Y%m%d-%H%M%S.dump",
    "%Y-%m-%d_%H.%M.sql",
    "shop.%Y%m%d%H%M.sql.gz",
    "pg12_%Y-%m-%dT%H:%M:%S_full.sql.gz",
)


def reason_for_none(inventory: Inventory) -> str:
    """What the inventory says about why it has no backups."""
    with pytest.raises(NotApplicable) as why:
        inventory.section(Policy)
    return str(why.value)


@given(st.sampled_from(PATTERNS), st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)))
def test_a_pattern_is_read_off_any_name_that_it_makes(pattern: str, when: datetime) -> None:
    assert of_name(when.strftime(pattern)) == pattern


@given(st.text(max_size=40))
def test_what_tells_no_time_has_no_pattern_or_one_that_gives_it_back(name: str) -> None:
    pattern = of_name(name)
    assert not pattern or datetime.strptime(name, pattern).strftime(pattern) == name


def test_the_pattern_of_most_names_counts() -> None:
    names = [
        "a_2026_11_22T00_00_01.sql.gz",
        "b_2026_11_20T00_00_01.sql.gz",
        "b_2026_11_21T00_00_01.sql.gz",
        "x",
        "y.sql",
    ]
    assert pattern_of(names) == "b_%Y_%m_%dT%H_%M_%S.sql.gz"
    assert pattern_of(["x", "y.sql", "z_2026_13_22T00_00_01.sql.gz"]) == ""


def make_dumps(zone: str, hours: Sequence[int] = (0, 12), days: int = 12) -> list[File]:
    """Dumps made at these hours of that zone, in July and in January, each taking a minute."""
    match = []
    for day in range(days):
        for hour in hours:
            local = datetime(2026, 7 if day % 2 else 1, 1 + day, hour, 0, 1, tzinfo=ZoneInfo(zone))
            name = local.strftime("backup_%Y_%m_%dT%H_%M_%S.sql.gz")
            match.append(File(name, 1000, local.timestamp() + 60, day))
    return match


@pytest.mark.parametrize("zone", ["America/Toronto", "UTC", "Europe/Berlin", "Asia/Kolkata"])
def test_the_time_zone_is_the_one_that_agrees_with_the_files(zone: str) -> None:
    zones = ["Europe/Berlin", "America/Toronto", "Asia/Kolkata", "UTC"]
    assert zone_of(make_dumps(zone), "backup_%Y_%m_%dT%H_%M_%S.sql.gz", zones) == zone


def test_a_time_zone_that_agrees_with_no_file_is_not_said() -> None:
    old = [replace(dump, mtime=dump.mtime + 30 * 86400) for dump in make_dumps("UTC")]
    assert zone_of(old, "backup_%Y_%m_%dT%H_%M_%S.sql.gz", ["UTC"]) == ""


def test_a_schedule_is_read_off_the_newest_dumps() -> None:
    start = datetime(2026, 11, 1, 0, 0)
    nightly = [start + timedelta(days=day, hours=3, minutes=30) for day in range(20)]
    assert schedule_of(nightly) == "30 3 * * *"
    assert schedule_of([*nightly, start + timedelta(days=19, hours=16, minutes=7)]) == "30 3 * * *"
    assert schedule_of(nightly[:2]) == ""


# Services


def make_container(service: str = "rodan_web", users: Sequence[int] = (33,), **more: object) -> Container:
    """A container of a swarm service: its first process and that one's children."""
    processes = tuple(Process(10 + n, uid, uid, "nginx", 1 if n == 0 else 10) for n, uid in enumerate(users))
    given = {"labels": {LABEL: service}, "accounts": {"root": 0, "www-data": 33, "django": 1000}, "pid": 10, **more}
    return Container(f"{service}-id", f"{service}.1", processes=processes, **given)  # type: ignore[arg-type]


def facts_seen(*containers: Container, swarm: Services | None = None) -> Fleet:
    inventory = provisional_inventory([Node(name="a", connection="local")], Path("/x/mine.yml"))
    facts = {("a", "containers"): Containers("present", containers), ("a", "services"): swarm or Services("inactive")}
    return Fleet(inventory, NOW, facts)  # type: ignore[arg-type]


def test_a_service_has_the_users_of_its_processes_today() -> None:
    [item] = services_of(facts_seen(make_container(users=(33, 33))))
    assert (item.key, item.name, item.users, item.master) == ("rodan_web", "rodan_web", ("www-data",), "")


def test_a_master_as_root_is_told_from_its_workers() -> None:
    [item] = services_of(facts_seen(make_container(users=(0, 33, 33))))
    assert (item.users, item.master, item.web) == (("www-data",), "root", True)


def test_root_is_never_proposed_as_a_user() -> None:
    [item] = services_of(facts_seen(make_container(users=(0, 0))))
    assert (item.users, item.master) == ((), "")
    assert "runs as root" in item.note


def test_a_worker_as_root_beside_others_is_said() -> None:
    lonely = Process(20, 0, 0, "cron", 1)
    mixed = make_container(users=(33,))
    [item] = services_of(facts_seen(replace(mixed, processes=(*mixed.processes, lonely))))  # type: ignore[misc]
    assert "beside the master" in item.note


def test_users_that_could_not_be_seen_are_said_and_not_guessed() -> None:
    [item] = services_of(facts_seen(replace(make_container(), processes=Unobservable("no right to"))))
    assert item.users == ()
    assert "no right to" in item.note


def test_the_stack_is_left_out_of_the_key_and_a_service_that_runs_nowhere_is_there() -> None:
    sentence = (SwarmService("1", "rodan_web", stack="rodan"), SwarmService("2", "rodan_gpu", stack="rodan"),
            SwarmService("3", "rodan_off", stack="rodan", replicas=0))  # fmt: skip
    services = services_of(facts_seen(make_container(), swarm=Services("manager", services=sentence)))
    assert [service.key for service in services] == ["gpu", "web"]
    assert "runs nowhere" in services[0].note


def test_two_databases_without_dumps_are_named(tmp_path: Path) -> None:
    two = tuple(FoundService(key, key, database=True) for key in ("db", "pg"))
    written = inventory_text(
        Findings("x", (Machine(Node(name="a", address="192.0.2.7")),), two), "2026-11-22", tmp_path
    )
    assert reason_for_none(load_inventory(tmp_path / "x.yml", written)) == (
        "`backups` is undecided: postgres runs in db, pg; no dumps were seen on a volume"
    )


def test_this_machine_itself_is_named_local_and_each_place_counts_once() -> None:
    here = node_of("local", Login())
    assert (here.connection, here.address) == ("local", "")
    twice = [here, node_of("ops@db", Login()), node_of("root@db", Login()), node_of("db:2222", Login()), here]
    assert [item.address for item in each_once(twice)] == ["", "db", "db"]
    assert "connection: local" in inventory_text(Findings("x", (Machine(here),)), "2026-11-22", Path("/"))


def test_compose_services_of_two_projects_stay_apart() -> None:
    two = [
        replace(
            make_container(),
            name=f"{project}-web-1",
            labels={"com.docker.compose.project": project, "com.docker.compose.service": "web"},
        )
        for project in ("shop", "blog")
    ]
    assert [(service.key, service.name) for service in services_of(facts_seen(*two))] == [
        ("blog_web", "blog/web"),
        ("shop_web", "shop/web"),
    ]


def test_a_visit_is_no_service() -> None:
    labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "web",
        "com.docker.compose.oneoff": "True",
    }
    assert services_of(facts_seen(replace(make_container(), labels=labels))) == ()


# Backups


def crontab_with(content: str) -> Snapshot:
    return Snapshot(files=[Table("/var/spool/cron/crontabs/root", "user", 0, 0, 0o600, 1, 0.0, content.encode())])


def test_entries_that_run_a_backup_in_a_container_are_found_and_others_forgotten() -> None:
    lines = (
        "MAILTO=ops\n0 0,12 * * * docker exec $(docker ps -q -f name=postgres) backup\n"
        "17 4 * * 1 docker system df\n5 5 * * * docker exec web clean\n# 1 1 * * * docker exec db backup\n"
    )
    [item] = backup_jobs("a", crontab_with(lines))
    assert (item.times, item.command, item.where) == ("0 0,12 * * *", "backup", "/var/spool/cron/crontabs/root:2")


@pytest.mark.parametrize("times", ["@reboot", "@hourly", "@daily"])
def test_a_line_without_five_fields_is_found_and_its_times_are_fields_or_not_told(times: str) -> None:
    [item] = backup_jobs("a", crontab_with(f"{times} docker exec db backup\n"))
    assert item.times == {"@reboot": "", "@hourly": "0 * * * *", "@daily": "0 0 * * *"}[times]


DAILY = Table("/etc/crontab", "system", 0, 0, 0o644, 1, 0.0, b"25 6 * * * root cd / && run-parts /etc/cron.daily\n")
NIGHTLY = "#!/bin/bash\nset -e\nif docker info; then\n docker exec db sh -c 'pg_dump rodan'|gzip>/x-$(date +%F)\nfi\n"


def test_a_script_in_cron_daily_is_found_with_the_time_at_which_run_parts_starts_it() -> None:
    script = Table("/etc/cron.daily/dump", "directory", 0, 0, 0o755, 1, 0.0, NIGHTLY.encode())
    [item] = backup_jobs("a", Snapshot(files=[DAILY, script]))
    assert (item.times, item.command, item.where) == ("25 6 * * *", "pg_dump rodan", "/etc/cron.daily/dump")
    [late] = backup_jobs("a", Snapshot(lines={"anacron": [""]}, files=[DAILY, script]))
    assert late.times == ""


TIMER = ["Id=nightly-backup.timer", "ActiveState=active", "Unit=nightly-backup.service"]
CALENDAR = "TimersCalendar={ OnCalendar=*-*-* 03:15:00 ; next_elapse=Sun 2026-11-22 03:15:00 UTC }"
SERVICE = "ExecStart={ path=/usr/bin/docker ; argv[]=/usr/bin/docker exec db backup ; ignore_errors=no ; pid=0 }"


def test_a_timer_of_systemd_is_found_while_it_is_active() -> None:
    service = ["Id=nightly-backup.service", SERVICE]
    [item] = backup_jobs("a", Snapshot(lines={"timer": [*TIMER, CALENDAR], "service": service}))
    assert (item.times, item.command, item.where) == ("15 3 * * *", "backup", "nightly-backup.timer")
    stopped = [line.replace("=active", "=inactive") for line in TIMER]
    assert list(backup_jobs("a", Snapshot(lines={"timer": [*stopped, CALENDAR], "service": service}))) == []


@pytest.mark.parametrize(
    ("start", "command"),
    [
        ("ExecStart=/usr/bin/docker exec db sh -c 'pg_dump rodan > /backups/x'", "pg_dump rodan > /backups/x"),
        ("ExecStart=/bin/sh -c 'docker exec db pg_dump rodan > /srv/x-$(date +%%F)'", "pg_dump rodan"),
        ("ExecStart=-/usr/bin/docker exec db backup", "backup"),
        ("ExecStart=/bin/echo docker exec db backup", ""),
    ],
)
def test_what_a_timer_starts_is_read_from_its_file_which_has_the_quotes(start: str, command: str) -> None:
    service = ["Id=nightly-backup.service", "FragmentPath=/e/n.service", SERVICE]
    lines = {"timer": [*TIMER, CALENDAR], "service": service, "setting": [f"/e/n.service {start}"]}
    assert [item.command for item in backup_jobs("a", Snapshot(lines=lines))] == [command] * bool(command)


@pytest.mark.parametrize("start", ["/opt/pg-backup.sh", "/bin/sh -c '/opt/pg-backup.sh $(date +%%F)'"])
def test_the_script_that_a_timer_starts_is_asked_for(start: str) -> None:
    service = ["Id=nightly-backup.service", "FragmentPath=/e/n.service"]
    lines = {"timer": [*TIMER, CALENDAR], "service": service, "setting": [f"/e/n.service ExecStart={start}"]}
    assert scripts_to_read(Snapshot(lines=lines)) == ["/opt/pg-backup.sh"]


def test_the_script_behind_a_line_is_asked_for_and_read() -> None:
    assert scripts_to_read(crontab_with("5 5 * * * /opt/pg-backup.sh $(date +\\%F)\n")) == ["/opt/pg-backup.sh"]
    printed = crontab_with("5 5 * * * /opt/pg-backup.sh >/dev/null 2>&1\n17 4 * * 1 /opt/other.sh\n")
    assert scripts_to_read(printed) == ["/opt/pg-backup.sh"]
    assert list(backup_jobs("a", printed)) == []
    [item] = backup_jobs("a", printed, {"/opt/pg-backup.sh": NIGHTLY})
    assert (item.times, item.command) == ("5 5 * * *", "pg_dump rodan")


@given(st.text(max_size=200))
def test_a_script_may_hold_anything(text: str) -> None:
    assert isinstance(
        list(backup_jobs("a", crontab_with("5 5 * * * /opt/backup.sh\n"), {"/opt/backup.sh": text})), list
    )


def test_a_second_place_is_proposed_on_a_node_that_does_not_see_the_backups() -> None:
    named = [Machine(Node(name=name, address="192.0.2.7")) for name in ("web", "data", "spare")]
    shared = Backups("db", "v", "data", "/b", schedule="0 0 * * *", nodes=("web", "data"))
    assert "# elsewhere: {node: spare, " in inventory_text(
        Findings("x", tuple(named), backups=shared), "2026-11-22", Path("/")
    )
    assert "{node: web, " in inventory_text(Findings("x", tuple(named[:2]), backups=shared), "2026-11-22", Path("/"))
    assert "{node: ANOTHER_NODE, " in inventory_text(
        Findings("x", tuple(named[1:2]), backups=shared), "2026-11-22", Path("/")
    )


def test_a_budget_has_room_for_all_that_keep_keeps_and_fits_on_the_disk() -> None:
    dumps_of = Backups("db", "v", "a", "/b", schedule="0 0,12 * * *", newest=1_300_000_000, used=10**10, free=10**12)
    assert propose_budget(dumps_of) >= sum(KEEP.values()) * dumps_of.newest
    tight = replace(dumps_of, used=30 * 2**30, free=10 * 2**30)
    assert propose_budget(tight) <= 40 * 2**30


# What is written

DATABASE = FoundService("postgres", "rodan_postgres", ("postgres",), nodes=("data",), database=True)
WHOLE = Findings(
    "mine",
    (
        Machine(Node(name="data", address="192.0.2.7", user="ops", port=2222, sudo=True), "data", "manager"),
        Machine(Node(name="far", address="192.0.2.8", jump="data"), trouble="no connection within 10 s"),
    ),
    (
        DATABASE,
        FoundService("web", "rodan_web", ("a", "b"), "root", ("data",), web=True),
        FoundService("old", "old", note="it runs as root"),
    ),
    Backups(
        "postgres", "rodan_pg_backup", "data", "/backups", pattern="b_%Y_%m_%dT%H_%M.dump", timezone="America/Toronto",
        schedule="0 3 * * *", command="backup --now", where="data: /etc/cron.d/x:1", nodes=("data", "far"), number=3,
        used=10**9, newest=10**8, free=10**12,
    ),
    (ServedSite("rodan.example.org", "web", "R3", "2027-01-01"),),
    (Stranger("gpu", "192.0.2.9"),),
    ("far: containers: no connection",),
)  # fmt: skip


def test_what_is_written_is_an_inventory_of_what_was_found(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    inventory = load_inventory(path, inventory_text(WHOLE, "2026-11-22", tmp_path))
    assert inventory.nodes["far"].jump == "data"
    assert inventory.nodes["data"].roles == ("manager", "web", "database", "storage")
    assert inventory.services["web"].user == ("a", "b")  # type: ignore[index]
    assert inventory.section(Policy).command == "backup --now"
    assert inventory.section(Policy).guesses == "`backups.keep`"
    assert inventory.section(Certificates).certificates[0].name == "rodan.example.org"


def test_what_could_not_be_seen_and_who_was_not_asked_stand_in_comments(tmp_path: Path) -> None:
    written = inventory_text(WHOLE, "2026-11-22", tmp_path)
    for words in (
        "far: no connection within 10 s",
        "far: containers: no connection",
        "# gpu: 192.0.2.9",
        "# it runs as root",
    ):
        assert words in written


def test_sections_of_which_nothing_was_found_say_so(tmp_path: Path) -> None:
    bare = Findings("mine", WHOLE.machines[:1])
    inventory = load_inventory(tmp_path / "mine.yml", inventory_text(bare, "2026-11-22", tmp_path))
    assert reason_for_none(inventory) == "no database was found"


WEB = FoundService("web", "rodan_web", ("www-data",), nodes=("data",), web=True)
HIDDEN = FoundService("db", "shop/db", nodes=("data",), hidden=True)
JOB = Scheduled("data", "0 0 * * *", "backup", "/etc/cron.d/dump:2")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"services": (DATABASE,)}, "postgres runs in rodan_postgres on data; no dumps were seen on a volume"),
        ({"services": (DATABASE,), "scheduled": (JOB,)}, "/etc/cron.d/dump:2 on data looks like a backup"),
        ({"services": (HIDDEN,)}, "what runs in db could not be seen"),
        ({"machines": WHOLE.machines}, "far could not be looked at"),
        ({"machines": (replace(WHOLE.machines[0], missing=(NO_ROOT,)),)}, "data could not be looked at"),
        ({"blind": ("data",)}, "data could not be looked at"),
        ({"strangers": WHOLE.strangers}, "gpu could not be looked at"),
    ],
)
def test_what_was_not_seen_or_has_no_dumps_is_undecided_and_never_none(
    more: dict[str, Any], words: str, tmp_path: Path
) -> None:
    findings = replace(Findings("mine", WHOLE.machines[:1]), **more)
    inventory = load_inventory(tmp_path / "mine.yml", inventory_text(findings, "2026-11-22", tmp_path))
    assert words in reason_for_none(inventory)
    assert isinstance(inventory.sections[Policy], Undecided)


def test_a_web_server_without_a_name_leaves_certificates_undecided(tmp_path: Path) -> None:
    findings = Findings("mine", WHOLE.machines[:1], (WEB,))
    inventory = load_inventory(tmp_path / "mine.yml", inventory_text(findings, "2026-11-22", tmp_path))
    with pytest.raises(SectionUndecided, match="web may serve a name"):
        inventory.section(Certificates)


NASTY = st.text(max_size=60)


@given(NASTY, NASTY, NASTY, NASTY)
def test_case_2_and_73_no_word_of_a_server_gets_out_of_its_place(a: str, b: str, c: str, d: str) -> None:
    nasty = replace(
        WHOLE,
        services=(replace(DATABASE, note=a),),
        backups=replace(WHOLE.backups, command=f"x{b}", where=c),  # type: ignore[type-var]
        sites=(ServedSite("rodan.example.org", "postgres", d, c),),
        strangers=(Stranger(a, b),),
        unseen=(c, d),
    )
    try:
        inventory = load_inventory(Path("/x/mine.yml"), inventory_text(nasty, "2026-11-22", Path("/x")))
    except UsageError as odd:
        assert "secret" in str(odd) or "control" in str(odd) or "character" in str(odd), str(odd)  # noqa: PT017
    else:
        assert set(inventory.nodes) == {"data", "far"}
        assert set(inventory.services) == {"postgres"}  # type: ignore[arg-type]


def test_case_71_what_looks_like_a_secret_in_the_words_of_a_server_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    secret = "password: hunter2hunter2 AKIAIOSFODNN7EXAMPLE"
    write_inventory(
        Path("mine.yml"), replace(WHOLE, unseen=(secret,), sites=(ServedSite("rodan.example.org", "web", secret, "x"),))
    )
    assert "hunter2" not in (tmp_path / "mine.yml").read_text()
    assert load_inventory(tmp_path / "mine.yml").section(Certificates).certificates[0].service == "web"


# Hosts


def test_a_host_is_written_as_for_ssh() -> None:
    node = node_of("ops@rodan.example.org:2222", Login(Path("/k/id"), "ops@gate"))
    assert (node.name, node.address, node.user, node.port) == ("rodan", "rodan.example.org", "ops", 2222)
    assert (node.identity, node.jump) == ("/k/id", "ops@gate")


@pytest.mark.parametrize(
    "written", ["-oProxyCommand=touch /tmp/p", "a b", "$(x)", "ops@", "", "a;b", "ops@-x", "h:99999"]
)
def test_case_1_what_is_no_host_is_refused(written: str) -> None:
    with pytest.raises(UsageError):
        node_of(written, Login())


def test_names_of_nodes_are_each_there_once() -> None:
    assert unique_node_name("a.example", ["a", "a-2"]) == "a-3"
    assert unique_node_name("2001:db8::1") == "2001-db8--1"


def answer_to(*lines: str) -> Output:
    return Output(0, "".join(f"{line}\n" for line in lines).encode())


def test_rights_are_seen_and_missing_ones_named() -> None:
    node = node_of("ops@192.0.2.7", Login())
    assert parse_probe(node, answer_to("uid 1000", "host db", "sudo", "end"), ()).node.sudo
    looks = parse_probe(node, answer_to("uid 1000", "host db", "looks", "engine", "end"), ())
    assert (looks.node.sudo, looks.missing) == ("audit", ())
    root = parse_probe(node, answer_to("uid 0", "host db", "sudo", "end"), ())
    assert (root.node.sudo, root.missing) == (False, ())
    poor = parse_probe(node, answer_to("uid 1000", "host db", "engine", "end"), ())
    assert (poor.node.name, poor.missing[0]) == ("db", NO_ROOT)
    assert len(poor.missing) == 2


def test_a_probe_that_was_cut_short_says_nothing() -> None:
    with pytest.raises(Unobservable, match="cut short"):
        parse_probe(node_of("ops@192.0.2.7", Login()), answer_to("uid 1000", "sudo"), ())


def test_an_inventory_that_is_there_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yml").write_text("mine")
    ran = CliRunner().invoke(cli, ["init", "127.0.0.1:1", "--name", "mine"])
    assert isinstance(ran.exception, UsageError)
    assert (tmp_path / "mine.yml").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["web: {x: 1}", 'a\nbackups: {command: "$(>canary)"}', "a#b", "x\u202e", "'", "- a", "&a"]
)
def test_the_name_of_a_service_cannot_become_a_line_of_the_inventory(name: str):
    from fleetkeeper.commands.init.service_survey import keys_of

    [key] = keys_of([name], {})
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", key)


def test_a_service_on_a_member_that_was_not_looked_at_is_told_from_one_that_runs_nowhere() -> None:
    sentence = (SwarmService("1", "rodan_gpu", stack="rodan"),)
    tasks = (Task("rodan_gpu", "data", "shutdown", "failed"), Task("rodan_gpu", "vgpu", "running", "running"))
    [item] = services_of(facts_seen(swarm=Services("manager", services=sentence, tasks=tasks)))
    assert (item.key, item.note) == ("gpu", "it runs on vgpu, which was not looked at")
    alone = Findings(
        "x", (Machine(Node(name="a", address="192.0.2.7")),), (item,), strangers=(Stranger("vgpu", "::1"),)
    )
    assert 'backups: {undecided: "vgpu could not be looked at: ' in inventory_text(alone, "2026-11-22", Path("/"))


def test_where_not_everything_was_seen_no_section_says_that_there_is_nothing(tmp_path: Path) -> None:
    machine = Machine(Node(name="a", address="192.0.2.7"))
    written = inventory_text(Findings("x", (machine,), blind=("a",)), "2026-11-22", tmp_path)
    assert written.count("a could not be looked at") == 4
    load_inventory(tmp_path / "x.yml", written)
    assert "could not" not in inventory_text(Findings("x", (machine,)), "2026-11-22", tmp_path)


# Stacks

IMAGES = {"rodan": {"web": "nginx:1.27@sha256:" + "0" * 64, "db": "postgres:16"}}
FILE = "services: {web: {image: 'nginx:%s'}, db: {image: 'postgres:${PG}', environment: [PGPASSWORD]}%s}\n"


def stack_lines(folder: Path, *stacks: str) -> list[str]:
    files = stack_files_near(folder / "inventories" / "mine.yml", dict.fromkeys(stacks, IMAGES["rodan"]), folder)
    return [
        line
        for line in stacks_policy.init_lines(Findings("mine", (), stacks=stacks, stack_files=files))
        if line[0] != "#"
    ]


def test_a_file_that_has_the_services_that_run_is_proposed_with_its_variables(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "inventories").mkdir()
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "production.yml").write_text(FILE % ("1.27", ""))
    (tmp_path / "staging.yml").write_text(FILE % ("nightly", ""))
    (tmp_path / "more.yml").write_text(FILE % ("1.27", ", extra: {image: x}"))
    (tmp_path / "broken.yml").write_text("a: [")
    (tmp_path / "inventories" / "mine.yml").write_text(FILE % ("1.27", ""))
    expected = 'stacks: {rodan: {file: "../deploy/production.yml", environment: [PG, PGPASSWORD]}}'
    assert stack_lines(tmp_path, "rodan") == [expected]
    (tmp_path / "twin.yml").write_text(FILE % ("1.27", ""))
    assert "may have been deployed from ../twin.yml or ../deploy/production.yml" in stack_lines(tmp_path, "rodan")[0]


def test_without_such_a_file_where_the_stack_came_from_is_undecided(tmp_path: Path) -> None:
    (tmp_path / "other.yml").write_text("services: {web: {image: x}}\n")
    [line] = stack_lines(tmp_path, "rodan")
    assert line.startswith('stacks: {undecided: "rodan was deployed from a file that nobody named"}')
