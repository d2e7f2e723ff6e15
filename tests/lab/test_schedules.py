"""Our reading of crontabs held against Debian's own cron, and an entry moved to where postgres runs."""

from __future__ import annotations

import shlex
import time
from datetime import UTC, datetime
from itertools import chain

import pytest

from fleetkeeper.looking.look import look_at_fleet
from fleetkeeper.readers.cron.crontab import parse
from fleetkeeper.readers.cron.crontab_files import file_faults, table_faults
from fleetkeeper.readers.cron.snapshot import SnapshotFile
from fleetkeeper.readers.docker.docker_exec import docker_executions
from fleetkeeper.readers.docker.exec_targets import resolve_target
from fleetkeeper.topics import containers
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.registry import load_inventory, observers_in
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.pool import Links
from lab import setup
from lab.names import NODES
from lab.shell import wait_until
from tests.lab.conftest import ROOT, Lab, rules_ending_so
from tests.pure.readers.cron.test_crontab import ACCEPTED, REFUSED

RULE = "schedules.backup_runs_where_postgres_runs"
JOB = "* * * * * root touch /tmp/fk/%s\n"
MORE = {
    "unended": (JOB[:-1] % "unended", 0o644),
    "bad-line": (JOB % "bad-line" + "99 * * * * root true\n", 0o644),
    "no-such-user": (JOB % "no-such-user" + "* * * * * nosuch true\n", 0o644),
    "writable": (JOB % "writable", 0o664),
    "secret": (JOB % "secret", 0o600),
    "executable": (JOB % "executable", 0o755),
    "dotted.name": (JOB % "dotted.name", 0o644),
    "under_score-and-dash": (JOB % "under_score-and-dash", 0o644),
    "tilde~": (JOB % "tilde~", 0o644),
    "set": ("A = b c\n" + JOB % "set", 0o644),
    "spaced": ("   \t" + JOB % "spaced", 0o644),
    "comment-last": (JOB % "comment-last" + "# no newline", 0o644),
    "long": (JOB % ("long #" + "x" * 1000), 0o644),
    "names": (JOB.replace("* * root", "jan-dec sun-sat root") % "names", 0o644),
    "tabs": ((JOB % "tabs").replace("* ", "*\t"), 0o644),
    "carriage-return": ("\r\n" + JOB % "carriage-return", 0o644),
    "set-to-carriage-return": ("A=b\r\n" + JOB % "set-to-carriage-return", 0o644),
    "quoted": ('PATH="/usr/bin:/bin"\nMAILTO=""\n' + JOB % "quoted", 0o644),
    "half-quoted": ('A="b" c\n' + JOB % "half-quoted", 0o644),
    "set-to-nothing": ("A=\n" + JOB % "set-to-nothing", 0o644),
    "exported": ("export A=b\n" + JOB % "exported", 0o644),
    "steps": ((JOB % "steps").replace("* ", "*/1 "), 0o644),
    "or-sunday": ((JOB % "or-sunday").replace("* * * root", "1-31 * 0 root"), 0o644),
    "six-fields": ("* " + JOB % "six-fields", 0o644),
    "unknown-word": (JOB % "unknown-word" + "@noon root true\n", 0o644),
    "cron-tz": ("CRON_TZ=Asia/Tokyo\n" + JOB % "cron-tz", 0o644),
    "byte-order-mark": ("\ufeff" + JOB % "byte-order-mark", 0o644),
    "unended-setting": (JOB % "unended-setting" + "A=b", 0o644),
    "unended-blanks": (JOB % "unended-blanks" + "  ", 0o644),
    "-dash": (JOB % "-dash", 0o644),
    "with+plus": (JOB % "with+plus", 0o644),
    "closed": (JOB % "closed", 0o000),
}


@pytest.mark.parametrize("lines", [REFUSED, ACCEPTED], ids=["refused", "accepted"])
def test_debians_crontab_refuses_what_we_call_a_problem_and_nothing_else(lab, lines: list[str]) -> None:
    script = (
        'for line; do printf "%s\\n" "$line" > /tmp/c; crontab -u games /tmp/c 2>/dev/null && echo y || echo n; done'
    )
    text = lab.on("data", "sh", "-c", f"{script}; crontab -u games -r; rm /tmp/c", "sh", *lines).split()
    ours = ["n" if parse(f"{line}\n".encode(), system=False).problems else "y" for line in lines]
    assert dict(zip(lines, text, strict=True)) == dict(zip(lines, ours, strict=True))


def is_predicted(name: str, content: str, mode: int) -> bool:
    """Whether we say that cron runs it."""
    file = SnapshotFile(f"/etc/cron.d/{name}", "system", 0, 0, mode, 1, 0.0, content.encode())
    table = parse(file.content, system=True)
    strangers = any(job.user != "root" for job in table.jobs)
    return not (strangers or list(chain(file_faults(file, "0"), table_faults(table))))


FILTERS = """
-f name=postgres
-f name=^/rodan
-f name=^rodan_postgres
-f name=rodan.postgres
-f name=/rodan_
-f name=nginx -f name=postgres
-f name=rodan -f label=com.docker.swarm.service.name=rodan_postgres
-f label=com.docker.swarm.service.name
-f label=com.docker.swarm.service.name=rodan_nginx -f label=com.docker.swarm.service.name=rodan_celery
-f status=running
-f status=exited
-a -f name=rodan
-f health=healthy
-f volume=rodan_pg_backup
-f volume=/backups
-f name=[
-f name=
-f id=ID
-f id=ID[0]
-f name=POSTGRES
"""
NOT_CLOSED = "-f name=["
"""What no engine's expressions read alike: unknown, whatever Docker does with it."""


def test_docker_finds_the_containers_that_we_say_it_finds(lab) -> None:
    inventory = load_inventory(ROOT / "inventories" / "lab.yml")
    with Links(inventory) as links:
        seen = look_at_fleet(inventory, links.to, observers_in({"containers": containers.TOPIC}), datetime.now(UTC))
    present = seen.of("vgpu", Containers).containers
    assert len(present) >= 2
    for line in FILTERS.strip().replace("ID", present[0].id[:5]).splitlines():
        [match] = docker_executions(f"docker exec $(docker ps -q {line}) x")
        if line == NOT_CLOSED:
            with pytest.raises(Unobservable, match="not followed here"):
                resolve_target(match.target, present)
            continue
        text = lab.on("vgpu", "docker", "ps", "-q", "--no-trunc", *line.split()).split()
        assert (line, sorted(item.id for item in resolve_target(match.target, present))) == (line, sorted(text))


@pytest.mark.long
def test_a_real_cron_runs_exactly_the_files_that_we_say_it_runs(lab) -> None:
    expected = {name for name, (content, mode) in MORE.items() if is_predicted(name, content, mode)}
    put = 'mkdir -p /tmp/fk; printf %s "$2" > "/etc/cron.d/$1"; chmod "$3" "/etc/cron.d/$1"'
    try:
        for name, (content, mode) in MORE.items():
            lab.on("data", "sh", "-c", put, "sh", name, content, f"{mode:o}")
        wait_until(lambda: jobs_that_ran(lab) >= expected, "cron to run what it should", limit=300, every=2)
        time.sleep(65)  # a minute more for what it should not run
        ran = jobs_that_ran(lab)
    finally:
        names = " ".join(shlex.quote(f"/etc/cron.d/{name}") for name in MORE)
        lab.on("data", "sh", "-c", f"rm -rf /tmp/fk {names}")
    assert ran == expected


def jobs_that_ran(lab: Lab) -> set[str]:
    """The jobs that have left their file on `data`."""
    return set(lab.on("data", "ls", "/tmp/fk").split())


@pytest.mark.long
def test_case_24_an_entry_on_the_wrong_node_is_moved_and_every_other_line_stays(broken) -> None:
    lab = broken("cron-on-wrong-node")
    before = {node.name: setup.root_crontab(lab.engine, node) for node in NODES}
    ran = lab.remediate("--only", RULE, "--fix", "--yes")
    assert ran.status == 0, ran.said
    after = {node.name: setup.root_crontab(lab.engine, node) for node in NODES}
    assert after["vgpu"].startswith(before["vgpu"])
    assert f"# BEGIN fleetkeeper v1 {RULE}" in after["vgpu"]
    assert after["data"] == before["data"].replace(f"{setup.ENTRY}\n", "")
    assert after["manager"] == before["manager"]
    assert RULE in rules_ending_so(lab.audit("-k", "schedules"), "holds")


@pytest.mark.long
def test_case_27_a_stopped_cron_is_started(broken) -> None:
    lab = broken("cron-stopped")
    ran = lab.remediate("--only", "schedules.cron_is_active", "--fix", "--yes")
    assert ran.status == 0, ran.said
    assert lab.on("vgpu", "pgrep", "-x", "cron").split()
