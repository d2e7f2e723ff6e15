"""Jobs in containers that nobody thought of: sidecars, schedulers that read labels, loops; ordinary containers beside.

Each container is as `docker inspect` shows it: the facts are parsed from that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from fleetkeeper.judging.verdicts import Outcome, Verdict
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.facts import Facts as Backups
from fleetkeeper.topics.backups.facts import Storage
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Container, Process
from fleetkeeper.topics.containers.parse import parse_containers
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.parse import parse_service
from fleetkeeper.transport.commands import Unobservable
from remediate.plan import ForAPerson
from remediate.remedies.backups.thinning import held_back, removable_backups
from remediate.remedies.schedules.entries import schedule_backup
from tests.example_fleets.schedules import (
    GOOD,
    NGINX,
    POSTGRES,
    ROOT,
    RUNBOOK,
    TEXT,
    Machine,
    crontab_with_entry,
    schedule_fleet,
    verdict_of,
)

SCHEDULED, DELETES = "schedules.backup_runs_where_postgres_runs", "backups.only_one_thing_deletes"
DUMPS = ("/var/lib/docker/volumes/rodan_pg_backup/_data", "/b", "rodan_pg_backup", True)
READ_ONLY = (*DUMPS[:3], False)
OTHERS = ("/var/lib/docker/volumes/other/_data", "/data", "other", True)
SOCKET = ("/var/run/docker.sock", "/var/run/docker.sock", "", True)
ON_DATA = TEXT.replace("node: data, budget", "node: vgpu, budget")


@dataclass(frozen=True)
class Sidecar:
    """One container beside the database."""

    image: str = "registry.example/tool:1"
    env: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ("/entrypoint.sh",)
    mounts: Sequence[tuple[str, str, str, bool]] = (DUMPS,)
    processes: Sequence[str] = ()
    name: str = "beside"

    def container(self) -> Container:
        mounts = [
            {"Type": "volume" if name else "bind", "Source": source, "Destination": at, "Name": name, "RW": rw}
            for source, at, name, rw in self.mounts
        ]
        config = {"Image": self.image, "Env": [f"{name}=" for name in self.env], "Labels": dict(self.labels)}
        state = {"Status": "running", "Pid": 70}
        inspected = {"Id": "be" * 32, "Name": f"/{self.name}", "State": state, "Config": config, "Mounts": mounts}
        words = {"Path": self.command[0], "Args": list(self.command[1:])}
        [made] = parse_containers(json.dumps([inspected | words]))
        running = [Process(70 + at, 0, 0, name, parent=69 + at) for at, name in enumerate(self.processes)]
        return replace(made, processes=tuple(running))


def look(*sidecars: Sidecar, files: Mapping[str, Any] | None = None, text: str = ON_DATA, labels: Any = None) -> Fleet:
    """A look at postgres on vgpu with these containers beside it; without a crontab where no `files` are given."""
    own = replace(POSTGRES, **labels) if labels else POSTGRES
    here = (own, *(sidecar.container() for sidecar in sidecars))
    return schedule_fleet(Machine(files or {}), here=here, text=text)


def outcome_of(fleet: Fleet, rule: str) -> Verdict:
    return verdict_of(fleet, rule)


MAKERS = {
    "postgres-backup-local": Sidecar(env=("SCHEDULE", "BACKUP_KEEP_DAYS", "POSTGRES_HOST"), image="pg-backup-local:15"),
    "without any word about dumps but their directory": Sidecar(env=("CRON_TIME",)),
    "frequency": Sidecar("databack/pg-backup", ("DB_DUMP_FREQ", "DB_SERVER"), mounts=(OTHERS,)),
    "interval": Sidecar("tiredofit/db-backup", ("DEFAULT_BACKUP_INTERVAL", "DB01_HOST"), mounts=(OTHERS,)),
    "a volume packer": Sidecar("offen/docker-volume-backup", ("BACKUP_CRON_EXPRESSION", "BACKUP_RETENTION_DAYS")),
    "supercronic": Sidecar(command=("supercronic", "/etc/crontab")),
    "crond behind an init": Sidecar(command=("tini", "--", "/usr/sbin/crond", "-f")),
    "crond behind an entry point": Sidecar(processes=("entrypoint.sh", "crond")),
    "a loop": Sidecar(command=("sh", "-c", "while :; do pg_dump -h db app > /b/x.sql; sleep 1d; done")),
    "a loop in a script": Sidecar("pgdumper", command=("/loop.sh",), processes=("loop.sh", "sleep"), mounts=(OTHERS,)),
    "a loop of bash": Sidecar(command=("bash", "-c", "for ((;;)); do /dump.sh; sleep 3600; done")),
    "a scheduler with the engine": Sidecar("mcuadros/ofelia", command=("ofelia", "daemon"), mounts=(SOCKET,)),
    "cron with the engine": Sidecar("docker-crontab", command=("crond", "-f", "-d", "8"), mounts=(SOCKET,)),
    "a program with a clock of its own": Sidecar("acme/pg-dumper", command=("python", "/x.py"), processes=("python",)),
    "a rootless engine": Sidecar("x/y", command=("crond",), mounts=(("/run/user/9/docker.sock", "/s", "", True),)),
    "a directory above the dumps": Sidecar(env=("SCHEDULE",), mounts=(("/var/lib/docker/volumes", "/all", "", True),)),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_what_may_make_the_backups_by_itself_is_unknown_and_no_entry_is_added_beside_it(kind: str) -> None:
    fleet = look(MAKERS[kind])
    verdict = outcome_of(fleet, SCHEDULED)
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())
    assert any("beside may make the backups by itself" in str(why) for why in verdict.unknown)
    with pytest.raises(Unobservable):
        schedule_backup(None, fleet)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", MAKERS)
def test_beside_an_entry_that_works_it_makes_nothing_unknown(kind: str) -> None:
    assert outcome_of(look(MAKERS[kind], files=GOOD), SCHEDULED).outcome is Outcome.HOLDS


ORDINARY = {
    "an app with sessions": Sidecar(env=("SESSION_EXPIRE", "DATABASE_URL"), mounts=(OTHERS,)),
    "an app with celery's beat": Sidecar(env=("CELERY_BEAT_SCHEDULE", "POSTGRES_HOST"), mounts=(OTHERS,)),
    "celery's beat itself": Sidecar(command=("celery", "-A", "app", "beat"), env=("BEAT_INTERVAL",), mounts=(OTHERS,)),
    "sessions and the dumps": Sidecar(env=("SESSION_EXPIRE", "TOKEN_KEEP_ALIVE", "HEALTHCHECK_INTERVAL")),
    "a watcher of images": Sidecar("watchtower", ("WATCHTOWER_SCHEDULE", "WATCHTOWER_CLEANUP"), mounts=(SOCKET,)),
    "a proxy with the engine": Sidecar("traefik", ("TRAEFIK_POLL_INTERVAL",), mounts=(SOCKET,)),
    "a cron of its own things": Sidecar("nextcloud", command=("/cron.sh",), processes=("crond",), mounts=(OTHERS,)),
    "dumps of another database": Sidecar("mysql-backup", ("DB_DUMP_CRON", "MYSQL_HOST"), mounts=(OTHERS,)),
    "a reader of the dumps": Sidecar("filebrowser", (), mounts=(READ_ONLY,)),
    "a toolbox that only stays": Sidecar("backup-tools", command=("sleep", "infinity"), processes=("sleep",)),
    "one that waits": Sidecar(command=("sh", "-c", "trap : TERM; sleep infinity & wait"), processes=("sh", "sleep")),
    "labels of a proxy": Sidecar(labels={"traefik.http.services.x.loadbalancer.healthcheck.interval": "5s"}),
}


@pytest.mark.parametrize("kind", ORDINARY)
def test_an_ordinary_container_hides_no_missing_entry_and_no_clean_retention(kind: str) -> None:
    missing = outcome_of(look(ORDINARY[kind]), SCHEDULED)
    assert [finding.saw for finding in missing.findings] == [
        "nothing on vgpu runs `backup` in rodan_postgres, which runs there"
    ]
    deletes = outcome_of(look(ORDINARY[kind], files=GOOD), DELETES)
    assert (deletes.outcome, deletes.warnings) == (Outcome.HOLDS, ())


LABELS = {
    "ofelia": {
        "ofelia.enabled": "true",
        "ofelia.job-exec.dump.schedule": "@daily",
        "ofelia.job-exec.dump.command": "b",
    },
    "chadburn": {"chadburn.job-exec.x.schedule": "@daily"},
    "deck-chores": {"deck-chores.dump.command": "backup", "deck-chores.dump.interval": "daily"},
    "a packer's command": {"docker-volume-backup.archive-pre": "pg_dump"},
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_a_scheduler_on_the_database_are_unknown(kind: str) -> None:
    inspected = {"Id": "9" * 64, "Name": "/x", "Config": {"Labels": LABELS[kind]}, "State": {"Pid": 1}}
    [made] = parse_containers(json.dumps([inspected]))
    verdict = outcome_of(look(labels={"jobs": made.jobs}), SCHEDULED)
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())


def test_a_label_about_dumps_removes_none_and_one_about_another_job_may() -> None:
    def outcome(job: str) -> Outcome:
        labels = {"ofelia.enabled": "true", f"ofelia.job-exec.{job}.schedule": "@daily"}
        inspected = {"Id": "9" * 64, "Name": "/x", "Config": {"Labels": labels}, "State": {"Pid": 1}}
        [made] = parse_containers(json.dumps([inspected]))
        return outcome_of(look(labels={"jobs": made.jobs}, files=GOOD), DELETES).outcome

    assert outcome("pg-dump") is Outcome.HOLDS
    assert outcome("nightly") is Outcome.UNKNOWN


def test_a_label_that_only_stops_the_database_meanwhile_is_none() -> None:
    labels = {"docker-volume-backup.stop-during-backup": "true", "com.docker.compose.depends_on": "", "a.b": "c"}
    inspected = {"Id": "9" * 64, "Name": "/x", "Config": {"Labels": labels}, "State": {"Pid": 1}}
    [made] = parse_containers(json.dumps([inspected]))
    assert outcome_of(look(labels={"jobs": made.jobs}), SCHEDULED).outcome is Outcome.FINDING


def test_no_value_of_a_setting_or_label_and_no_argument_is_kept() -> None:
    labels = {"ofelia.job-exec.x.command": "s3cret", "ofelia.job-exec.x.schedule": "s3cret"}
    config = {"Env": ["SCHEDULE=s3cret", "BACKUP_KEEP_DAYS=s3cret"], "Labels": labels}
    script = ["-c", "while :; do curl -u s3cret x; rm /b/s3cret; sleep 3; done"]
    mounts = [{"Type": "volume", "Name": "v", "Source": "/v", "Destination": "/b", "RW": True}]
    inspected = {"Id": "9" * 64, "Name": "/x", "Config": config, "Path": "sh", "Args": script, "Mounts": mounts}
    [made] = parse_containers(json.dumps([inspected]))
    assert (len(made.jobs.settings), made.jobs.main, made.jobs.removes) == (4, "loop", (("rm", "/b"),))
    assert "s3cret" not in repr(made)


REMOVERS = {
    "a retention": (Sidecar(env=("SCHEDULE", "BACKUP_KEEP_DAYS")), "BACKUP_KEEP_DAYS"),
    "days of retention": (Sidecar("volume-backup", ("BACKUP_RETENTION_DAYS",)), "BACKUP_RETENTION_DAYS"),
    "a greatest number": (Sidecar("pgbackup", ("MAX_BACKUPS",)), "MAX_BACKUPS"),
    "kartoza's": (Sidecar("kartoza/pg-backup", ("CRON_SCHEDULE", "REMOVE_BEFORE")), "REMOVE_BEFORE"),
    "a loop": (Sidecar(command=("sh", "-c", "while :; do find /b -mtime +7 -delete; sleep 1d; done")), "find"),
    "a loop over names": (
        Sidecar(command=("sh", "-c", "while sleep 9; do cd /b && ls -t | tail -n +8 | xargs rm -f; done")),
        "xargs",
    ),
}


@pytest.mark.parametrize("kind", REMOVERS)
def test_what_removes_dumps_by_itself_is_named_and_nothing_is_thinned(kind: str) -> None:
    sidecar, what = REMOVERS[kind]
    fleet = look(sidecar, files=GOOD)
    verdict = outcome_of(fleet, DELETES)
    assert [warning.saw for warning in verdict.warnings] == [f"beside removes dumps, too, with `{what}`"]
    policy = fleet.inventory.section(Policy)
    assert isinstance(held_back(fleet, policy), ForAPerson)
    assert removable_backups(fleet, policy) == ()


UNTOLD = {
    "supercronic": Sidecar(command=("supercronic", "/etc/crontab")),
    "a scheduler with the engine": Sidecar("mcuadros/ofelia", command=("ofelia", "daemon"), mounts=(SOCKET,)),
    "a loop around a script": Sidecar(command=("sh", "-c", "while :; do /clean.sh; sleep 1d; done")),
    "a program of its own": Sidecar("janitor", ("RETENTION_DAYS",)),
}


@pytest.mark.parametrize("kind", UNTOLD)
def test_what_does_something_there_by_the_clock_is_unknown_until_a_person_says_that_it_removes_none(kind: str) -> None:
    fleet = look(UNTOLD[kind], files=GOOD)
    assert outcome_of(fleet, DELETES).outcome is Outcome.UNKNOWN
    with pytest.raises(Unobservable, match="whether beside removes dumps"):
        held_back(fleet, fleet.inventory.section(Policy))
    text = ON_DATA.replace("  command: backup", "  command: backup\n  remove_nothing: [bes*]")
    assert outcome_of(look(UNTOLD[kind], files=GOOD, text=text), DELETES).outcome is Outcome.HOLDS


def test_a_loop_that_was_read_and_removes_nothing_there_holds() -> None:
    script = "while :; do pg_dump -h db app | gzip > /b/$(date +%F).sql.gz; rm -f /tmp/x; sleep 1d; done"
    verdict = outcome_of(look(Sidecar(command=("sh", "-c", script)), files=GOOD), DELETES)
    assert (verdict.outcome, verdict.warnings) == (Outcome.HOLDS, ())


def test_a_service_that_a_scheduler_of_the_swarm_starts_is_known_while_none_of_its_containers_runs() -> None:
    mounts = [{"Type": "volume", "Source": "rodan_pg_backup", "Target": "/b"}]
    made = {"Image": "postgres:15", "Mounts": mounts, "Env": ["PGHOST="]}
    labels = {"swarm.cronjob.enable": "true", "swarm.cronjob.schedule": "0 3 * * *"}
    spec = {"Name": "rodan_dump", "Labels": labels, "TaskTemplate": {"ContainerSpec": made}}
    fleet = look()
    cronjob = parse_service({"ID": "s1", "Spec": spec})
    fleet.facts["manager", "services"] = Services("manager", services=(cronjob,))  # type: ignore[index]
    verdict = outcome_of(fleet, SCHEDULED)
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())
    assert any("rodan_dump may make the backups" in str(why) for why in verdict.unknown)
    assert outcome_of(fleet, DELETES).outcome is Outcome.UNKNOWN


def test_a_line_of_the_node_is_named_though_the_containers_were_not_seen() -> None:
    line = "5 5 * * * find /var/lib/docker/volumes/rodan_pg_backup/_data -mtime +9 -delete"
    fleet = schedule_fleet(Machine(crontab_with_entry(f"{RUNBOOK}\n{line}")), here=Unobservable("hidden"))
    verdict = outcome_of(fleet, DELETES)
    assert [warning.saw for warning in verdict.warnings] == [f"{ROOT}:3 removes dumps, too, with `find`"]
    assert [why.why for why in verdict.unknown] == ["hidden"]


DARK = Unobservable("the schedules were not seen")


def dark_fleet(node: str, storage: Storage | None, services: Services | None = None, **changes: Any) -> Fleet:
    """A good fleet whose schedules were not seen on one node; the dumps lie on data."""
    fleet = schedule_fleet(here=(POSTGRES, NGINX), **changes)
    facts = dict(fleet.facts)
    facts[node, "schedules"] = DARK
    facts["data", "backups"] = Backups("/backups", (), storage=storage)
    if services:
        facts[node, "services"] = services
    return replace(fleet, facts=facts)


MOUNTED = Services("inactive", remote_mounts=("/mnt/nas",))
REACH = {
    "another node, a disk of the volume's own": ("manager", Storage("ext4"), None, False),
    "another node, a share": ("manager", Storage("nfs4"), None, True),
    "another node, a share, which was seen to mount none": ("manager", Storage("nfs4"), Services("inactive"), False),
    "another node, which was seen to mount something": ("manager", Storage("ext4"), MOUNTED, True),
    "another node, and what the dumps lie on was not seen": ("manager", None, None, True),
    "the volume's node": ("data", Storage("ext4"), None, True),
    "the database's node": ("vgpu", Storage("ext4"), None, True),
    "sshfs": ("manager", Storage("fuse.sshfs"), None, True),
}


@pytest.mark.parametrize("kind", REACH)
def test_what_was_not_seen_stops_thinning_only_where_it_can_reach_the_dumps(kind: str) -> None:
    from fleetkeeper.topics.backups.rules.deleters import passed_over

    node, storage, services, stops = REACH[kind]
    fleet = dark_fleet(node, storage, services)
    policy = fleet.inventory.section(Policy)
    assert outcome_of(fleet, DELETES).outcome is Outcome.UNKNOWN
    if stops:
        with pytest.raises(Unobservable, match="schedules were not seen"):
            held_back(fleet, policy)
    else:
        removable_backups(fleet, policy)
        [note] = passed_over(fleet)
        assert note.startswith(f"whether something on {node} removes dumps was not seen, and it cannot: ")
