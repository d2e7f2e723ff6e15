"""Where the backup is scheduled: the good fleet is clean, and each way to break it is found with its own reason."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter

from fleetkeeper.errors import NotApplicable, UsageError
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.readers.cron import snapshot
from fleetkeeper.readers.cron.due_times import due_times
from fleetkeeper.topics import schedules
from fleetkeeper.topics.containers.facts import Container, Mount, Process
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.schedules.facts import Facts
from fleetkeeper.topics.schedules.facts import Facts as Schedules
from fleetkeeper.transport.commands import Output, Unobservable
from tests.example_fleets.backups import dump_file as backup
from tests.example_fleets.schedules import (
    GOOD,
    NGINX,
    NOW,
    POSTGRES,
    ROOT,
    RUNBOOK,
    TEXT,
    File,
    Machine,
    crontab_with_entry,
    schedule_fleet,
    verdict_of,
)

REPEATED = datetime(2026, 11, 1, 0, 0, tzinfo=ZoneInfo("America/Toronto"))
OTHER = Container(id="ab" * 32, name="other_postgres", labels={})


def break_file(line: str, **changes) -> list[str]:
    """What is said about root's crontab with this line in it."""
    return [
        finding.saw for finding in verdict_of(schedule_fleet(Machine(crontab_with_entry(line), **changes))).findings
    ]


def in_cron_d(name: str, content: str, **changes) -> Machine:
    return Machine({f"/etc/cron.d/{name}": replace(File(content, mode=0o644), **changes)})


def test_the_runbooks_own_line_on_the_right_node_holds():
    assert verdict_of(schedule_fleet()).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    "command",
    [
        "docker exec $(docker ps -q --filter label=com.docker.swarm.service.name=rodan_postgres) backup",
        "docker exec `docker ps -qf name=rodan_postgres` backup > /dev/null 2>&1",
        "/usr/bin/docker container exec -i 612b4ae59567 backup",
        "cd / && id=$(docker ps -q -f name=postgres) && docker exec $id backup | logger -t backup",
        'for c in $(docker ps -q -f name=postgres); do docker exec "$c" backup; done',
        "docker ps -q -f name=postgres | xargs -I{} docker exec {} backup",
        "nice -n 19 ionice -c3 flock -n /run/b timeout 3600 docker exec $(docker ps -q -f name=postgres) backup",
        "/bin/sh -c 'docker exec $(docker ps -q -f name=postgres | head -1) /usr/local/bin/backup'",
        "sudo -n docker exec --user postgres $(docker ps -q -f name=postgres) sh -c backup",
        "docker exec $(docker ps -q -f name=postgres) backup && date +\\%F >> /var/log/backup",
        "docker exec $(docker ps --format '{{.Names}}' -f name=postgres -f status=running) backup # twice a day",
        "for i in 1 2 3; do docker exec $(docker ps -q -f name=postgres) backup && break; sleep 60; done",
        "for i in 1 2 3; do if docker exec $(docker ps -q -f name=postgres) backup; then break; fi; sleep 60; done",
        "sudo -Hu ops docker exec $(docker ps -q -f name=postgres) backup",
        "sudo -nu ops sh -c 'docker exec $(docker ps -q -f name=postgres) backup'",
        "systemd-run --wait -q -p Nice=19 --slice backup docker exec $(docker ps -q -f name=postgres) backup",
        "systemd-run --scope --uid=ops -- docker exec $(docker ps -q -f name=postgres) backup",
        "systemctl stop wiki && docker exec $(docker ps -q -f name=postgres) backup; systemctl start wiki",
        "systemctl is-active --quiet docker && docker exec $(docker ps -q -f name=postgres) backup",
    ],
)
def test_other_spellings_of_the_same_command_hold(command: str):
    verdict = verdict_of(schedule_fleet(Machine(crontab_with_entry(f"0 0,12 * * * {command}"))))
    assert (verdict.outcome, [finding.saw for finding in verdict.findings]) == (Outcome.HOLDS, [])


def test_a_retry_that_goes_on_whatever_happens_makes_several_backups():
    [saw] = break_file("0 0,12 * * * for i in 1 2; do docker exec $(docker ps -q -f name=postgres) backup; done")
    assert "duplicated" in saw
    [again] = break_file(
        "0 0,12 * * * for i in 1 2; do docker exec $(docker ps -q -f name=postgres) backup && continue; done"
    )
    assert "duplicated" in again


@pytest.mark.parametrize("change", ["sudo -Hu ops", "sudo -uops", "sudo --user=ops --", "systemd-run --wait --uid ops"])
def test_the_account_that_a_program_changes_to_is_asked_about_docker(change: str):
    [saw] = break_file(f"0 0,12 * * * {change} docker exec $(docker ps -q -f name=postgres) backup", denied=("ops",))
    assert "runs as ops, who may not talk to Docker" in saw


@pytest.mark.parametrize("times", ["0 */12 * * *", "00 12,0 * * *", "0 0-12/12 * * 0-7", "0 0,12 1-31 jan-dec *"])
def test_times_are_compared_by_meaning(times: str):
    assert (
        verdict_of(schedule_fleet(Machine(crontab_with_entry(RUNBOOK.replace("0 0,12 * * *", times))))).outcome
        is Outcome.HOLDS
    )


@pytest.mark.parametrize(
    ("schedule", "entries"),
    [
        ("0 3 * * *", ("0 3 1-31/2 * *", "0 3 2-30/2 * *")),
        ("0 3 * * *", ("0 3 * * 1-5", "0 3 * * 6,0")),
        ("0 0,12 * * *", ("0 0 * * *", "0 12 * * 1-5", "0 12 * * sat,sun")),
    ],
)
def test_entries_that_divide_the_days_between_them_are_the_schedule_together(schedule: str, entries: tuple[str, ...]):
    lines = "\n".join(RUNBOOK.replace("0 0,12 * * *", times) for times in entries)
    text = TEXT.replace('schedule: "0 0,12 * * *"', f'schedule: "{schedule}"')
    assert verdict_of(schedule_fleet(Machine(crontab_with_entry(lines)), text=text)).outcome is Outcome.HOLDS


def test_a_timer_and_a_line_are_the_schedule_together():
    node = timer("docker exec rodan_postgres.1.abcdefghijklmnop backup", calendar="Mon..Fri *-*-* 00,12:00:00")
    line = RUNBOOK.replace("0 0,12 * * *", "0 0,12 * * 0,6")
    both = replace(node, files=crontab_with_entry(line))
    assert verdict_of(schedule_fleet(both)).outcome is Outcome.HOLDS
    assert verdict_of(schedule_fleet(node)).outcome is Outcome.FINDING


def test_two_lines_that_are_together_the_schedule_hold():
    text = RUNBOOK.replace("0,12", "0") + "\n" + RUNBOOK.replace("0,12", "12")
    assert verdict_of(schedule_fleet(Machine(crontab_with_entry(text)))).outcome is Outcome.HOLDS


@pytest.mark.parametrize("times", ["0 0 * * *", "0 0,12 * * 1-5", "5 0,12 * * *", "0 0,12 1 * 1"])
def test_other_times_are_found(times: str):
    [saw] = break_file(RUNBOOK.replace("0 0,12 * * *", times))
    assert "due at" in saw


@pytest.mark.parametrize("times", ["0 20-4 * * *", "0 0,12 * * mon-sun", "0 0,12 31 2 *"])
def test_times_that_never_come_are_said_to(times: str):
    [saw] = break_file(RUNBOOK.replace("0 0,12 * * *", times))
    assert "never due" in saw


def test_what_the_crontab_sets_is_known_to_its_commands():
    line = "C=rodan_postgres\n0 0,12 * * * docker exec $(docker ps -q -f name=$C) backup"
    assert verdict_of(schedule_fleet(Machine(crontab_with_entry(line)))).outcome in (Outcome.HOLDS, Outcome.UNKNOWN)
    line = f"C={POSTGRES.name}\n0 0,12 * * * docker exec $C backup"
    assert verdict_of(schedule_fleet(Machine(crontab_with_entry(line)))).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    "line",
    [
        "ssh data docker exec $(docker ps -q -f name=postgres) backup",
        "cronitor exec key docker exec $(docker ps -q -f name=postgres) backup",
        "echo backup | docker exec -i $(docker ps -q -f name=postgres) sh",
        "find /run/backup.wanted -exec docker exec $(docker ps -q -f name=postgres) backup \\;",
        "systemd-run --on-active=30 docker exec $(docker ps -q -f name=postgres) backup",
        "systemctl is-active -q wiki && docker exec $(docker ps -q -f name=postgres) backup",
        "case $(cat /etc/role) in v*) docker exec $(docker ps -q -f name=postgres) backup;; esac",
    ],
)
def test_a_line_that_may_be_the_backup_is_unknown_and_never_doubled(line: str):
    seen = schedule_fleet(Machine(crontab_with_entry(f"0 0,12 * * * {line}")))
    verdict = verdict_of(seen)
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())
    assert f"{ROOT}:2" in str(verdict.unknown[0])


def test_the_first_word_of_a_command_is_only_a_user_when_there_is_one():
    [saw] = break_file("0 0,12 * * * root docker exec $(docker ps -q -f name=postgres) backup")
    assert "has a user field" in saw
    assert break_file("0 0,12 * * * cronwrap docker exec $(docker ps -q -f name=postgres) backup") == []


def test_no_entry_at_all_is_found_and_says_what_mentions_backups():
    [match] = verdict_of(schedule_fleet(Machine(crontab_with_entry("0 3 * * * /opt/pg_backup.sh")))).findings
    assert match.saw == "nothing on vgpu runs `backup` in rodan_postgres, which runs there"
    assert f"{ROOT}:2" in match.hint
    assert match.node == "vgpu"


# Case 26: each with its own reason.


def test_case_26_commented_out():
    [saw] = break_file(f"# {RUNBOOK}")
    assert saw == f"the entry {ROOT}:2 is commented out"


def test_case_26_a_comment_beside_an_entry_that_works_is_nothing():
    verdict = verdict_of(schedule_fleet(Machine(crontab_with_entry(f"# {RUNBOOK}\n{RUNBOOK}"))))
    assert (verdict.outcome, verdict.warnings) == (Outcome.HOLDS, ())


def test_case_26_duplicated():
    [saw] = break_file(f"{RUNBOOK}\n{RUNBOOK}")
    assert saw == f"duplicated: {ROOT}:2 and {ROOT}:3 each run the backup"


def test_case_26_duplicated_in_another_place():
    machine = Machine({**GOOD, "/etc/cron.d/backup": File(RUNBOOK.replace("* docker", "* root docker") + "\n", 0o644)})
    [match] = verdict_of(schedule_fleet(machine)).findings
    assert "duplicated" in match.saw


def test_case_26_a_dot_in_the_file_name():
    [match] = verdict_of(schedule_fleet(in_cron_d("x.y", RUNBOOK.replace("* docker", "* root docker") + "\n"))).findings
    assert "skip names with a dot" in match.saw


def test_case_26_no_user_field():
    [match] = verdict_of(schedule_fleet(in_cron_d("backup", RUNBOOK + "\n"))).findings
    assert "has no user field" in match.saw


def test_case_26_no_final_newline():
    [match] = verdict_of(schedule_fleet(Machine({ROOT: File(RUNBOOK)}))).findings
    assert "does not end with a newline" in match.saw


def test_case_26_docker_exec_it():
    [saw] = break_file(RUNBOOK.replace("exec", "exec -it"))
    assert "asks for a terminal with `docker exec -it`" in saw


def test_case_26_docker_exec_t_alone_is_served_and_only_a_warning():
    verdict = verdict_of(schedule_fleet(Machine(crontab_with_entry(RUNBOOK.replace("exec", "exec -t")))))
    assert verdict.outcome is Outcome.HOLDS
    [warning] = verdict.warnings
    assert "asks for a terminal with -t" in warning.saw


def test_case_26_an_unescaped_percent_that_cuts_the_command():
    [saw] = break_file(RUNBOOK.replace(") backup", " --format '%') backup"))
    assert "cut at an unescaped %" in saw


def test_case_26_an_unescaped_percent_behind_the_command_is_a_warning():
    verdict = verdict_of(schedule_fleet(Machine(crontab_with_entry(RUNBOOK + " && date +%F"))))
    assert [warning.severity for warning in verdict.warnings] == ["warning"]


def test_case_26_docker_is_not_on_crons_path():
    [saw] = break_file(RUNBOOK, docker=("/usr/local/bin/docker",))
    assert "does not find docker" in saw


def test_case_26_a_path_in_the_crontab_is_honoured():
    machine = Machine(crontab_with_entry(f"PATH=/usr/local/bin:/usr/bin\n{RUNBOOK}"), docker=("/usr/local/bin/docker",))
    assert verdict_of(schedule_fleet(machine)).outcome is Outcome.HOLDS


def test_case_26_a_docker_outside_the_usual_places_is_asked_for():
    machine = Machine(crontab_with_entry(RUNBOOK.replace("* docker", "* /opt/docker")), docker=("/opt/docker",))
    printed = replace(machine, docker=())
    assert "does not find docker" in verdict_of(schedule_fleet(printed)).findings[0].saw
    assert verdict_of(schedule_fleet(machine)).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"owner": 1000}, "somebody that cron does not trust"),
        ({"mode": 0o640}, "others may write its file"),
        ({"links": 2}, "several names"),
    ],
)
def test_case_26_a_file_that_cron_does_not_trust(changes, said):
    [match] = verdict_of(schedule_fleet(Machine(crontab_with_entry(RUNBOOK, **changes)))).findings
    assert said in match.saw


@pytest.mark.parametrize("changes", [{"owner": 1000}, {"mode": 0o664}, {"links": 2}, {"link_owner": 1000}])
def test_case_26_a_file_of_cron_d_that_cron_does_not_trust(changes):
    machine = in_cron_d("backup", RUNBOOK.replace("* docker", "* root docker") + "\n", **changes)
    assert verdict_of(schedule_fleet(machine)).outcome is Outcome.FINDING


def test_one_bad_line_makes_cron_ignore_the_whole_file():
    [match] = verdict_of(schedule_fleet(Machine(crontab_with_entry(f"{RUNBOOK}\n99 * * * * true")))).findings
    assert "cannot read line 3" in match.saw


def test_a_user_who_does_not_exist_makes_cron_ignore_the_whole_file():
    text = RUNBOOK.replace("* docker", "* root docker") + "\n1 1 * * * nosuch true\n"
    [match] = verdict_of(schedule_fleet(in_cron_d("backup", text))).findings
    assert "cannot read line 2" in match.saw


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (RUNBOOK.replace("* docker", "* root docker"), "has a user field"),
        (RUNBOOK.replace("0 0,12", "0 24,12"), "has time fields that cron cannot read"),
        (RUNBOOK + "\r", "carriage return"),
        (RUNBOOK + " #" + "x" * 1000, "longer than cron takes"),
        (RUNBOOK.replace("0 0,12 * * *", "@reboot"), "at boot only"),
    ],
)
def test_more_ways_to_write_an_entry_that_does_nothing(line: str, said: str):
    assert any(said in saw for saw in break_file(line))


def test_an_account_that_may_not_talk_to_docker_is_found():
    machine = Machine({"/var/spool/cron/crontabs/ops": File(RUNBOOK + "\n", owner=1000)}, denied=("ops",))
    [match] = verdict_of(schedule_fleet(machine)).findings
    assert "runs as ops, who may not talk to Docker" in match.saw


def test_case_25_two_containers_that_match_are_ambiguous():
    seen = schedule_fleet(here=(POSTGRES, OTHER))
    [match] = verdict_of(seen).findings
    assert "ambiguous" in match.saw
    assert "other_postgres" in match.saw


def test_a_label_is_not_ambiguous_where_a_name_is():
    line = RUNBOOK.replace("-f name=postgres", "-f label=com.docker.swarm.service.name=rodan_postgres")
    assert (
        verdict_of(schedule_fleet(Machine(crontab_with_entry(line)), here=(POSTGRES, OTHER))).outcome is Outcome.HOLDS
    )


def test_an_entry_that_finds_no_container_is_found():
    [saw] = break_file(RUNBOOK.replace("name=postgres", "name=rodan-postgres"))
    assert "finds no container" in saw


def test_an_entry_with_the_id_of_a_container_that_is_gone_is_found():
    [saw] = break_file("0 0,12 * * * docker exec 0123456789ab backup")
    assert "the one it names is gone" in saw


def test_somebody_elses_entry_with_the_same_command_does_not_count():
    line = RUNBOOK.replace("name=postgres", "name=rodan_nginx")
    [match] = verdict_of(schedule_fleet(Machine(crontab_with_entry(line)), here=(POSTGRES, NGINX))).findings
    assert "nothing on vgpu runs" in match.saw


def test_a_lookup_that_cannot_be_followed_is_unknown_and_never_green():
    line = "0 0,12 * * * docker exec $(docker ps | grep postgres | awk '{print $1}') backup"
    verdict = verdict_of(schedule_fleet(Machine(crontab_with_entry(line))))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "grep" in verdict.unknown[0].why


@pytest.mark.parametrize("setting", ["DOCKER_HOST=tcp://192.0.2.1:2375", "SHELL=/usr/bin/fish"])
def test_an_entry_that_does_something_else_than_it_seems_is_unknown(setting: str):
    node = Machine(crontab_with_entry(f"{setting}\n{RUNBOOK}"))
    with_fish = replace(node, programs=(*node.programs, "/usr/bin/fish"))
    assert verdict_of(schedule_fleet(with_fish)).outcome is Outcome.UNKNOWN


def test_case_24_after_a_move_both_nodes_are_found():
    verdict = verdict_of(schedule_fleet(Machine({}), data=Machine(GOOD)))
    assert sorted(finding.node for finding in verdict.findings) == ["data", "vgpu"]
    assert "left over" in next(finding.saw for finding in verdict.findings if finding.node == "data")


def test_an_entry_on_another_node_that_would_hit_another_container_says_so():
    [match] = verdict_of(schedule_fleet(data=Machine(GOOD), there=(OTHER,))).findings
    assert "would run `backup` in other_postgres" in match.saw


def test_an_entry_for_another_service_on_another_node_is_left_alone():
    other = Machine(crontab_with_entry(RUNBOOK.replace("name=postgres", "name=other_mysql")))
    assert verdict_of(schedule_fleet(data=other)).outcome is Outcome.HOLDS


def test_a_service_that_runs_nowhere_is_found():
    [match] = verdict_of(schedule_fleet(here=())).findings
    assert "runs nowhere" in match.saw


def test_case_25_a_service_that_runs_twice_is_ambiguous():
    [match] = verdict_of(schedule_fleet(there=(replace(POSTGRES, id="cd" * 32),))).findings
    assert match.saw.startswith("ambiguous")


def test_a_node_whose_containers_were_not_seen_makes_it_unknown():
    assert verdict_of(schedule_fleet(here=Unobservable("docker denied"))).outcome is Outcome.UNKNOWN


def test_an_unseen_crontab_makes_a_missing_entry_unknown():
    verdict = verdict_of(schedule_fleet(Machine({}, account="ops", unseen=("/var/spool/cron/crontabs",))))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "sudo: true" in verdict.unknown[0].hint


def test_the_accounts_own_crontab_is_read_where_the_others_are_hidden():
    machine = Machine({}, account="ops", unseen=("/var/spool/cron/crontabs",))
    facts = machine.seen(own=Output(0, f"{RUNBOOK}\n".encode()))
    assert [item.user for item in facts.entries] == ["ops"]


def test_case_22_a_crontab_that_could_not_be_listed_is_not_an_empty_one():
    denied = Output(1, err=b"crontab: must be privileged\n", command="crontab -l")
    assert isinstance(Machine({}).seen(own=denied).crontab, Unobservable)
    nothing = Machine({}).seen().crontab
    assert not isinstance(nothing, Unobservable)
    assert nothing.digest == "absent"


def test_a_cut_answer_is_unknown():
    with pytest.raises(Unobservable, match="cut short"):
        snapshot.read("account root\n")


def test_a_script_of_cron_daily_that_runs_it_is_judged_by_the_line_that_starts_it():
    crontab = "25 6 * * * root cd / && run-parts --report /etc/cron.daily\n"
    snapshot = f"#!/bin/sh\nset -e\n{RUNBOOK.removeprefix('0 0,12 * * * ')}\n"
    files = {"/etc/crontab": File(crontab, 0o644), "/etc/cron.daily/backup": File(snapshot, 0o755)}
    [match] = verdict_of(schedule_fleet(Machine(files))).findings
    assert "due at `25 6 * * *`" in match.saw
    files["/etc/cron.daily/backup"] = File(snapshot, 0o644)
    [match] = verdict_of(schedule_fleet(Machine(files))).findings
    assert "not executable" in match.saw


def behind(text: str, times: str = "0 0,12 * * *") -> Machine:
    """A crontab that runs a script, and the script."""
    return Machine({**crontab_with_entry(f"{times} nice /opt/pg-backup.sh"), "/opt/pg-backup.sh": File(text, 0o755)})


def test_a_script_that_an_entry_runs_is_looked_into():
    text = "#!/bin/bash\nset -eu\nid=$(docker ps -q -f name=postgres)\ndocker exec $id backup\n"
    assert verdict_of(schedule_fleet(behind(text))).outcome is Outcome.HOLDS
    [match] = verdict_of(schedule_fleet(behind(text, times="1 1 * * *"))).findings
    assert "due at `1 1 * * *`" in match.saw
    assert "asks for a terminal" in verdict_of(schedule_fleet(behind(text.replace("exec", "exec -it")))).findings[0].saw


@pytest.mark.parametrize(
    ("text", "hinted"), [("rsync -a /home /mnt\n", False), ("", True), ("echo pg_dumpall\n", True)]
)
def test_a_script_that_could_be_a_backup_is_named_and_another_is_not(text: str, hinted: bool):
    [match] = verdict_of(schedule_fleet(behind(text))).findings
    assert (f"{ROOT}:2" in match.hint) is hinted


def test_a_crontab_time_zone_that_debians_cron_ignores_is_a_warning():
    verdict = verdict_of(schedule_fleet(Machine(crontab_with_entry(f"CRON_TZ=Asia/Tokyo\n{RUNBOOK}"))))
    assert verdict.outcome is Outcome.HOLDS
    assert "CRON_TZ" in verdict.warnings[0].saw


TIMER = (
    "timer Id=backup.timer",
    "timer ActiveState=active",
    "timer Unit=backup.service",
    "timer TimersCalendar={ OnCalendar=*-*-* 00,12:00:00 ; next_elapse=n/a }",
    "service Id=backup.service",
    "service User=",
    "service ExecStart={ path=/bin/sh ; argv[]=/bin/sh -c docker exec $(docker ps -q -f name=postgres) backup "
    "; ignore_errors=no ; start_time=[n/a] }",
)


def test_a_timer_of_systemd_counts_and_one_that_is_not_active_does_not():
    assert verdict_of(schedule_fleet(Machine({}, more=TIMER))).outcome is Outcome.HOLDS
    inactive = tuple(line.replace("=active", "=inactive") for line in TIMER)
    [match] = verdict_of(schedule_fleet(Machine({}, more=inactive))).findings
    assert match.saw == "the entry backup.timer is not active"


def test_no_secret_of_a_crontab_is_kept():
    canary = "hunter2canary"
    lines = [
        f"PGPASSWORD={canary}",
        f"1 1 * * * curl -u me:{canary} https://example.org/backup",
        f"0 0,12 * * * PGPASSWORD={canary} docker exec -e P={canary} $(docker ps -q -f name=postgres) backup",
        f"0 0,12 * * * docker exec $(docker ps -q -f name=postgres) backup; curl -u me:{canary} https://example.org",
    ]
    facts = Machine(crontab_with_entry("\n".join(lines))).seen()
    assert len(facts.entries) == 2
    assert canary not in repr(facts)


def test_the_facts_survive_being_recorded():
    facts = Machine(crontab_with_entry(f"# {RUNBOOK}\n{RUNBOOK}")).seen()
    adapter = TypeAdapter(Facts)
    assert adapter.validate_json(adapter.dump_json(facts)) == facts


def test_a_team_without_backups_is_told_so():
    text = TEXT[: TEXT.index("backups:")] + 'backups: {none: "not here"}\ncertificates: {none: "not here"}\n'
    inventory = load_inventory(Path("world.yml"), text)
    with pytest.raises(NotApplicable, match="not here"):
        next(schedules.observe.observe(inventory.nodes["vgpu"], inventory))


# Cron itself, and the evidence.


def cron(machine: Machine, **changes):
    return verdict_of(schedule_fleet(machine, **changes), "schedules.cron_is_active", Subject("node", "vgpu"))


def test_a_running_cron_holds():
    assert cron(Machine(GOOD)).outcome is Outcome.HOLDS


def test_case_27_a_cron_that_does_not_run_is_found():
    [match] = cron(Machine(GOOD, cron=False)).findings
    assert (match.saw, match.node) == ("cron does not run", "vgpu")


def test_cron_is_wanted_where_the_backup_belongs_even_before_there_is_an_entry():
    assert cron(Machine({}, cron=False)).outcome is Outcome.FINDING


def test_cron_is_not_wanted_where_nothing_is_scheduled():
    nothing = schedule_fleet(data=Machine({}, cron=False))
    assert verdict_of(nothing, "schedules.cron_is_active", Subject("node", "data")).outcome is Outcome.NOT_APPLICABLE


def test_a_cron_that_is_not_installed_says_so():
    [match] = cron(Machine({}, cron=False, more=())).findings
    assert match.saw == "cron is not installed"


def test_a_cron_that_would_not_survive_a_restart_is_a_warning():
    [warning] = cron(Machine(GOOD, more=("installed", "manager systemd", "unit cron disabled"))).warnings
    assert "would not start after the next boot" in warning.saw


def test_hidden_processes_are_unknown_and_not_a_stopped_cron():
    assert cron(Machine(GOOD, cron=False, more=("installed", "hidden"))).outcome is Outcome.UNKNOWN


def appeared(*times: str, machine: Machine | None = None, **changes):
    """The verdict about evidence, with a backup made at each of these moments (UTC)."""
    moments = [datetime.fromisoformat(time).replace(tzinfo=UTC) for time in times]
    files = [backup(moment) for moment in moments]
    return verdict_of(schedule_fleet(machine, files=files, **changes), "schedules.backups_appeared")


def test_a_backup_that_appeared_when_it_was_last_due_holds():
    # Noon in Toronto is 16:00 UTC; at 16:30 the hour of grace is not over, so midnight counts.
    assert appeared("2026-06-15T04:00:01").outcome is Outcome.HOLDS


def test_case_27_no_backup_at_the_last_due_time_is_found():
    [match] = appeared("2026-06-14T16:00:01", "2026-06-15T09:00:00").findings
    assert match.saw == "no backup appeared when it was due: 2026-06-15 00:00 EDT"


def test_an_entry_that_was_just_changed_has_not_been_due_yet():
    changed = Machine(crontab_with_entry(RUNBOOK, changed=int(NOW.timestamp()) - 60))
    assert appeared(machine=changed).outcome is Outcome.NOT_APPLICABLE


def test_evidence_is_unknown_while_the_backups_were_not_seen():
    unseen = schedule_fleet(files=Unobservable("no such volume"))
    assert verdict_of(unseen, "schedules.backups_appeared").outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("now", "made"),
    [
        # 8 March 2026: 02:00 does not exist; 1 November 2026: 01:00 comes twice.
        ("2026-03-08T20:00", "2026-03-08T16:00:01"),
        ("2026-03-08T14:00", "2026-03-08T05:00:01"),
        ("2026-11-01T20:00", "2026-11-01T17:00:01"),
        ("2026-11-01T15:00", "2026-11-01T04:00:01"),
    ],
)
def test_case_28_clock_changes_give_one_expected_run_and_no_false_alarm(now: str, made: str):
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    machine = Machine(crontab_with_entry(RUNBOOK, changed=0), boot=0)
    assert appeared(made, machine=machine, now=moment).outcome is Outcome.HOLDS
    assert appeared(machine=machine, now=moment).outcome is Outcome.FINDING


def test_case_28_a_run_in_the_missing_hour_is_expected_once_and_soon_after():
    text = TEXT.replace("0 0,12 * * *", "30 2 * * *")
    machine = Machine(crontab_with_entry(RUNBOOK.replace("0 0,12", "30 2"), changed=0), boot=0)
    now = datetime(2026, 3, 8, 12, 0, tzinfo=UTC)
    [match] = appeared(machine=machine, now=now, text=text).findings
    assert "2026-03-08 03:00 EDT" in match.saw
    assert appeared("2026-03-08T07:00:05", machine=machine, now=now, text=text).outcome is Outcome.HOLDS


def test_case_28_a_run_in_the_repeated_hour_is_expected_once():
    assert [f"{moment:%d %H:%M %Z}" for moment in islice(due_times("30 1 * * *", REPEATED), 2)] == [
        "01 01:30 EDT",
        "02 01:30 EST",
    ]


@pytest.mark.parametrize("node", ["manager", "data", "vgpu"])
@pytest.mark.parametrize("kind", [Schedules, Containers])
def test_case_83_any_unseen_fact_makes_the_rule_unknown(node: str, kind):
    seen = schedule_fleet()
    facts = {**seen.facts, (node, kind.topic): Unobservable("cut off")}
    assert verdict_of(replace(seen, facts=facts)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("times", ["", "0 0,12 * * * $(id)", "0 0,12 * *", "soon"])
def test_an_entry_whose_times_are_not_understood_is_unknown(times):
    fleet = schedule_fleet(Machine(GOOD))
    seen = fleet.facts["vgpu", "schedules"]
    facts = replace(seen, entries=tuple(replace(entry, times=times) for entry in seen.entries))
    verdict = verdict_of(replace(fleet, facts={**fleet.facts, ("vgpu", "schedules"): facts}))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "cannot tell when" in str(verdict.unknown[0])


def timer(command: str, *files: tuple[str, str], calendar: str = "*-*-* 00,12:00:00") -> Machine:
    """A node whose timer runs this command."""
    rows = (
        "timer Id=pg.timer",
        "timer ActiveState=active",
        "timer Unit=pg.service",
        f"timer TimersCalendar={{ OnCalendar={calendar} ; next_elapse=x }}",
        "service Id=pg.service",
        f"service ExecStart={{ path=/x ; argv[]={command} ; ignore_errors=no ; pid=0 }}",
    )
    texts = {path: File(text, 0o755) for path, text in files}
    return Machine(texts, more=("installed", "manager systemd", "unit cron enabled", *rows))


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("#!/bin/sh\ndocker exec $(docker ps -q -f name=postgres) backup\n", Outcome.HOLDS),
        ("#!/bin/sh\ndocker exec $(docker ps -q -f name=nginx) reload\n", Outcome.FINDING),
        ("exec python3 -c 'docker backup' && case a in\n", Outcome.UNKNOWN),
    ],
)
def test_a_script_that_a_timer_or_a_script_of_cron_daily_runs_is_looked_into(text: str, outcome: Outcome):
    snapshot = ("/opt/backup.sh", text)
    assert verdict_of(schedule_fleet(timer("/opt/backup.sh", snapshot))).outcome is outcome
    files = {
        "/etc/cron.daily/dumps": File("#!/bin/sh\nexec /opt/backup.sh\n", 0o755),
        "/etc/cron.d/0daily": File("0 0,12 * * * root run-parts /etc/cron.daily\n", 0o644),
        "/opt/backup.sh": File(text, 0o755),
    }
    assert verdict_of(schedule_fleet(Machine(files))).outcome is outcome


SBIN = "/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin"
AS_ROOT = "runuser -u root -- docker exec rodan_postgres.1.abcdefghijklmnop backup\n"
AS_ROOTS_SCRIPT = File(f"#!/bin/sh\n{AS_ROOT}", 0o755)


@pytest.mark.parametrize(
    ("files", "package", "outcome"),
    [
        ({"/etc/cron.d/x": File(f"0 0,12 * * * root {AS_ROOT}", 0o644)}, "cron 3.0pl1-162", Outcome.FINDING),
        ({"/etc/cron.d/x": File(f"0 0,12 * * * root {AS_ROOT}", 0o644)}, "cronie 1.5.7-11.el9", Outcome.FINDING),
        ({"/etc/cron.d/x": File(f"0 0,12 * * * root {AS_ROOT}", 0o644)}, "cronie 1.7.2-4", Outcome.HOLDS),
        ({"/etc/cron.d/x": File("0 0,12 * * * root /opt/backup.sh\n", 0o644)}, "cron 3.0pl1-162", Outcome.FINDING),
        ({"/etc/cron.d/x": File("0 0,12 * * * root /opt/backup.sh\n", 0o644)}, "cronie 1.7.2-4", Outcome.HOLDS),
        (
            {"/etc/cron.d/x": File(f"PATH={SBIN}\n0 0,12 * * * root /opt/backup.sh\n", 0o644)},
            "cron 3.0pl1-162",
            Outcome.HOLDS,
        ),
        (
            {
                "/etc/cron.d/x": File(f"PATH={SBIN}\n0 0,12 * * * root run-parts /etc/cron.daily\n", 0o644),
                "/etc/cron.daily/backup": AS_ROOTS_SCRIPT,
            },
            "cron 3.0pl1-162",
            Outcome.HOLDS,
        ),
    ],
)
def test_a_program_in_sbin_is_found_where_the_path_of_the_line_or_of_its_cron_has_it(files, package, outcome):
    more = ("installed", "manager systemd", "unit cron enabled")
    running = ("cron 44 1 crond 500",) if package.startswith("cronie") else ()
    files = {**files, "/opt/backup.sh": AS_ROOTS_SCRIPT}
    programs = [path for path in Machine({}).programs if "runuser" not in path] + ["/usr/sbin/runuser"]
    paths = {**Machine({}).paths, "/root": "0:0:41c0"}
    node = Machine(files, cron=not running, package=package, programs=programs, paths=paths, more=(*more, *running))
    assert verdict_of(schedule_fleet(node)).outcome is outcome


def test_a_program_in_sbin_is_found_by_a_script_of_a_timer():
    programs = [path for path in Machine({}).programs if "runuser" not in path] + ["/usr/sbin/runuser"]
    node = replace(timer("/opt/backup.sh", ("/opt/backup.sh", f"#!/bin/sh\n{AS_ROOT}")), programs=programs)
    assert verdict_of(schedule_fleet(node)).outcome is Outcome.HOLDS


def test_a_week_of_systemd_ends_on_sunday():
    seen = schedule_fleet(
        timer("docker exec rodan_postgres.1.abcdefghijklmnop backup", calendar="Mon..Sun *-*-* 00,12:00:00")
    )
    assert verdict_of(seen).outcome is Outcome.HOLDS


def compose_plan(project: str, number: int) -> Container:
    labels = {"com.docker.compose.service": "postgres", "com.docker.compose.project": project}
    labels["com.docker.compose.project.working_dir"] = f"/srv/{project}"
    return Container(id=f"{number:x}" * 64, name=f"{project}-postgres-1", labels=labels)


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        ("docker compose -p rodan exec -T postgres backup", Outcome.HOLDS),
        ("docker compose -p wiki exec -T postgres backup", Outcome.FINDING),
        ("cd /srv/rodan && docker compose exec -T postgres backup", Outcome.HOLDS),
        ("cd /srv/wiki/ && docker compose exec -T postgres backup", Outcome.FINDING),
        ("docker compose -f /srv/rodan/compose.yml exec -T postgres backup", Outcome.HOLDS),
        ("docker exec $(docker compose -p rodan ps -q postgres) backup", Outcome.HOLDS),
        ("docker compose exec -T postgres backup", Outcome.UNKNOWN),
    ],
)
def test_of_two_projects_of_compose_the_one_that_is_meant_counts(command: str, outcome: Outcome):
    text = TEXT.replace("name: rodan_postgres", "name: rodan/postgres")
    both = (compose_plan("rodan", 10), compose_plan("wiki", 11))
    assert (
        verdict_of(schedule_fleet(Machine(crontab_with_entry(f"0 0,12 * * * {command}")), here=both, text=text)).outcome
        is outcome
    )


def test_an_answer_of_nothing_but_headers_is_read_in_the_time_of_any_other():
    started = time.monotonic()
    assert len(snapshot.read("file x\n" * 300_000 + "end\n").lines["unseen"]) == 300_000
    assert time.monotonic() - started < 20


WITHOUT = TEXT.replace(
    'schedule: "0 0,12 * * *"', 'schedule: {none: "a pipeline of the data centre makes them"}\n  max_age: 26 h'
)


@pytest.mark.parametrize("rule", ["schedules.backup_runs_where_postgres_runs", "schedules.backups_appeared"])
def test_backups_that_something_else_makes_need_no_entry(rule: str):
    verdict = verdict_of(schedule_fleet(Machine({}), text=WITHOUT), rule)
    assert verdict.outcome is Outcome.NOT_APPLICABLE
    assert "a pipeline of the data centre makes them" in verdict.not_applicable


def test_without_a_schedule_the_inventory_must_say_how_old_a_backup_may_be():
    with pytest.raises(UsageError, match="max_age"):
        load_inventory(Path("world.yml"), WITHOUT.replace("  max_age: 26 h\n", ""))


def told(line: str, **changes) -> list[str]:
    """The warnings of the rule that a failure is told, about a line of root's crontab."""
    verdict = verdict_of(schedule_fleet(Machine(crontab_with_entry(line, **changes))), "schedules.backup_tells_failure")
    assert verdict.outcome is Outcome.HOLDS
    return [warning.saw.partition(f"{ROOT}:")[2].partition(" ")[2] for warning in verdict.warnings]


@pytest.mark.parametrize(
    "line",
    [
        RUNBOOK,
        RUNBOOK + " >> /var/log/backup.log 2>&1",
        RUNBOOK + " >/dev/null",
        RUNBOOK + " >/dev/null 2>&1 && curl -fsS https://hc.example.org/x",
        RUNBOOK + " >/dev/null 2>&1 || logger backup failed",
        RUNBOOK + " 2>&1 | logger -t backup",
        "MAILTO=ops@example.org\n" + RUNBOOK,
        'MAILTO=""\n' + RUNBOOK + " >> /var/log/backup.log 2>&1",
        RUNBOOK.replace("docker exec", "PGPASSFILE=/root/.pgpass docker exec"),
        RUNBOOK.replace("docker exec", "PGPASSWORD=$(cat /root/pw) docker exec"),
    ],
)
def test_a_line_whose_failure_is_told_is_no_warning(line: str):
    assert told(line) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (RUNBOOK + " || true", "cannot fail: `|| true`"),
        (RUNBOOK + " >/dev/null 2>&1", "throws away what it says"),
        (RUNBOOK + " 2>/dev/null", "throws away what it says"),
        (RUNBOOK + " | gzip > /srv/x.gz", "only the status of `gzip`"),
        (RUNBOOK + " | gzip > /srv/x.gz && curl -fsS https://hc.example.org/x", "only the status of `gzip`"),
        ('MAILTO=""\n' + RUNBOOK, "MAILTO is empty"),
        (RUNBOOK.replace("docker exec", "docker exec -e PGPASSWORD=hunter2"), "holds a password"),
        (RUNBOOK + " && curl -u me:hunter2 https://hc.example.org/x", "holds a password"),
        (RUNBOOK + " && curl https://me:hunter2@hc.example.org/x", "holds a password"),
        ("PGPASSWORD=hunter2\n" + RUNBOOK, "setting with a password"),
        (RUNBOOK.replace("docker exec", "set -x; export PGPASSWORD; docker exec"), "prints each command"),
        (RUNBOOK.replace("docker exec", "exec 2>/dev/null; docker exec"), "throws away what it says"),
    ],
)
def test_a_line_whose_failure_stays_untold_is_a_warning(line: str, said: str):
    warnings = told(line)
    assert any(said in warning for warning in warnings)
    assert "hunter2" not in str(warnings)


def test_a_script_that_prints_its_commands_prints_the_password():
    text = "#!/bin/bash -x\nexport PGPASSWORD=hunter2\ndocker exec $(docker ps -q -f name=postgres) backup\n"
    verdict = verdict_of(schedule_fleet(behind(text)), "schedules.backup_tells_failure")
    assert ["set -x" in warning.saw for warning in verdict.warnings] == [True]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"CRON_TZ=Asia/Tokyo\n{RUNBOOK}", "other hours"),
        (RUNBOOK.replace("exec", "exec -t"), "next version"),
        (RUNBOOK + " && date +%F", "never done"),
    ],
)
def test_a_warning_says_why_it_matters(line: str, why: str):
    [warning] = verdict_of(schedule_fleet(Machine(crontab_with_entry(line)))).warnings
    assert why in warning.why


DUMPS = "/var/lib/docker/volumes/rodan_pg_backup/_data"
POSTGRES_NOW = "$(docker ps -q -f name=postgres)"


@pytest.mark.parametrize(
    ("command", "program"),
    [
        (f"find {DUMPS} -mtime +7 -delete", "find"),
        (f"find {DUMPS} -name '*.gz' -exec rm {{}} \\;", "find"),
        (f"rm -f {DUMPS}/backup_$(date +\\%Y)*", "rm"),
        (f"cd {DUMPS} && rm -f old.sql.gz", "rm"),
        (f"find {DUMPS} -mtime +7 | xargs rm", "xargs"),
        (f"docker exec {POSTGRES_NOW} clean", "clean"),
        (f"docker exec {POSTGRES_NOW} sh -c 'find /backups -mtime +7 -delete'", "find"),
        ("find /srv/other -mtime +7 -delete", ""),
        (f"find {DUMPS} -newer x", ""),
        (f"ls -t {DUMPS}/* | tail -n +8 | xargs rm", "xargs"),
        (f"cd {DUMPS} && ls -t | tail -n +8 | xargs -r rm -f", "xargs"),
        (f"rm -f $(ls -1t {DUMPS}/* | tail -n +8)", "rm"),
        (f"cd {DUMPS}; rm -f $(ls -t | tail -n +8)", "rm"),
        (f"for f in $(ls -t {DUMPS} | tail -n +3); do rm -f {DUMPS}/$f; done", "rm"),
        (f'find {DUMPS} -mtime +3 | while read f; do rm "$f"; done', "rm"),
        (f"(cd {DUMPS}; find . -mtime +7 -delete)", "find"),
        ("find /var/lib/docker -name '*.gz' -mtime +9 -delete", "find"),
        ("rm -rf /var/lib/docker/volumes/rodan_pg_backup", "rm"),
        (f"rsync -a --delete /a/ {DUMPS}/", "rsync"),
        (f"mv {DUMPS}/*.gz /archive/", "mv"),
        ("docker run --rm -v rodan_pg_backup:/b alpine find /b -mtime +3 -delete", "find"),
        (f"docker run --rm -v {DUMPS}:/b alpine sh -c 'ls -t /b | tail -n +9 | xargs rm'", "rm"),
        (f"docker exec {POSTGRES_NOW} sh -c 'rm -f /backups/*.sql.gz'", "rm"),
        (f"docker exec {POSTGRES_NOW} rm -f /tmp/x", ""),
        ("docker run --rm -v other:/b alpine find /b -mtime +3 -delete", ""),
        (f"find {DUMPS} -name '*.tmp' -delete", ""),
        (f"rm -f {DUMPS}/.lock", ""),
        (f"mv {DUMPS}/x.tmp {DUMPS}/x.sql.gz", ""),
        ("find /var -name '*.log' -mtime +9 -delete", ""),
        ("find / -xdev -name core -delete", ""),
        ("rsync -a --delete /a/ /b/", ""),
        (f"false && rm -f {DUMPS}/x", ""),
        ("docker exec $(docker ps -q -f name=rodan_nginx) clean", ""),
    ],
)
def test_what_else_removes_dumps_is_named_and_nothing_is_thinned_then(command: str, program: str):
    machine = Machine(crontab_with_entry(f"{RUNBOOK}\n5 5 * * * {command}"))
    seen = schedule_fleet(machine, here=(POSTGRES, NGINX))
    verdict = verdict_of(seen, "backups.only_one_thing_deletes")
    assert verdict.outcome is Outcome.HOLDS
    warnings = [warning.saw for warning in verdict.warnings]
    assert warnings == ([f"{ROOT}:3 removes dumps, too, with `{program}`"] if program else [])


def test_a_line_that_removes_files_in_another_container_counts_where_that_one_may_write_the_dumps() -> None:
    line = "5 5 * * * docker exec $(docker ps -q -f name=other_postgres) find /dumps -mtime +9 -delete"
    machine = Machine(crontab_with_entry(f"{RUNBOOK}\n{line}"))

    def warnings(*mounts: Mount) -> list[str]:
        seen = schedule_fleet(machine, here=(POSTGRES, replace(OTHER, mounts=mounts)))
        return [warning.saw for warning in verdict_of(seen, "backups.only_one_thing_deletes").warnings]

    assert warnings(Mount("volume", DUMPS, "/dumps", "rodan_pg_backup"))
    assert not warnings(Mount("volume", DUMPS, "/dumps", "rodan_pg_backup", rw=False))
    assert not warnings(Mount("volume", "/srv/x", "/dumps", "another"))


def test_crontabs_that_could_not_be_read_leave_it_unknown_what_else_removes_dumps() -> None:
    seen = schedule_fleet(data=Machine({}, unseen=("/var/spool/cron/crontabs",)))
    assert verdict_of(seen, "backups.only_one_thing_deletes").outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("body", ["x=1", "docker exec db backup", "docker exec db sh -c backup", "rm /x; y=2"])
def test_loops_in_the_loops_of_anybody_take_no_longer_than_a_few_lines(body: str):
    line = "0 0 * * * " + "for a in 1 2 3 4 5 6 7 8 9; do " * 9 + body + "; done" * 9 + "\n"
    of_ops = File(line * 100, owner=1000)
    started = time.process_time()
    machine = Machine({"/var/spool/cron/crontabs/ops": of_ops, **GOOD})
    assert verdict_of(schedule_fleet(machine)).outcome is Outcome.HOLDS
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("option", "outcome"),
    [
        ("", Outcome.HOLDS),
        ("-u postgres", Outcome.HOLDS),
        ("-u 999:999", Outcome.HOLDS),
        ("--user=root", Outcome.HOLDS),
        ("-u nobody", Outcome.UNKNOWN),
        ("-iu33", Outcome.UNKNOWN),
        ('-u "$WHO"', Outcome.UNKNOWN),
        ("-u backup", Outcome.FINDING),
        ("-e PGHOST=old-db", Outcome.UNKNOWN),
        ("--env=PGPORT=5433", Outcome.UNKNOWN),
        ("-ePGSERVICE=standby", Outcome.UNKNOWN),
        ("-e PGHOST", Outcome.UNKNOWN),
        ("-e PGHOST=localhost -e PGUSER=rodan", Outcome.HOLDS),
        ("-e PGHOST=/var/run/postgresql", Outcome.HOLDS),
    ],
)
def test_an_account_or_a_server_that_is_not_the_containers_own_is_no_backup_yet(option: str, outcome: Outcome):
    own = (Process(10, 999, 999, "postgres"),)
    postgres = replace(POSTGRES, processes=own, accounts={"root": 0, "postgres": 999, "nobody": 65534})
    line = RUNBOOK.replace("docker exec", f"docker exec {option}")
    fleet = schedule_fleet(Machine(crontab_with_entry(line)), here=(postgres,))
    assert verdict_of(fleet).outcome is outcome
