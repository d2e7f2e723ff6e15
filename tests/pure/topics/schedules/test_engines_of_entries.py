"""Which engine the Docker client of an entry asks: of a line of cron, of a timer, and of the scripts behind them."""

from __future__ import annotations

import pytest

from fleetkeeper.judging.verdicts import Outcome, Verdict
from tests.example_fleets.schedules import THERE, File, Machine, schedule_fleet, verdict_of

COMMAND = "/usr/bin/docker exec rodan_postgres.1.abcdefghijklmnop backup"
BEHIND = "/usr/bin/docker {} exec rodan_postgres.1.abcdefghijklmnop backup"
OWN, USERS = "unix:///var/run/docker.sock", "unix:///run/user/1000/docker.sock"
INSTALLED = ("installed", "manager systemd", "unit cron enabled")
ENGINES = {"/srv/far/.docker": "ssh://ops@old", "/root/.docker": "", "/srv/own": ""}
SCRIPT = "/opt/dump.sh"


def node(files: dict[str, File], rows: tuple[str, ...] = (), accounts: tuple[str, ...] = ()) -> Machine:
    """A node with these files, these further rows of its schedules, and these of its accounts."""
    paths = {**THERE, "/opt": "0:0:41ed", SCRIPT: "0:0:81ed", "/usr/bin/sudo": "0:0:81ed"}
    described = Machine({}).accounts
    return Machine(files, more=(*INSTALLED, *rows), engines=ENGINES, paths=paths, accounts=(*described, *accounts))


def line_verdict(command: str, settings: str = "", script: str = "", rows: tuple[str, ...] = ()) -> Verdict:
    """The verdict about a line of root's crontab with these settings above it; `script` is the text of SCRIPT."""
    files = {"/var/spool/cron/crontabs/root": File(f"{settings}0 0,12 * * * {command}\n")}
    return verdict_of(schedule_fleet(node(files | ({SCRIPT: File(script, mode=0o755)} if script else {}), rows)))


def timer_verdict(
    *properties: str,
    command: str = COMMAND,
    rows: tuple[str, ...] = (),
    script: str = "",
    accounts: tuple[str, ...] = (),
) -> Verdict:
    """The verdict about a timer whose service has these properties; `rows` are others of the look."""
    printed = (
        "timer Id=pg.timer",
        "timer ActiveState=active",
        "timer Unit=pg.service",
        "timer TimersCalendar={ OnCalendar=*-*-* 00,12:00:00 ; next_elapse=x }",
        "timer ",
        "service Id=pg.service",
        "service LoadState=loaded",
        "service FragmentPath=/e/pg.service",
        *(f"service {text}" for text in properties),
        "service ",
        f"setting /e/pg.service ExecStart={command}",
        *rows,
    )
    files = {SCRIPT: File(script, mode=0o755)} if script else {}
    return verdict_of(schedule_fleet(node(files, printed, accounts)))


def assert_unknown(verdict: Verdict, why: str = "another Docker engine") -> None:
    """Nothing is said to be right or wrong, and the engine is the reason."""
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())
    assert why in str(verdict.unknown[0])


FOREIGN = [
    f"DOCKER_HOST={USERS} {COMMAND}",
    f"DOCKER_HOST=tcp://localhost:2375 {COMMAND}",
    BEHIND.format("-H tcp://192.0.2.1:2375"),
    BEHIND.format("-Htcp://192.0.2.1:2375"),
    BEHIND.format("--host=ssh://old"),
    BEHIND.format("--context prod"),
    BEHIND.format("-c prod"),
    BEHIND.format("--config /srv/far/.docker"),
    f"HOME=/srv/far {COMMAND}",
    f"DOCKER_CONFIG=/srv/far/.docker {COMMAND}",
    f"sudo -E DOCKER_HOST=ssh://old {COMMAND}",
    f"export DOCKER_HOST=ssh://old; sudo -nE {COMMAND}",
    f"export DOCKER_HOST=ssh://old; sudo --preserve-env=PATH,DOCKER_HOST {COMMAND}",
    f"systemd-run --wait --setenv=DOCKER_HOST=ssh://old {COMMAND}",
    f"systemd-run --wait -E DOCKER_CONTEXT=far {COMMAND}",
    f"systemd-run --wait -p Environment=DOCKER_HOST=ssh://old {COMMAND}",
    f"systemd-run --wait -p EnvironmentFile=/etc/default/pg {COMMAND}",
    "docker-compose -H ssh://old -p rodan exec -T postgres backup",
    f"env -u DOCKER_CONTEXT DOCKER_HOST=ssh://old {COMMAND}",
]
OWN_ONES = [
    f"DOCKER_HOST={OWN} {COMMAND}",
    BEHIND.format(f"-H {OWN}"),
    BEHIND.format("--context default"),
    BEHIND.format("--config /srv/own"),
    f"HOME=/root {COMMAND}",
    f"export DOCKER_HOST=ssh://old; sudo -n {COMMAND}",
    f"export DOCKER_HOST=ssh://old; env -u DOCKER_HOST {COMMAND}",
    f"export DOCKER_HOST=ssh://old; env -i {COMMAND}",
    f"export DOCKER_HOST=ssh://old; systemd-run --wait {COMMAND}",
]


@pytest.mark.parametrize("command", FOREIGN)
def test_a_line_that_asks_another_engine_is_unknown(command: str) -> None:
    assert_unknown(line_verdict(command))


@pytest.mark.parametrize("command", OWN_ONES)
def test_a_line_that_asks_the_node_s_own_engine_holds(command: str) -> None:
    assert line_verdict(command).outcome is Outcome.HOLDS


@pytest.mark.parametrize("command", [text for text in FOREIGN if text.startswith(("sudo", "systemd-run", "env"))])
def test_a_timer_that_starts_such_a_command_is_unknown_too(command: str) -> None:
    assert_unknown(timer_verdict(command=f"/usr/bin/{command}"))


@pytest.mark.parametrize(
    "settings",
    ["DOCKER_HOST=ssh://old\n", "DOCKER_CONTEXT=far\n", "HOME=/srv/far\n", "DOCKER_CONFIG=/srv/far/.docker\n"],
)
def test_what_a_crontab_sets_counts_for_its_lines_and_the_scripts_behind_them(settings: str) -> None:
    assert_unknown(line_verdict(COMMAND, settings))
    assert_unknown(line_verdict(SCRIPT, settings, f"#!/bin/sh\n{COMMAND}\n"))
    assert line_verdict(f"sudo {SCRIPT}", settings, f"#!/bin/sh\n{COMMAND}\n").outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    "before", ["DOCKER_HOST=ssh://old ", "export DOCKER_HOST=ssh://old; ", "env DOCKER_CONTEXT=x "]
)
def test_what_a_line_sets_for_a_script_counts_in_it(before: str) -> None:
    assert_unknown(line_verdict(f"{before}{SCRIPT}", script=f"#!/bin/sh\n{COMMAND}\n"))
    assert_unknown(line_verdict(f"{before}sudo -E {SCRIPT}", script=f"#!/bin/sh\n{COMMAND}\n"))


def test_a_host_that_is_a_variable_may_be_any() -> None:
    assert_unknown(line_verdict(f'DOCKER_HOST="$X" {SCRIPT}', script=f"#!/bin/sh\n{COMMAND}\n"), "DOCKER_HOST")


@pytest.mark.parametrize(
    ("properties", "rows"),
    [
        (("Environment=DOCKER_HOST=ssh://old",), ()),
        (("Environment=PATH=/usr/bin", "Environment=DOCKER_CONTEXT=far"), ()),
        (("Environment=DOCKER_HOST=tcp://127.0.0.1:2375",), ()),
        (("Environment=HOME=/srv/far",), ()),
        ((), ("environment DOCKER_HOST=ssh://old",)),
        (
            ("EnvironmentFiles=/etc/default/pg (ignore_errors=no)",),
            ("envfile /etc/default/pg", 'variable /etc/default/pg DOCKER_HOST="ssh://old"'),
        ),
        (
            (f"Environment=DOCKER_HOST={OWN}", "EnvironmentFiles=/etc/default/pg (ignore_errors=yes)"),
            ("envfile /etc/default/pg", "variable /etc/default/pg DOCKER_HOST=ssh://old"),
        ),
    ],
)
def test_what_systemd_gives_a_service_counts_for_its_commands_and_scripts(
    properties: tuple[str, ...], rows: tuple[str, ...]
) -> None:
    assert_unknown(timer_verdict(*properties, rows=rows))
    assert_unknown(timer_verdict(*properties, rows=rows, command=f"/bin/sh -c '{COMMAND} && true'"))
    assert_unknown(timer_verdict(*properties, rows=rows, command=SCRIPT, script=f"#!/bin/sh\n{COMMAND}\n"))


@pytest.mark.parametrize(
    ("properties", "rows", "why"),
    [
        (("PassEnvironment=LANG DOCKER_HOST",), (), "passes DOCKER_HOST on"),
        (("Environment=DOCKER_HOST=?",), (), "the value of DOCKER_HOST"),
        (("EnvironmentFiles=/e (ignore_errors=no)",), ("envfile /e unread",), "could not be read"),
        (("EnvironmentFiles=/e (ignore_errors=yes)",), (), "could not be read"),
    ],
)
def test_what_of_a_service_s_environment_was_not_seen_is_unknown(
    properties: tuple[str, ...], rows: tuple[str, ...], why: str
) -> None:
    assert_unknown(timer_verdict(*properties, rows=rows), why)


@pytest.mark.parametrize(
    ("properties", "rows"),
    [
        ((f"Environment=DOCKER_HOST={OWN}",), ()),
        (("Environment=DOCKER_HOST=ssh://old", "UnsetEnvironment=DOCKER_HOST"), ()),
        (("Environment=DOCKER_CONTEXT=default", "PassEnvironment=LANG"), ("environment PATH=/usr/bin:/bin",)),
        (("EnvironmentFiles=/e (ignore_errors=yes)",), ("envfile /e missing",)),
        (("Environment=HOME=/root", "EnvironmentFiles=/e (ignore_errors=no)"), ("envfile /e",)),
    ],
)
def test_an_environment_that_leaves_the_node_s_own_engine_holds(
    properties: tuple[str, ...], rows: tuple[str, ...]
) -> None:
    assert timer_verdict(*properties, rows=rows).outcome is Outcome.HOLDS


def test_a_service_without_its_file_of_variables_does_not_start() -> None:
    verdict = timer_verdict("EnvironmentFiles=/e (ignore_errors=no)", rows=("envfile /e missing",))
    assert "its EnvironmentFile /e is not there" in verdict.findings[0].saw


def test_the_account_s_own_context_counts_for_timers_unless_the_unit_chooses() -> None:
    chosen = ("engine root ssh://ops@old",)
    assert_unknown(timer_verdict(accounts=chosen), "asks another engine: ssh://ops@old")
    assert timer_verdict(f"Environment=DOCKER_HOST={OWN}", accounts=chosen).outcome is Outcome.HOLDS


def test_the_socket_that_the_look_asks_is_the_node_s_own_and_the_usual_one_is_then_another() -> None:
    rows = ("own /run/user/1000/docker.sock",)
    assert line_verdict(f"DOCKER_HOST={USERS} {COMMAND}", rows=rows).outcome is Outcome.HOLDS
    assert_unknown(line_verdict(f"DOCKER_HOST={OWN} {COMMAND}", rows=rows))


def test_a_timer_finds_docker_by_the_path_of_its_unit() -> None:
    command = "/bin/sh -c 'docker exec rodan_postgres.1.abcdefghijklmnop backup'"
    assert timer_verdict("Environment=PATH=/usr/bin", command=command).outcome is Outcome.HOLDS
    assert "docker" in timer_verdict("Environment=PATH=/opt", command=command).findings[0].saw
