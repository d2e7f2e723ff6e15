"""Scripts and timers that renew certificates, and what keeps the daemons from starting a line that runs certbot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.readers.cron.snapshot import read as printed_schedules
from fleetkeeper.topics.certificates.facts import Renewal
from fleetkeeper.topics.certificates.observe import words_about_lines
from fleetkeeper.topics.certificates.renewal_schedule import renewals_on_node
from tests.example_fleets.certificates import CONTAINER, ID
from tests.pure.topics.certificates.test_observation import crontab_with
from tests.pure.topics.certificates.test_renewal_lines import BESIDE, HOOK, NODE

RENEW = f"docker exec rodan_nginx.1.x certbot renew -q {HOOK}"
SAYS = (
    "user root\nlogin root 0 0 /root\nprogram /usr/bin/docker\nprogram /bin/sh\nday 20787\npam\n"
    "at 0:0:41ed,none -wxs /gone\nat 0:0:41ed,0:0:41ed -wxs /there\n"
)


def script(text: str, path: str = "/usr/local/bin/renew.sh", mode: str = "755") -> str:
    """A script as the node prints it."""
    lines = "".join(f"|{line}\n" for line in text.rstrip("\n").split("\n"))
    return f"file script 0 0 {mode} 1 1700000000 4 {path}\n{lines}\n"


def renewals(printed: str, says: str = "") -> list[Renewal]:
    """The renewals of a node that prints these schedules, and says this of whatever it is asked."""
    snapshot = printed_schedules(printed)
    answers = Answers(snapshot)
    for _ in range(3):
        if not (words := words_about_lines(answers, [CONTAINER, BESIDE])):
            break
        answers.add(words, printed_schedules(f"{SAYS}{says}end\n"))
    return list(renewals_on_node(snapshot, replace(NODE, answers=answers, questions={})))


def line(command: str, says: str = "", times: str = "25 3,15 * * *") -> Renewal:
    """The one renewal of a line in root's crontab."""
    [renewal] = renewals(crontab_with(f"{times} {command}").replace("account", "host web\naccount"), says)
    return renewal


@pytest.mark.parametrize(
    ("says", "fault"),
    [
        ("", ""),
        ("shadow root 20000 90 - -\n", "PAM refuses root to cron: its password has expired"),
        ("shadow root 20000 99999 - 20001\n", "PAM refuses root to cron: the account has expired"),
        ("access -:ALL:cron\n", "access.conf refuses it"),
    ],
)
def test_an_account_that_cron_runs_nothing_for_renews_nothing(says: str, fault: str) -> None:
    assert [fault in text for text in line(RENEW, says).faults] == ([True] if fault else [])


def test_what_else_cron_needs_to_start_a_line_is_asked_for_certbot_s_too() -> None:
    [missing] = renewals(crontab_with("SHELL=/bin/gone", f"5 5 * * * {RENEW}"))
    assert "SHELL=/bin/gone, which is not there" in missing.faults[0]
    [hung] = renewals(
        crontab_with(f"5 5 * * * {RENEW}").replace("account", "fifo /etc/cron.d/pipe\npackage cron 3.0pl1-162\naccount")
    )
    assert "cron hangs in /etc/cron.d/pipe" in hung.faults[0]
    system = {"kind": "system", "path": "/etc/cron.d/le", "mode": "644"}
    [stranger] = renewals(crontab_with(f"5 5 * * * nobody2 {RENEW}", **system))
    assert stranger.faults == ("names a user that does not exist on this node",)
    [other] = renewals(crontab_with(f"5 5 * * * root {RENEW}", "6 6 * * * nobody2 true", **system))
    assert "line 2" in other.faults[0]
    [executable] = renewals(
        crontab_with(f"5 5 * * * {RENEW}", mode="755").replace("account", "package cronie 1.7\naccount")
    )
    assert "cronie takes no file" in executable.faults[0]
    denied = line(f"runuser -u ops -- {RENEW}", "user ops\nlogin ops 7 7 /\ndenied ops\nprogram /usr/bin/runuser\n")
    assert denied.faults == ("runs as ops, who may not talk to Docker",)


def test_a_certbot_that_cron_does_not_find_is_none() -> None:
    """FOREIGN W7: the line of a package whose certbot lies in /snap/bin, or is gone."""
    assert "`certbot` is not in the directories" in line("certbot renew -q").faults[0]
    assert line("certbot renew -q", "program /usr/bin/certbot\n").faults == ()
    assert line("/snap/bin/certbot renew -q", "program /usr/bin/certbot\n").faults[0].startswith("`/snap/bin/certbot`")
    debian = "test -x /usr/bin/certbot -a \\! -d /there && perl -e 'sleep int(rand(43200))' && certbot -q renew"
    there = (
        "program /usr/bin/certbot\nprogram /usr/bin/perl\nat 0:0:41ed,0:0:41ed,0:0:41ed,0:0:81ed -wx /usr/bin/certbot\n"
    )
    assert "is false now" in line(debian, there).faults[0]
    assert line(debian.replace("/there", "/gone"), there) == replace(line("certbot -q renew", there))


@pytest.mark.parametrize(
    ("times", "days"),
    [
        ("0 3 * * 0", 7),
        ("0 3 1 * *", 31),
        ("0 3 1,15 * *", 17),
        ("0 3 1 */2 *", 62),
        ("0 3 1 1 *", 365),
        ("0 0 31 2 *", 370),
        ("@yearly", 365),
        ("@reboot", 0),
    ],
)
def test_of_a_line_the_longest_time_between_two_starts_is_known(times: str, days: int) -> None:
    renewal = line(RENEW, times=times)
    assert renewal.gap.days == days
    assert renewal.faults == (("it runs only when the node starts",) if times == "@reboot" else ())


def test_a_loop_that_is_started_with_the_node_renews_and_a_crowd_of_lines_is_read_in_part() -> None:
    assert line(f"while :; do {RENEW}; sleep 12h; done", times="@reboot").faults == ()
    crowd = renewals(crontab_with(*[f"5 5 * * * {RENEW}"] * 300))
    assert (len(crowd), bool(crowd[-1].unclear)) == (201, True)


SCRIPTS = {
    "plain": (f"#!/bin/sh\n{RENEW}\n", "", ""),
    "with a variable and a function": (
        f"#!/bin/sh\nset -eu\nC=rodan_nginx.1.x\nrenew() {{ docker exec $C certbot renew {HOOK}; }}\nrenew\n",
        "",
        "",
    ),
    "in a case": (f"#!/bin/sh\ncase $(hostname) in web) {RENEW};; *) exit 0;; esac\n", "", ""),
    "on another host": (f'#!/bin/sh\n[ "$(hostname)" = db ] || exit 0\n{RENEW}\n', "it is never reached", ""),
    "behind an end": (f"#!/bin/sh\nexit 0\n{RENEW}\n", "it is never reached", ""),
    "never called": (f"#!/bin/sh\nrenew() {{ {RENEW}; }}\n", "nothing calls the function `renew`", ""),
    "behind a guard that is false": (f"#!/bin/sh\nif [ -d /gone ]; then\n  {RENEW}\nfi\n", "it is never reached", ""),
    "behind a guard that is true": (f"#!/bin/sh\nif [ -d /there ]; then\n  {RENEW}\nfi\n", "", ""),
    "behind a guard that nobody answers": (
        f"#!/bin/sh\nif [ -d /nobody ]; then\n  {RENEW}\nfi\n",
        "",
        "cannot be told",
    ),
    "a trial": (f"#!/bin/sh\n{RENEW} --dry-run\n", "it only tries", ""),
    "no interpreter": (f"#!/bin/gone\n{RENEW}\n", "the interpreter of /usr/local/bin/renew.sh", ""),
    "line ends of Windows": (f"#!/bin/sh\r\n{RENEW}\r\n", "carriage return", ""),
}


@pytest.mark.parametrize("what", SCRIPTS)
@pytest.mark.parametrize("by", ["/usr/local/bin/renew.sh", "sh /usr/local/bin/renew.sh"])
def test_a_script_that_a_line_runs_is_followed(what: str, by: str) -> None:
    text, fault, unclear = SCRIPTS[what]
    says = "at 0:0:41ed,none -wxs /bin/gone\nprogram /usr/bin/sh\n"
    renewal = line(by, script(text) + says)
    if by.startswith("sh ") and ("interpreter" in fault or "carriage" in fault):
        return
    assert [fault in text for text in renewal.faults[:1]] == ([True] if fault else [])
    assert unclear in renewal.unclear
    assert bool(renewal.unclear) == bool(unclear)
    assert renewal.containers == (ID,)


def test_a_script_that_is_not_seen_is_unclear_and_one_that_is_not_there_renews_nothing() -> None:
    path = "/usr/local/bin/renew.sh"
    assert line(path, f"unseen {path}\n").unclear == f"{path} could not be read"
    assert line("/root/nightly", "unseen /root/nightly\n").unclear == "/root/nightly could not be read"
    assert line(path, f"binary {path}\n").unclear
    gone = line(path, f"at 0:0:41ed,0:0:41ed,0:0:41ed,0:0:41ed,none -wxs {path}\n")
    assert (gone.faults, gone.unclear) == ((f"it runs {path}, which is not there",), "")
    assert "is not executable" in line(path, script(f"#!/bin/sh\n{RENEW}\n", mode="644")).faults[0]
    assert line(f"sh {path}", script(f"#!/bin/sh\n{RENEW}\n", mode="644") + "program /usr/bin/sh\n").faults == ()


def test_scripts_of_any_name_that_call_or_read_others_are_followed() -> None:
    outer = script("#!/bin/sh\n. /opt/lib.sh\n/opt/inner\n", "/root/nightly")
    inner = script(f"#!/bin/sh\n{RENEW}\n", "/opt/inner")
    assert line("/root/nightly", outer + inner).containers == (ID,)
    lib = script(f"renew() {{ {RENEW}; }}\n", "/opt/lib.sh")
    there = "at 0:0:41ed,0:0:41ed,0:0:81ed -ws /opt/lib.sh\n"
    sourcing = script("#!/bin/sh\n. /opt/lib.sh\nrenew\n", "/root/nightly")
    [renewal] = renewals(crontab_with("5 5 * * * /root/nightly"), sourcing + lib + there)
    assert (renewal.containers, renewal.faults, renewal.unclear) == ((ID,), (), "")
    assert renewals(crontab_with("5 5 * * * /root/nightly"), script("#!/bin/sh\ndate\n", "/root/nightly")) == []
    unread = "unseen /etc/default/x\nunseen /opt/lib.sh\nat 0:0:41ed,0:0:41ed,0:0:81a4 -s /etc/default/x\n"
    assert renewals(crontab_with("5 5 * * * . /etc/default/x; date"), unread) == []
    assert line(". /opt/lib.sh; date", unread).unclear == "/opt/lib.sh, which it reads, could not be read"


def test_what_run_parts_starts_elsewhere_is_unclear_and_names_that_it_skips_are_named() -> None:
    assert "/etc/cron.custom was not seen" in line("run-parts /etc/cron.custom").unclear
    daily = "file directory 0 0 755 1 1700000000 4 /etc/cron.daily/{}\n|#!/bin/sh\n|{}\n\n"
    parts = "file system 0 0 644 1 1700000000 4 /etc/crontab\n|25 6 * * * root run-parts /etc/cron.daily\n\n"
    [dotted] = renewals(f"{parts}{daily.format('renew.sh', RENEW)}host web\naccount root\nend\n")
    assert "name" in dotted.faults[0]
    [good] = renewals(f"{parts}{daily.format('renew', RENEW)}host web\naccount root\nend\n")
    assert (good.faults, good.containers) == ((), (ID,))
    calling = daily.format("renew", "/usr/local/bin/renew.sh")
    [behind] = renewals(f"{parts}{calling}host web\naccount root\nend\n", script(f"#!/bin/sh\n{RENEW}\n"))
    assert (behind.faults, behind.containers) == ((), (ID,))


TIMER = {
    "Id": "le.timer",
    "ActiveState": "active",
    "SubState": "waiting",
    "Unit": "le.service",
    "TimersCalendar": "{ OnCalendar=*-*-* 00,12:00:00 ; next_elapse=Tue 2026-12-01 00:00:00 UTC }",
}
SERVICE = {"Id": "le.service", "LoadState": "loaded", "FragmentPath": "/e/le.service", "DropInPaths": ""}


def timed(*settings: str, timer: str = "", **service: str) -> list[Renewal]:
    """The renewals of a timer whose service has these settings and properties; `timer` replaces its calendar."""
    calendar = {"TimersCalendar": timer} if timer else {}
    rows = [f"timer {key}={value}" for key, value in {**TIMER, **calendar}.items()]
    rows += ["timer ", *(f"service {key}={value}" for key, value in {**SERVICE, **service}.items()), "service "]
    rows += [f"setting /e/le.service {setting}" for setting in settings]
    return renewals("\n".join([*rows, "host web", "today 2026-11-30", "account root", "end", ""]))


EXEC = "ExecStart=/usr/bin/docker exec rodan_nginx.1.x certbot renew"


def test_a_timer_s_service_is_read_with_its_quotes_and_without_a_shell() -> None:
    [hooked] = timed(f"{EXEC} --deploy-hook 'nginx -s reload'")
    assert (hooked.reloading.here, hooked.faults, hooked.unclear) == (True, (), "")
    [after] = timed(EXEC, "ExecStartPost=/usr/bin/docker kill -s HUP rodan_nginx.1.x")
    assert after.reloading.containers == (ID,)
    [no_shell] = timed(f"{EXEC} && nginx -s reload")
    assert "certbot is given `&&` as an argument" in no_shell.faults[0]
    [shell] = timed(f"""ExecStart=/bin/sh -c "{EXEC.partition("=")[2]} && docker kill -s HUP rodan_nginx.1.x" """)
    assert (shell.reloading.containers, shell.faults) == ((ID,), ())
    [refused] = timed("ExecStartPre=/usr/bin/test -d /gone", EXEC)
    assert "it is never reached" in refused.faults[0]
    assert timed("ExecStart=/bin/true") == []


def test_a_timer_that_does_not_start_its_service_again_is_named() -> None:
    [masked] = timed(EXEC, LoadState="masked")
    assert masked.faults == ("it is never started: its service is masked",)
    [condition] = timed("ConditionPathExists=/gone", EXEC)
    assert "ConditionPathExists=/gone is not met now" in condition.faults[0]
    [failed] = timed(EXEC, ActiveState="failed", Result="exit-code")
    assert failed.unclear == "its last run failed (exit-code)"
    [stranger] = timed(EXEC, User="nobody2")
    assert stranger.faults == ("names a user that does not exist on this node",)
    [made_up] = timed(EXEC, User="nobody2", DynamicUser="yes")
    assert (made_up.faults, "makes up its account" in made_up.unclear) == ((), True)
    assert timed(EXEC, User="0")[0].faults == ()
    assert timed(EXEC, User="4711")[0].faults == ("names a user that does not exist on this node",)
    for calendar in (
        "2099-01-01 00:00:00 ; next_elapse=Thu 2099-01-01 00:00:00 UTC",
        "*-01-01 00:00:00 ; next_elapse=x",
    ):
        [far] = timed(EXEC, timer=f"{{ OnCalendar={calendar} }}")
        assert far.gap.days > 360
