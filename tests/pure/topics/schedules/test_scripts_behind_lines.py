"""What lines run by name, from variables, here-documents and files that they read: it is found, or unknown."""

from __future__ import annotations

import pytest

from fleetkeeper.judging.verdicts import Outcome
from tests.example_fleets.schedules import (
    POSTGRES,
    THERE,
    File,
    Machine,
    crontab_with_entry,
    schedule_fleet,
    verdict_of,
)

EXEC = f"docker exec {POSTGRES.name}"
SCRIPT = File(f"#!/bin/sh\n{EXEC} backup\n", 0o755)
PATH = "PATH=/usr/local/bin:/usr/bin:/bin\n"
DIRECTORY, PLAIN = "0:0:41ed", "0:0:81a4"


def outcome_of_line(line: str, setting: str = "", files: dict[str, File] | None = None) -> Outcome:
    """The verdict on a node with this line below this setting of its crontab, and with these scripts."""
    paths = {**THERE, "/etc/backup.env": PLAIN}
    node = Machine({**crontab_with_entry(f"{setting}0 0,12 * * * {line}"), **(files or {})}, paths=paths)
    return verdict_of(schedule_fleet(node)).outcome


def test_a_script_that_is_named_without_its_path_is_found_on_the_path():
    assert outcome_of_line("bk", PATH, {"/usr/local/bin/bk": SCRIPT}) is Outcome.HOLDS
    assert outcome_of_line("nice bk -q", PATH, {"/usr/local/bin/bk": SCRIPT}) is Outcome.HOLDS
    assert outcome_of_line("bk", "", {"/usr/local/bin/bk": SCRIPT}) is Outcome.FINDING


@pytest.mark.parametrize("line", [f'OUT=$({EXEC} backup 2>&1) || echo "$OUT"', f'echo "$({EXEC} backup)"'])
def test_a_line_that_keeps_what_its_backup_prints_is_that_backup(line: str):
    assert outcome_of_line(line) is Outcome.HOLDS


def test_a_command_in_a_setting_is_read():
    assert outcome_of_line("$CMD", f"CMD={EXEC} backup\n") is Outcome.HOLDS
    assert outcome_of_line("$NICE docker exec $C backup", f"NICE=nice -n 19\nC={POSTGRES.name}\n") is Outcome.HOLDS


def test_a_here_document_that_may_be_the_backup_is_unknown_and_never_doubled():
    script = File(f"#!/bin/sh\ndocker exec -i {POSTGRES.name} sh <<END\nbackup\nEND\n", 0o755)
    assert outcome_of_line("/opt/dumps.sh", files={"/opt/dumps.sh": script}) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("ENABLED=yes\n", Outcome.HOLDS), ("ENABLED=no\n", Outcome.FINDING), ("exit 0\n", Outcome.FINDING)],
)
def test_a_file_that_a_line_reads_is_asked_for(text: str, outcome: Outcome):
    files = {"/etc/backup.env": File(text, 0o644)}
    assert outcome_of_line(f'. /etc/backup.env && [ "$ENABLED" = yes ] && {EXEC} backup', files=files) is outcome


def test_what_bash_reads_first_is_read():
    bash = "SHELL=/bin/bash\nBASH_ENV=/etc/backup.env\n"
    assert outcome_of_line(f"{EXEC} backup", bash, {"/etc/backup.env": File("A=1\n")}) is Outcome.HOLDS
    assert outcome_of_line(f"{EXEC} backup", bash, {"/etc/backup.env": File("exit 0\n")}) is Outcome.FINDING


@pytest.mark.parametrize("line", [f"bash -c '{EXEC} backup'", "/opt/bk"])
def test_what_a_bash_behind_the_line_reads_first_is_read(line: str):
    files = {"/opt/bk": File(f"#!/bin/bash\n{EXEC} backup\n", 0o755)}
    for text, outcome in {"A=1\n": Outcome.HOLDS, "exit 0\n": Outcome.FINDING}.items():
        first = {"/etc/backup.env": File(text)}
        assert outcome_of_line(line, "BASH_ENV=/etc/backup.env\n", {**files, **first}) is outcome


@pytest.mark.parametrize(
    ("first", "outcome"),
    [
        ("#!/bin/sh", Outcome.HOLDS),
        ("#!/bin/bash -e", Outcome.HOLDS),
        ("#!/bin/sh -n", Outcome.FINDING),
        ("#!/bin/bash -e -u", Outcome.FINDING),
        ("#!bin/sh", Outcome.FINDING),
        ("#!/bin/cat", Outcome.UNKNOWN),
    ],
)
def test_the_first_line_of_a_script_decides_who_reads_it(first: str, outcome: Outcome):
    files = {"/opt/dumps.sh": File(f"{first}\n{EXEC} backup\n", 0o755)}
    programs = [*Machine(files).programs, "/bin/cat"]
    node = Machine({**crontab_with_entry("0 0,12 * * * /opt/dumps.sh"), **files}, programs=programs)
    assert verdict_of(schedule_fleet(node)).outcome is outcome


@pytest.mark.parametrize(("shell", "outcome"), [("bash", Outcome.HOLDS), ("zsh", Outcome.FINDING)])
def test_a_shell_that_nothing_else_asks_about_is_asked_for(shell: str, outcome: Outcome):
    setting = f"SHELL=/bin/{shell}\n{PATH}"
    assert outcome_of_line(f"{EXEC} backup", setting) is outcome
    assert outcome_of_line("bk", setting, {"/usr/local/bin/bk": SCRIPT}) is outcome


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("run-parts /opt/dir", Outcome.UNKNOWN),
        ("cd / && run-parts --report /etc/cron.hourly", Outcome.FINDING),
        ("find /opt -name bk -exec {} \\;", Outcome.UNKNOWN),
        ("find /opt -maxdepth 0 -exec /opt/bk {} \\;", Outcome.HOLDS),
        ("echo now | xargs -n 1 /opt/bk", Outcome.HOLDS),
        ("find /tmp -mtime +7 -exec rm {} +", Outcome.FINDING),
        ("/opt/second", Outcome.HOLDS),
        ("/opt/third", Outcome.UNKNOWN),
        ("/opt/harmless", Outcome.FINDING),
    ],
)
def test_a_script_that_may_be_the_backup_and_is_not_read_is_unknown(line: str, outcome: Outcome):
    files = {
        "/opt/bk": SCRIPT,
        "/opt/second": File("#!/bin/sh\n/opt/bk\n", 0o755),
        "/opt/third": File("#!/bin/sh\n/opt/second\n", 0o755),
        "/opt/harmless": File("#!/bin/sh\n/opt/cleaner\n", 0o755),
        "/opt/cleaner": File("#!/bin/sh\n/usr/bin/find /tmp -mtime +7 -delete\n", 0o755),
    }
    assert outcome_of_line(line, files=files) is outcome
