"""As whom the service of a timer runs the backup: by name, by number, with the groups of its unit, or as root."""

from __future__ import annotations

import pytest

from fleetkeeper.judging.verdicts import Outcome, Verdict
from tests.example_fleets.schedules import Machine, schedule_fleet, verdict_of

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
