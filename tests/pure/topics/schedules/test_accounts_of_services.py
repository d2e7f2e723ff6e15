"""As whom the backup runs, by name and by number, and which engine the Docker client of that account asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetkeeper.judging.verdicts import Outcome, Verdict
from tests.example_fleets.schedules import File, Machine, schedule_fleet, verdict_of

COMMAND = "/usr/bin/docker exec rodan_postgres.1.abcdefghijklmnop backup"
TIMER = (
    "timer Id=pg.timer",
    "timer ActiveState=active",
    "timer Unit=pg.service",
    "timer TimersCalendar={ OnCalendar=*-*-* 00,12:00:00 ; next_elapse=x }",
    "timer ",
    "service Id=pg.service",
    "service LoadState=loaded",
    "service FragmentPath=/e/pg.service",
)
NUMBERS = ("number 1000 ops", "number 77 ", "gid docker 998", "socket 998")


def verdict_of_service(*properties: str, command: str = COMMAND, denied: tuple[str, ...] = ()) -> Verdict:
    """The verdict about a node whose timer's service has these properties; its accounts are root and ops (1000)."""
    rows = (
        *TIMER,
        *(f"service {text}" for text in properties),
        "service ",
        f"setting /e/pg.service ExecStart={command}",
    )
    programs = ("/usr/bin/docker", "/usr/sbin/runuser")
    more = ("installed", "manager systemd", "unit cron enabled", *rows, *NUMBERS)
    return verdict_of(schedule_fleet(Machine({}, more=more, denied=denied, programs=programs)))


@pytest.mark.parametrize("user", ["User=", "User=0", "User=1000", "User=ops"])
def test_a_service_may_name_its_account_by_number(user: str) -> None:
    assert verdict_of_service(user).outcome is Outcome.HOLDS


@pytest.mark.parametrize("user", ["User=77", "User=nobody2"])
def test_a_number_without_an_account_is_a_user_that_does_not_exist(user: str) -> None:
    assert "names a user that does not exist" in verdict_of_service(user).findings[0].saw


@pytest.mark.parametrize("user", ["User=1000", "User=ops"])
def test_an_account_by_number_is_the_one_who_may_not_talk_to_docker(user: str) -> None:
    [refusal] = verdict_of_service(user, denied=("ops",)).findings
    assert refusal.saw == "the entry pg.timer runs as ops, who may not talk to Docker"


@pytest.mark.parametrize(
    ("groups", "outcome"),
    [
        ("Group=docker", Outcome.HOLDS),
        ("Group=998", Outcome.HOLDS),
        ("SupplementaryGroups=adm docker", Outcome.HOLDS),
        ("SupplementaryGroups=97", Outcome.FINDING),
        ("Group=adm", Outcome.FINDING),
    ],
)
def test_the_groups_of_the_unit_count_for_dockers_socket(groups: str, outcome: Outcome) -> None:
    assert verdict_of_service("User=ops", groups, denied=("ops",)).outcome is outcome


def test_the_groups_of_the_unit_are_lost_behind_a_change_of_the_account() -> None:
    verdict = verdict_of_service("Group=docker", command=f"/usr/sbin/runuser -u ops -- {COMMAND}", denied=("ops",))
    assert verdict.outcome is Outcome.FINDING


@pytest.mark.parametrize("prefix", ["+", "!", "-+"])
def test_a_command_with_full_privileges_is_roots(prefix: str) -> None:
    assert verdict_of_service("User=ops", command=prefix + COMMAND, denied=("ops",)).outcome is Outcome.HOLDS


def test_what_an_account_may_do_that_systemd_makes_up_is_unknown() -> None:
    verdict = verdict_of_service("DynamicUser=yes", "User=dumps")
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())


def entry_verdict(command: str, *rows: str, settings: str = "") -> Verdict:
    """The verdict about a crontab of root's with this command; `rows` are what else the node says of its accounts."""
    lines = f"{settings}0 0,12 * * * {command}\n"
    node = Machine({"/var/spool/cron/crontabs/root": File(lines)})
    return verdict_of(schedule_fleet(replace(node, accounts=(*node.accounts, *rows))))


@pytest.mark.parametrize(
    "command",
    [
        f"DOCKER_HOST=ssh://old {COMMAND}",
        f"export DOCKER_HOST=tcp://192.0.2.1:2376; {COMMAND}",
        f"env DOCKER_CONTEXT=prod {COMMAND}",
        f"docker context use prod && {COMMAND}",
    ],
)
def test_an_entry_that_asks_another_engine_is_unknown(command: str) -> None:
    verdict = entry_verdict(command)
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())
    assert "another Docker engine" in str(verdict.unknown[0])


@pytest.mark.parametrize(
    "command",
    [
        f"DOCKER_HOST=unix:///var/run/docker.sock {COMMAND}",
        f"DOCKER_HOST=ssh://old; {COMMAND}",
        f"docker context use default && {COMMAND}",
        f"DOCKER_HOST=ssh://old docker ps; {COMMAND}",
    ],
)
def test_an_entry_that_asks_the_node_s_own_engine_holds(command: str) -> None:
    assert entry_verdict(command).outcome is Outcome.HOLDS


def test_the_context_that_an_account_has_chosen_counts_for_its_entries() -> None:
    verdict = entry_verdict(COMMAND, "engine root ssh://ops@old")
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())
    assert "the Docker client of root asks another engine: ssh://ops@old" in str(verdict.unknown[0])
    assert entry_verdict(COMMAND, "engine ops ssh://ops@old").outcome is Outcome.HOLDS
    assert entry_verdict(f"runuser -u ops -- {COMMAND}", "engine ops ssh://ops@old").outcome is Outcome.UNKNOWN
