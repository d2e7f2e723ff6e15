"""Timers of systemd: whether they start their service, whether that gets to its commands, and what these are."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fleetkeeper.readers.cron.answers import path_state
from fleetkeeper.readers.shell.surroundings import Surroundings, User
from fleetkeeper.readers.systemd_timers import service_script, shell_lines, timer_starts

TIMER = {"ActiveState": "active", "SubState": "waiting", "UnitFileState": "enabled"}
SERVICE = {"LoadState": "loaded", "ActiveState": "inactive", "FragmentPath": "/e/a.service", "DropInPaths": "/e/x.conf"}
SHOWN = "{ path=/bin/true ; argv[]=/bin/true shown ; ignore_errors=no ; pid=0 }"


def around() -> Surroundings:
    """What is known of a node called web, on which /there is, and /gone is not."""
    paths = {"/there": path_state("0:0:41ed,0:0:41ed", "-wxs"), "/gone": path_state("0:0:41ed,none", "-wxs")}
    return Surroundings(user=User(), host="web", paths=paths)


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("/bin/a b  c", ["'/bin/a' 'b' 'c'"]),
        ('-/bin/a "b c" && d', ["'/bin/a' 'b c' '&&' 'd' || true"]),
        ("/bin/sh -c 'a && b'", ["'/bin/sh' '-c' 'a && b'"]),
        ("/bin/a --hook='b c' $X ${Y}z %i 50%% $$HOME", ["'/bin/a' '--hook=b c' \"${X}\" \"${Y}\"'z' \"${SPECIFIER}\" "
         "'50''%' '$''HOME'"]),
        ("@/bin/a zero one", ["'/bin/a' 'one'"]),
        ("/bin/a ; +/bin/b", ["'/bin/a'", "'/bin/b'"]),
        ("", []),
    ],
)  # fmt: skip
def test_a_command_line_of_systemd_becomes_one_of_a_shell(written: str, lines: list[str]) -> None:
    assert list(shell_lines(written)) == lines


def test_a_drop_in_that_empties_the_commands_leaves_only_its_own() -> None:
    own = ["/e/a.service ExecStart=/bin/a", "/e/a.service ExecStartPost=/bin/p", "/e/other.service ExecStart=/bin/o"]
    assert service_script(SERVICE, own) == "'/bin/a'\n'/bin/p'"
    assert service_script(SERVICE, [*own, "/e/x.conf ExecStart=", "/e/x.conf ExecStart=/bin/b"]) == "'/bin/b'\n'/bin/p'"
    assert service_script(SERVICE, [own[0], "/e/x.conf ExecStart="]) == ""
    assert service_script({**SERVICE, "ExecStart": SHOWN}, own[2:]) == "/bin/true shown"


@pytest.mark.parametrize(
    ("timer", "service", "setting", "value", "why"),
    [
        ({}, {}, "", True, ""),
        ({}, {"LoadState": "masked"}, "", False, "its service is masked"),
        ({}, {"LoadState": "not-found"}, "", False, "its service is not there"),
        ({"SubState": "elapsed"}, {}, "", False, "its timer has no next time"),
        ({"TimersCalendar": "{ OnCalendar=*-*-* 03:00:00 ; next_elapse=n/a }"}, {}, "", True, ""),
        ({"UnitFileState": "disabled"}, {}, "", None, "its timer is disabled"),
        ({}, {"NeedDaemonReload": "yes"}, "", None, "daemon-reload"),
        ({}, {"ActiveState": "failed", "Result": "exit-code"}, "", None, "its last run failed (exit-code)"),
        ({}, {"WorkingDirectory": "/gone"}, "", False, "its WorkingDirectory /gone is not there"),
        ({}, {"WorkingDirectory": "!/gone"}, "", True, ""),
        ({}, {"WorkingDirectory": "/there"}, "", True, ""),
        ({}, {"WorkingDirectory": "/asked-next"}, "", None, "/asked-next"),
        ({}, {}, "ConditionPathExists=/gone", False, "ConditionPathExists=/gone is not met now"),
        ({}, {}, "ConditionPathExists=!/gone", True, ""),
        ({}, {}, "ConditionPathIsDirectory=/there", True, ""),
        ({}, {}, "ConditionPathIsMountPoint=/there", False, "ConditionPathIsMountPoint"),
        ({}, {}, "ConditionACPower=true", True, ""),
        ({}, {}, "ConditionACPower=false", None, "ConditionACPower"),
        ({}, {}, "ConditionVirtualization=!container", None, "ConditionVirtualization"),
        ({}, {}, "AssertPathExists=/gone", False, "AssertPathExists"),
        ({}, {}, "ConditionHost=other", False, "ConditionHost=other is not met now"),
        ({}, {}, "ConditionHost=web", True, ""),
        ({}, {}, "ConditionPathExists=|/gone", False, "ConditionPathExists=|/gone"),
        ({}, {"ConditionResult": "no", "ConditionTimestamp": "Mon 2026-11-30"}, "", None, "when it was last started"),
        ({}, {"ConditionResult": "no", "ConditionTimestamp": ""}, "", True, ""),
    ],
)  # fmt: skip
def test_a_timer_starts_its_service_unless_something_of_both_stands_in_the_way(
    timer: Mapping[str, str], service: Mapping[str, str], setting: str, value: bool | None, why: str
) -> None:
    starts = timer_starts({**TIMER, **timer}, {**SERVICE, **service}, [f"/e/a.service {setting}"], around())
    assert (starts.value, why in starts.why) == (value, True)


def test_one_met_condition_of_those_with_a_bar_is_enough_and_an_empty_one_drops_all() -> None:
    both = ["/e/a.service ConditionPathExists=|/gone", "/e/a.service ConditionPathExists=|/there"]
    assert timer_starts(TIMER, SERVICE, both, around()).value is True
    dropped = ["/e/a.service ConditionHost=other", "/e/x.conf ConditionPathExists="]
    assert timer_starts(TIMER, SERVICE, dropped, around()).value is True
