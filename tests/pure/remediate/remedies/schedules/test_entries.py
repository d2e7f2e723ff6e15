"""What is done about schedules: the right line in the right crontab, nothing else touched, nothing guessed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.readers import marked_blocks
from fleetkeeper.readers.cron.crontab import cut_at_percent, parse
from fleetkeeper.readers.cron.own_crontab import hidden_part
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.transport.commands import Output, Unobservable
from remediate.plan import ForAPerson, Plan
from remediate.remedies.schedules.cron_daemon import start_cron
from remediate.remedies.schedules.crontab_lines import lines_of_others
from remediate.remedies.schedules.entries import entry_line, installed_command, schedule_backup
from remediate.remedies.schedules.line_forms import FORMER, fill_form
from remediate.render.plan_text import steps_text
from remediate.steps import EditCrontab, Run
from tests.example_fleets.backups import make_policy
from tests.example_fleets.schedules import (
    GOOD,
    NGINX,
    POSTGRES,
    ROOT,
    RULE,
    RUNBOOK,
    TEXT,
    File,
    Machine,
    crontab_with_entry,
    schedule_fleet,
    verdict_of,
)

PLANS = Path(__file__).parents[4] / "plans"
MAILTO = 'MAILTO="a b"\n1 1 * * * /opt/other 50\\%\n'


def propose_plans(seen) -> list[Plan | ForAPerson]:
    """The answers to all findings, each different one once."""
    verdict = verdict_of(seen)
    answers = [schedule_backup(match, seen) for match in (*verdict.findings, *verdict.warnings)]
    return list({repr(answer): answer for answer in answers}.values())


def apply_plan(plan: Plan, machines: dict[str, Machine]) -> dict[str, Machine]:
    """The fleet after a plan: what each edit makes of the crontab that it expects."""
    for step in plan.steps:
        if isinstance(step, EditCrontab):
            machine = machines[step.node]
            seen = machine.seen().crontab
            assert not isinstance(seen, Unobservable)
            assert step.expect == seen.digest
            old = machine.files.get(ROOT, File(b"")).bytes
            new = File(marked_blocks.edit_block(old, step.block, step.lines, step.without))
            machines[step.node] = replace(machine, files={**machine.files, ROOT: new})
    return machines


def repaired(vgpu: Machine, data: Machine | None = None, **changes):
    """Plan for a broken fleet and judge the fleet that the plan makes."""
    data = data or Machine({})
    [plan] = propose_plans(schedule_fleet(vgpu, data=data, **changes))
    assert isinstance(plan, Plan)
    after = apply_plan(plan, {"vgpu": vgpu, "data": data})
    return plan, after, verdict_of(schedule_fleet(after["vgpu"], data=after["data"], **changes))


@pytest.mark.parametrize(
    "line",
    [
        MAILTO.rstrip(),
        f"# {RUNBOOK}",
        RUNBOOK.replace("exec", "exec -it"),
        RUNBOOK.replace("0 0,12", "5 0,12"),
        RUNBOOK.replace("name=postgres", "name=rodan_postgres.1.gone"),
        RUNBOOK.replace("* docker", "* root docker"),
        f"{RUNBOOK}\n{RUNBOOK}",
        RUNBOOK.replace("0,12", "0") + f"\n{RUNBOOK}",
    ],
)
def test_what_is_broken_in_roots_crontab_holds_after_the_remedy(line: str):
    plan, _, verdict = repaired(Machine(crontab_with_entry(line)))
    assert verdict.outcome is Outcome.HOLDS
    assert plan.disturbs == ("nothing",)


def test_an_empty_crontab_gets_the_entry():
    plan, after, verdict = repaired(Machine({}))
    assert verdict.outcome is Outcome.HOLDS
    [step] = plan.steps
    assert isinstance(step, EditCrontab)
    assert step.expect == "absent"
    assert after["vgpu"].files[ROOT].bytes.startswith(b"# BEGIN fleetkeeper v1 " + RULE.encode())


def test_case_24_the_new_node_first_then_confirmed_then_the_old_one():
    plan, after, verdict = repaired(Machine({}), Machine(crontab_with_entry(f"{MAILTO}{RUNBOOK}")))
    assert verdict.outcome is Outcome.HOLDS
    assert [(step.kind, step.node) for step in plan.steps] == [
        ("edit_crontab", "vgpu"),
        ("run", "vgpu"),
        ("edit_crontab", "data"),
    ]
    assert after["data"].files[ROOT].bytes == File(f"# m h dom mon dow command\n{MAILTO}").bytes
    assert not plan.steps[1].changes


def test_the_plan_of_a_move_reads_as_it_should():
    [plan] = propose_plans(schedule_fleet(Machine({}), data=Machine(crontab_with_entry(f"{MAILTO}{RUNBOOK}"))))
    assert isinstance(plan, Plan)
    text = "\n".join([steps_text(plan), plan.undo, plan.success, *plan.notes, ""])
    assert text == (PLANS / "schedules_move.txt").read_text(encoding="utf-8")


def test_a_move_to_another_time_zone_says_the_hours_of_both():
    fleet = schedule_fleet(Machine({}), data=Machine(crontab_with_entry(RUNBOOK)))
    on_data = replace(fleet.facts["data", "schedules"], timezone="Asia/Kolkata")
    [plan] = propose_plans(replace(fleet, facts={**fleet.facts, ("data", "schedules"): on_data}))
    assert plan.notes[0] == (
        "the hours change: cron on data works in Asia/Kolkata, on vgpu in America/Toronto; "
        "00:00, 12:00 on vgpu is 09:30, 21:30 on data"
    )
    [unchanged] = propose_plans(fleet)
    assert "hours" not in " ".join(unchanged.notes)


def test_case_24_our_own_entry_moves_too():
    _, present, _ = repaired(Machine({}))
    ours = Machine({ROOT: present["vgpu"].files[ROOT]})
    _, after, verdict = repaired(Machine({}), ours)
    assert verdict.outcome is Outcome.HOLDS
    assert after["data"].files[ROOT].bytes == b""


@pytest.mark.parametrize("extra", ["0 3 * * * /root/pay-the-bills\n", "MAILTO=ops@example.org\n", "# mine\n", "\n"])
@pytest.mark.parametrize("place", ["# END", "0 0,12"])
def test_what_somebody_has_put_between_our_marks_is_never_taken_out(extra: str, place: str):
    _, there, _ = repaired(Machine({}))
    mixed = there["vgpu"].files[ROOT].bytes.replace(place.encode(), extra.encode() + place.encode())
    changed = Machine({ROOT: File(mixed)})
    for vgpu, data in ((Machine({}), changed), (changed, Machine(GOOD))):
        for answer in propose_plans(schedule_fleet(vgpu, data=data)):
            edits = [step.node for step in getattr(answer, "steps", ()) if isinstance(step, EditCrontab)]
            assert ("data" if data is changed else "vgpu") not in edits


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("backup >", "backup && rsync -a /backups nas: >"),
        ("0,12 * * * ", "0,12 * * * docker exec web flush-queue; "),
        ("2>&1\n# END", "2>&1; /root/pay-the-bills\n# END"),
        ('"$1" backup >/dev/null', '"$1" backup >>/var/log/backup.log'),
        ('"$1" backup', '"$1" backup --keep 7'),
        ('"$1" backup', "\"$1\" sh -c 'backup; rsync -a /backups nas:'"),
        ('exec "$1" backup', 'exec -e KEEP=7 "$1" backup'),
        ("-maxdepth 1", "-maxdepth 1 -mtime +30 -delete"),
        ('with a new file"', 'with a new file $(date >> /root/backups)"'),
        ("; sleep 1", ">/srv/seen; sleep 1"),
        ("postgres: $w", "postgres: $w, call 555-1234"),
        ("grep -q ^/", "tee /root/new | grep -q ^/"),
        ("2>&1\n# END", "2>&1 # Jane: do not touch\n# END"),
        ("rm -f --", "rm -f -- /srv/lock"),
    ],
)
def test_our_line_that_somebody_has_given_more_to_do_is_not_ours_to_edit(old: str, new: str):
    _, there, _ = repaired(Machine({}))
    ours = there["vgpu"].files[ROOT].bytes
    assert old.encode() in ours
    changed = Machine({ROOT: File(ours.replace(old.encode(), new.encode()))})
    for answer in propose_plans(schedule_fleet(Machine({}), data=changed)):
        assert "data" not in [step.node for step in getattr(answer, "steps", ()) if isinstance(step, EditCrontab)]


def test_of_two_lines_of_our_form_between_our_marks_one_is_somebody_s() -> None:
    _, there, _ = repaired(Machine({}))
    begin, line, end = there["vgpu"].files[ROOT].bytes.decode().splitlines()
    copied = f"{begin}\n{line}\n{line.replace('postgres', 'wiki')}\n{end}\n".encode()
    for answer in propose_plans(schedule_fleet(Machine({}), data=Machine({ROOT: File(copied)}))):
        assert "data" not in [step.node for step in getattr(answer, "steps", ()) if isinstance(step, EditCrontab)]


@pytest.mark.parametrize(
    "command", ["backup", "/usr/local/bin/backup --to '/srv/my backups' +%F", "sh -c 'pg_dump | gzip > /b'", "'a\"b'"]
)
def test_what_we_install_is_ours_for_its_command_and_of_earlier_versions_too(command: str) -> None:
    policy = make_policy(command=command)
    line = entry_line(policy, POSTGRES, Machine({}).seen())
    assert lines_of_others((line,), installed_command(policy)) == ()
    assert lines_of_others((line,), "other") == (line,)
    words = {"DOCKER": "docker", "FILTERS": "--filter label=a=b", "SERVICE": "x", "COMMAND": "backup"}
    for form in FORMER:
        former = "0 0,12 * * * " + fill_form(form, {**words, "CERTBOT": "/usr/bin/certbot"})
        assert lines_of_others((former,), "backup") == ()
        assert lines_of_others((f"{former} >/x",), "backup") == (f"{former} >/x",)


def test_an_entry_that_works_is_left_alone_when_another_is_taken_out():
    plan, after, verdict = repaired(Machine(GOOD), Machine(GOOD))
    assert verdict.outcome is Outcome.HOLDS
    assert [step.node for step in plan.steps] == ["data"]
    assert after["vgpu"].files == GOOD


def test_case_48_the_same_fix_twice_has_nothing_left_to_do():
    _, after, verdict = repaired(Machine(crontab_with_entry(RUNBOOK.replace("exec", "exec -it"))))
    assert (verdict.findings, verdict.warnings) == ((), ())
    assert propose_plans(schedule_fleet(after["vgpu"])) == []


def test_an_ambiguous_name_becomes_a_label():
    other = Container(id="ab" * 32, name="other_postgres", labels={})
    plan, _, verdict = repaired(Machine(GOOD), here=(POSTGRES, other))
    assert verdict.outcome is Outcome.HOLDS
    assert "--filter label=com.docker.swarm.service.name=rodan_postgres" in plan.steps[0].show()


def test_case_25_two_containers_of_the_service_are_for_a_person():
    [answer] = propose_plans(schedule_fleet(there=(replace(POSTGRES, id="cd" * 32),)))
    assert isinstance(answer, ForAPerson)


PG = "docker exec $(docker ps -q -f name=postgres) backup"
WEB = replace(NGINX, id="77" * 32, name="web", labels={})


@pytest.mark.parametrize(
    "command",
    [
        f"{PG} && docker cp web:/data /srv/second-place",
        f"{PG}; : > /var/log/big.log",
        f"{PG} >> /var/log/backup.log",
        f"docker exec web flush-queue && {PG}",
        f"{PG}; docker exec web renew-licences",
        f"{PG} && docker system prune -f",
        f"{PG} && docker exec web tar c /data > /srv/data.tar",
        f"{PG} | tee /srv/log",
        f"{PG} && touch /srv/done",
        f"{PG} || echo failed | mail ops",
        f"echo $(rm -f /srv/x); {PG}",
        f"echo `touch /srv/done`; {PG}",
        f"echo ${{X:-$(touch /srv/done)}}; {PG}",
        "docker exec $(docker ps -q -f name=postgres) sh -c 'backup; touch /srv/done'",
        "docker exec $(docker ps -q -f name=postgres) sh -c 'backup > /srv/log'",
        f"date -s 2026-01-01; {PG}",
        f"hostname other; {PG}",
        f"docker compose up -d ps; {PG}",
        f"docker run --rm job exec; {PG}",
        f"f() {{ touch /srv/x; }}; f; {PG}",
        f"exec > /srv/log; {PG}",
        f"{PG} 2> /srv/errors",
        f"{PG}; echo ${{X:-'}}'}}; touch /srv/done #'",
        f"{PG}; ionice -c 3 -p 1",
        f"{PG}; logger -n log.example.org -f /var/log/big.log",
        f"{PG} | logger --server=log.example.org",
    ],
)
@pytest.mark.parametrize("where", ["at home", "elsewhere"])
def test_a_line_that_does_anything_besides_the_backup_is_for_a_person(command: str, where: str):
    line = crontab_with_entry(f"0 0,12 * * * {command}" if where == "elsewhere" else f"5 3 * * * {command}")
    seen = (
        schedule_fleet(data=Machine(line), there=(WEB,))
        if where == "elsewhere"
        else schedule_fleet(Machine(line), here=(POSTGRES, WEB))
    )
    answers = propose_plans(seen)
    assert [
        getattr(step, "without", ()) for answer in answers if isinstance(answer, Plan) for step in answer.steps
    ] == []
    assert answers


@pytest.mark.parametrize(
    "command",
    [
        PG,
        f"{PG} > /dev/null 2>&1",
        f"{PG} >/dev/null 2>&1 || true",
        f"cd / && nice -n 19 {PG}",
        f"flock -n /run/backup.lock timeout 3600 {PG}",
        f"sleep 60; {PG}",
        f"[ -f /etc/backup.on ] && {PG}",
        f"[ $(hostname) = vgpu ] && [ $(date +\\%u) = 7 ] && {PG}",
        f"{PG} && logger -t x well || logger -t x failed",
        f"{PG} 2>&1 | logger -t backup",
        "set -- $(docker ps -q -f name=postgres); docker exec $1 backup",
        f"if true; then {PG}; fi # ticket 12",
    ],
)
def test_a_line_that_makes_the_backup_and_nothing_else_is_taken_out(command: str):
    seen = schedule_fleet(data=Machine(crontab_with_entry(f"0 0,12 * * * {command}")))
    [plan] = [item for item in propose_plans(seen) if isinstance(item, Plan)]
    [step] = plan.steps
    assert step.without == (f"0 0,12 * * * {command}",)  # type: ignore[union-attr]


def test_a_crontab_with_windows_line_ends_is_refused_for_that_reason_alone():
    held = f"# m h dom mon dow command\r\n{RUNBOOK}\r\n".encode()
    assert "carriage returns" in hidden_part(held, held.replace(b"\r", b""))
    assert "comment lines" in hidden_part(held, held.split(b"\n", 1)[1])
    assert hidden_part(held, held) == ""
    assert hidden_part(held, b"other\n") == "`crontab -l` does not show what its file holds"
    machine = Machine({ROOT: File(held)})
    own = Output(0, held.replace(b"\r", b""), command="crontab -l")
    seen = schedule_fleet(machine)
    [refused] = propose_plans(replace(seen, facts={**seen.facts, ("vgpu", "schedules"): machine.seen(own=own)}))
    assert isinstance(refused, ForAPerson)
    assert "carriage returns" in refused.why
    assert "comment" not in refused.why
    assert "Unix line ends" in refused.what_to_do


def test_case_22_a_crontab_that_could_not_be_read_is_never_written():
    seen = schedule_fleet(Machine({}))
    facts = replace(seen.facts["vgpu", "schedules"], crontab=Unobservable("denied"))
    blind = replace(seen, facts={**seen.facts, ("vgpu", "schedules"): facts})
    [match] = verdict_of(blind).findings
    with pytest.raises(Unobservable):
        schedule_backup(match, blind)


@pytest.mark.parametrize("text", ["1 1 * * * true", "99 * * * * true\n", "# BEGIN fleetkeeper " + RULE + "\n"])
def test_a_crontab_that_cron_ignores_is_for_a_person(text: str):
    [answer] = propose_plans(schedule_fleet(Machine({ROOT: File(text)})))
    assert isinstance(answer, ForAPerson)
    assert "cannot be edited to any good" in answer.why


def test_comments_that_crontab_does_not_show_are_not_lost():
    machine = Machine({ROOT: File("# one\n# two\n1 1 * * * true\n")})
    shown = Output(0, b"1 1 * * * true\n", command="crontab -l")
    seen = schedule_fleet(machine)
    facts = machine.seen(own=shown)
    [match] = verdict_of(seen).findings
    answer = schedule_backup(match, replace(seen, facts={**seen.facts, ("vgpu", "schedules"): facts}))
    assert isinstance(answer, ForAPerson)
    assert "would be lost" in answer.why


def test_an_entry_outside_roots_crontab_that_works_at_other_times_is_for_a_person():
    text = RUNBOOK.replace("0 0,12", "9 9").replace("* docker", "* root docker") + "\n"
    [answer] = propose_plans(schedule_fleet(Machine({"/etc/cron.d/backup": File(text, 0o644)})))
    assert isinstance(answer, ForAPerson)


def test_an_entry_that_does_more_than_the_backup_is_for_a_person():
    line = RUNBOOK + " && curl -u me:secret https://example.org/done"
    data = Machine(crontab_with_entry(line))
    [answer] = propose_plans(schedule_fleet(data=data))
    assert isinstance(answer, ForAPerson)
    assert "secret" not in repr(answer)


def test_a_broken_file_in_cron_d_does_not_keep_the_right_entry_away():
    machine = Machine({"/etc/cron.d/x.y": File(RUNBOOK.replace("* docker", "* root docker") + "\n", 0o644)})
    _, _, verdict = repaired(machine)
    assert verdict.outcome is Outcome.HOLDS
    assert len(verdict.warnings) == 1


def test_an_account_without_root_is_for_a_person():
    machine = Machine({}, account="ops")
    [answer] = propose_plans(schedule_fleet(machine))
    assert isinstance(answer, ForAPerson)
    assert "sudo: true" in answer.why


def line_of(here: Container = POSTGRES, text: str = TEXT) -> str:
    [plan] = propose_plans(schedule_fleet(Machine({}), here=(here,), text=text))
    assert isinstance(plan, Plan)
    [step] = plan.steps
    assert isinstance(step, EditCrontab)
    [line] = step.lines or ()
    return line


@pytest.mark.parametrize(
    ("labels", "filters"),
    [
        ({"com.docker.swarm.service.name": "rodan_postgres"}, "label=com.docker.swarm.service.name=rodan_postgres"),
        (
            {"com.docker.compose.service": "rodan_postgres", "com.docker.compose.project": "r"},
            "--filter label=com.docker.compose.project=r --filter label=com.docker.compose.service=rodan_postgres",
        ),
        ({}, "--filter 'name=^/rodan_postgres$'"),
    ],
)
def test_the_container_is_found_by_its_label_or_exact_name(labels, filters):
    assert filters in line_of(replace(POSTGRES, name="rodan_postgres", labels=labels))


def test_the_line_is_one_that_debians_cron_accepts():
    line = line_of(text=TEXT.replace("command: backup", 'command: "backup --stamp %F"'))
    table = parse(line.encode() + b"\n", system=False)
    assert table.problems == []
    command, percent = cut_at_percent(table.jobs[0].command)
    assert not percent
    assert "--stamp %F" in command


def start_process(machine: Machine):
    seen = schedule_fleet(machine)
    verdict = verdict_of(seen, "schedules.cron_is_active", Subject("node", "vgpu"))
    [match] = (*verdict.findings, *verdict.warnings)
    return start_cron(match, seen)


@pytest.mark.parametrize(
    ("manager", "words"),
    [("systemd", ("systemctl", "start", "cron")), ("service", ("service", "cron", "start"))],
)
def test_a_stopped_cron_is_started_by_whatever_starts_things_there(manager: str, words):
    plan = start_process(Machine(GOOD, cron=False, more=("installed", f"manager {manager}", "unit cron enabled")))
    assert isinstance(plan, Plan)
    assert [step.words for step in plan.steps if isinstance(step, Run)] == [words]


def test_a_cron_that_is_not_enabled_is_enabled():
    plan = start_process(Machine(GOOD, more=("installed", "manager systemd", "unit crond disabled")))
    assert isinstance(plan, Plan)
    assert [step.words for step in plan.steps if isinstance(step, Run)] == [("systemctl", "enable", "crond")]


def test_a_cron_that_is_not_there_is_for_a_person():
    assert isinstance(start_process(Machine(GOOD, cron=False, more=("manager systemd",))), ForAPerson)
