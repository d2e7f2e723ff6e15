"""Lines that run certbot: those that keep nothing, renew something else, or reload nobody, and those that are fine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetkeeper.judging.verdicts import Outcome, Verdict
from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.readers.cron.snapshot import read as printed_schedules
from fleetkeeper.topics.certificates import renewal_processes, renewal_schedule
from fleetkeeper.topics.certificates.certbot_options import read_certbot
from fleetkeeper.topics.certificates.facts import Reloading, Renewal
from fleetkeeper.topics.certificates.observe import words_about_lines
from fleetkeeper.topics.certificates.reload_commands import HookFile, Surroundings, reloading_of
from fleetkeeper.topics.certificates.renewal_scripts import NodeSurroundings
from fleetkeeper.topics.certificates.renewal_window import renewal_window
from fleetkeeper.topics.containers.facts import Container, Mount
from tests.example_fleets.certificates import (
    CONTAINER,
    FACTS,
    ID,
    INSIDE,
    MIDDLE,
    VOLUME,
    Wish,
    certificate_fleet,
    make_certificate,
    verdict_of,
)
from tests.pure.topics.certificates.test_observation import crontab_with

EXEC = "docker exec $(docker ps -q -f label=com.docker.swarm.service.name=rodan_nginx)"
RENEW, HOOK = f"{EXEC} certbot renew -q", "--deploy-hook 'nginx -s reload'"
BESIDE = Container("77" * 32, "certbot", mounts=(VOLUME,))
THERE = Surroundings(
    frozenset({"systemctl", "service", "docker"}), {"/hooks/reload.sh": HookFile("#!/bin/sh\nnginx -s reload\n")}
)
NODE = NodeSurroundings([CONTAINER, BESIDE], {ID: THERE})


def judged(line: str, node: NodeSurroundings = NODE, times: str = "25 3,15 * * *", **inside: object) -> Verdict:
    """What is said of the good fleet with this one line in root's crontab."""
    printed = printed_schedules(crontab_with(f"{times} {line}"))
    renewals = tuple(renewal_schedule.renewals_on_node(printed, node))
    facts = replace(FACTS, renewals=renewals, inside=(replace(INSIDE, **inside),))
    fleet = certificate_fleet(facts)
    both = replace(fleet.facts["web", "containers"], containers=(CONTAINER, BESIDE))
    return verdict_of("will_renew", replace(fleet, facts={**fleet.facts, ("web", "containers"): both}))


FINE = {
    "in a unit of its own": f"systemd-run --wait {RENEW} {HOOK}",
    "plain": f"{RENEW} {HOOK}",
    "its own lineage": f"{RENEW} --cert-name rodan2.example.org {HOOK}",
    "with =": f"{RENEW} --deploy-hook='nginx -s reload'",
    "the older name of the option": f"{RENEW} --renew-hook 'nginx -s reload'",
    "tested first": f"{RENEW} --post-hook 'nginx -t && nginx -s reload'",
    "a signal": f"{RENEW} --deploy-hook 'kill -HUP 1'",
    "a signal by name": f"{RENEW} --deploy-hook 'pkill -HUP nginx'",
    "a signal to what the file says": f"{RENEW} --deploy-hook 'kill -HUP $(cat /run/nginx.pid)'",
    "a script": f"{RENEW} --deploy-hook /hooks/reload.sh",
    "a shell around it": f"{EXEC} sh -c 'certbot renew -q && nginx -s reload'",
    "a reload behind it": f"{RENEW}; {EXEC} nginx -s reload",
    "a signal by Docker behind it": f"{RENEW} && docker kill -s HUP $(docker ps -q -f name=rodan_nginx)",
    "a service that is begun anew behind it": f"{RENEW} && docker service update --force rodan_nginx",
    "as root by name": f"docker exec --user=root:root rodan_nginx.1.x certbot renew {HOOK}",
    "a restart of what is found, through a pipe": f"{RENEW} && docker ps -q -f name=rodan_nginx | xargs docker restart",
    "a signal to what is found, through a pipe": (
        f"{RENEW} && docker ps -q -f name=rodan_nginx | xargs -r -n 1 docker kill -s HUP"
    ),
    "a reload in what is found, through a pipe": (
        f"{RENEW} && docker ps -q -f name=rodan_nginx | xargs -I@ docker exec @ nginx -s reload"
    ),
    "a restart behind it": f"{RENEW} && docker restart rodan_nginx.1.x > /dev/null",
    "its own directory": f"{RENEW} --config-dir /etc/letsencrypt/ {HOOK}",
    "certonly": f"{EXEC} certbot certonly -n --keep -d rodan2.example.org,www.example.org --webroot -w /w {HOOK}",
    "a test of its program": f"test -x /usr/bin/docker && {RENEW} {HOOK}",
    "a test of what was found": (
        f"c=$(docker ps -q -f name=rodan_nginx); [ -n $c ] && docker exec $c certbot renew {HOOK}"
    ),
    "an installer": f"{RENEW} -i nginx",
    "the delay of certbot's own page": (
        f"/opt/certbot/bin/python -c 'import time; time.sleep(random.random() * 3600)' && {RENEW} {HOOK}"
    ),
    "in a condition": f"if {RENEW}; then {EXEC} nginx -s reload; fi",
    "in a condition of the container": f"{EXEC} sh -c 'if certbot renew; then nginx -s reload; fi'",
    "a guard about the server": f"{RENEW} --deploy-hook '[ -s /run/nginx.pid ] && nginx -s reload'",
    "what certbot tells a hook": (
        f"{RENEW} --deploy-hook 'sh -c \"[ -z $RENEWED_LINEAGE ] && exit 0; nginx -s reload\"'"
    ),
    "a loop over what was found": (
        f"for c in $(docker ps -q -f name=rodan_nginx); do docker exec $c certbot renew {HOOK}; done"
    ),
    "behind programs in the container": f"{EXEC} env HOME=/root timeout 600 certbot renew {HOOK}",
    "behind a program that is told of failures": f"chronic {RENEW} {HOOK}",
    "a script of its own behind a shell": f"{RENEW} --deploy-hook 'sh /hooks/reload.sh'",
}


@pytest.mark.parametrize("what", FINE)
def test_a_line_that_renews_and_reloads_is_fine(what: str) -> None:
    plugins = ("nginx", "standalone", "webroot")
    verdict = judged(FINE[what], plugins=plugins)
    assert verdict.outcome is Outcome.HOLDS, (verdict.findings, verdict.unknown)


VAIN = {
    "a trial": (f"{RENEW} --dry-run {HOOK}", "it only tries, and keeps nothing (--dry-run)"),
    "a trial, shortened": (f"{RENEW} --dry {HOOK}", "(--dry-run)"),
    "another lineage": (f"{RENEW} --cert-name other.example {HOOK}", "it renews other.example alone (--cert-name)"),
    "another name": (f"{EXEC} certbot certonly -n -d other.example {HOOK}", "it asks for other.example"),
    "staging": (f"{RENEW} --test-cert {HOOK}", "it asks the staging authority"),
    "staging, by its other name": (f"{RENEW} --staging {HOOK}", "it asks the staging authority"),
    "another authority": (f"{RENEW} --server https://other.example/dir {HOOK}", "it asks another authority"),
    "another place": (f"{RENEW} --config-dir /srv/le {HOOK}", "it keeps its certificates in /srv/le (--config-dir)"),
    "names": (f"{RENEW} -d rodan2.example.org {HOOK}", "`certbot renew` takes no names (-d)"),
    "help": (f"{RENEW} --help", "it only prints a text"),
    "certificates": (f"{EXEC} certbot certificates", "nothing runs `certbot renew`"),
    "certificates, and another line": (f"{EXEC} certbot certificates\\nrenew", "nothing runs `certbot renew`"),
    "no program for the hook": (f"{RENEW} --deploy-hook 'systemctl reload nginx'", "so certbot ends before it renews"),
    "no program for the hook before": (f"{RENEW} --pre-hook 'service nginx stop' {HOOK}", "so certbot ends before"),
    "no such script": (f"{RENEW} --deploy-hook /etc/letsencrypt/reload.sh", "/etc/letsencrypt/reload.sh` of --deploy"),
    "never reached": (f"false && {RENEW} {HOOK}", "it is never reached: `false` always fails"),
    "in a container that it stopped": (
        f"docker stop rodan_nginx.1.x; docker exec rodan_nginx.1.x certbot renew {HOOK}",
        "it is never reached: `docker … stop` before it leaves no running container",
    ),
    "behind an end": (f"exit 0; {RENEW} {HOOK}", "it is never reached"),
    "never reached in the container": (f"{EXEC} sh -c 'false && certbot renew {HOOK}'", "it is never reached"),
    "in a function that nothing calls": (f"renew() {{ {RENEW} {HOOK}; }}", "nothing calls the function"),
    "too rarely": (f"{RENEW} {HOOK}", "is due too rarely"),
    "a mail about it": ("echo run certbot renew | mail -s x root", "nothing runs `certbot renew`"),
    "a shell that nobody reads the line with": (f"{EXEC} certbot renew '&&' nginx -s reload", "as an argument"),
    "on the node": (f"certbot renew -q {HOOK}", "it runs on the node"),
}


@pytest.mark.parametrize("what", VAIN)
def test_a_line_that_does_not_renew_this_certificate_does_not_count(what: str) -> None:
    line, words = VAIN[what]
    gone = {"/etc/letsencrypt/reload.sh": HookFile(trouble="is not there")}
    around = replace(THERE, files={**THERE.files, **gone})
    times = "0 3 1 */2 *" if what == "too rarely" else "25 3,15 * * *"
    [finding] = judged(line, replace(NODE, inside={ID: around}), times=times).findings
    assert words in finding.saw
    assert finding.want == "certbot renew, twice a day"


IDLE = {
    "none at all": (RENEW, "nothing reloads rodan_nginx afterwards"),
    "a copy": (f"{RENEW} --deploy-hook 'cp /etc/letsencrypt/x /tmp/mail.pem'", "--deploy-hook does something else"),
    "a reload on the node": (f"{RENEW} && nginx -s reload", "nothing reloads rodan_nginx afterwards"),
    "another service": (f"{RENEW} && docker service update --force rodan_web", "nothing reloads rodan_nginx"),
    "another container": (f"{RENEW} && docker restart certbot", "nothing reloads rodan_nginx afterwards"),
    "another server": (f"{RENEW} --deploy-hook 'pkill -HUP postfix'", "--deploy-hook does something else"),
    "a reload that is never reached": (f"{RENEW} --deploy-hook 'sh -c \"exit 0; nginx -s reload\"'", "never gets to"),
    "a reload after a failure only": (f"{RENEW} || {EXEC} nginx -s reload", "never gets to its reload"),
    "a reload that its container never reaches": (
        f"{RENEW}; {EXEC} sh -c 'exit 0; nginx -s reload'",
        "nothing reloads",
    ),
    "a reload in another container": (f"{RENEW}; docker exec certbot nginx -s reload", "nothing reloads"),
    "hooks that are passed over": (f"{RENEW} --no-directory-hooks", "nothing reloads rodan_nginx afterwards"),
    "a script with line ends of Windows": (f"{RENEW} --deploy-hook /hooks/crlf.sh", "line ends of Windows (CR LF)"),
    "a script whose interpreter is not there": (f"{RENEW} --deploy-hook /hooks/zsh.sh", "needs the interpreter"),
    "not looked for, and not there": (
        f"{RENEW} --disable-hook-validation --deploy-hook 'systemctl reload nginx'",
        "--deploy-hook needs `systemctl`, which is not there",
    ),
}
FILES = {
    "/hooks/crlf.sh": HookFile("#!/bin/sh\r\nnginx -s reload\r\n"),
    "/hooks/zsh.sh": HookFile(trouble="needs the interpreter /usr/bin/zsh, which is not there"),
}


@pytest.mark.parametrize("what", IDLE)
def test_a_hook_that_reloads_nobody_is_none(what: str) -> None:
    line, words = IDLE[what]
    verdict = judged(line, replace(NODE, inside={ID: replace(THERE, files=FILES)}))
    [finding] = verdict.findings
    assert words in finding.saw
    assert finding.want == "a reload hooked to the renewal"


def test_a_certbot_that_is_not_in_the_container_renews_nothing() -> None:
    lacking = NodeSurroundings([CONTAINER, BESIDE], {ID: replace(THERE, certbot=False)})
    [finding] = judged(f"{RENEW} {HOOK}", lacking).findings
    assert "there is no certbot in the container that it enters" in finding.saw
    assert judged(f"{EXEC} /srv/venv/bin/certbot renew {HOOK}", lacking).outcome is Outcome.HOLDS


def test_a_container_that_is_entered_as_another_account_than_root_leaves_it_unclear() -> None:
    node = replace(NODE, containers=[replace(CONTAINER, user="101:101"), BESIDE])
    assert judged(f"{RENEW} {HOOK}", node).outcome is Outcome.UNKNOWN
    assert judged(RENEW.replace("docker exec", "docker exec -u 0") + f" {HOOK}", node).outcome is Outcome.HOLDS


def test_hooks_in_renewal_hooks_count_unless_the_line_passes_over_them() -> None:
    reloading = Reloading(here=True)
    assert judged(RENEW, reloading=reloading).outcome is Outcome.HOLDS
    assert judged(f"{RENEW} --no-directory-hooks", reloading=reloading).outcome is Outcome.FINDING


def test_a_hook_of_the_lineage_gives_way_to_that_of_the_line() -> None:
    own = replace(INSIDE.lineages[0], reloading=Reloading(here=True))
    assert judged(RENEW, lineages=(own,)).outcome is Outcome.HOLDS
    assert judged(f"{RENEW} --deploy-hook 'cp a b'", lineages=(own,)).outcome is Outcome.FINDING


UNCLEAR = [
    f"test -e /etc/letsencrypt/enabled && {RENEW} {HOOK}",
    f"[ $(hostname) = oldhost ] && {RENEW} {HOOK}",
    f"mountpoint -q /mnt/nas && {RENEW} {HOOK}",
    f"if [ -f /on ]; then {RENEW} {HOOK}; fi",
    f"{RENEW} --deploy-hook /opt/unknown",
    f'{RENEW} --deploy-hook "$HOOK"',
    f"{RENEW} --deploy-hook 'if [ -f /x ]; then nginx -s reload; fi'",
    f"{RENEW} --deploy-hook '[ -f /etc/maintenance ] && exit 0; nginx -s reload'",
    f"{RENEW}; /usr/local/bin/reload-web",
    f"{RENEW}; {EXEC} /reload.sh",
    f"{RENEW} | grep -q Congratulations && {EXEC} nginx -s reload",
    f"{RENEW} && docker kill -s USR2 rodan_nginx.1.x",
    "run-parts /etc/cron.custom",
    f"systemd-run --on-active=1h {RENEW} {HOOK}",
    f"docker exec -u www-data rodan_nginx.1.x certbot renew {HOOK}",
    f"docker exec -iu33 rodan_nginx.1.x certbot renew {HOOK}",
    f'docker exec -u "$WHO" rodan_nginx.1.x certbot renew {HOOK}',
    f"{RENEW} && docker service scale rodan_nginx=0 rodan_nginx=1",
    f"{RENEW} && docker service update --label-add renewed=1 rodan_nginx",
    f"{RENEW} && docker stack deploy -c /srv/rodan.yml rodan",
    f"{RENEW} && docker stop rodan_nginx.1.x && docker start rodan_nginx.1.x",
    f"{RENEW} && cd /srv && docker compose up -d --force-recreate",
    f"{RENEW} && systemctl restart docker",
    f"{RENEW} && curl -X POST --unix-socket /run/docker.sock http://x/containers/web/restart",
    f"{RENEW} $OPTIONS {HOOK}",
    f"{RENEW} -c /etc/other.ini {HOOK}",
    "/usr/local/bin/certbot-renew.sh",
    "/usr/local/bin/renew.sh",
    "sh /root/renew_ssl.sh > /dev/null",
    "/opt/acme.sh --cron --home /opt/acme",
    "cd /srv/proxy && docker compose run --rm certbot renew -q && docker compose exec -T nginx nginx -s reload",
    "docker run --rm -v le:/etc/letsencrypt certbot/certbot renew -q && docker kill -s HUP rodan_nginx.1.x",
]


@pytest.mark.parametrize("line", UNCLEAR)
def test_what_cannot_be_told_is_unknown_and_never_a_finding(line: str) -> None:
    verdict = judged(line)
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())


def test_a_renewal_that_is_forced_often_runs_into_the_authority_s_limit() -> None:
    [finding] = judged(f"{RENEW} --force-renewal {HOOK}").findings
    assert "asks for a new certificate every time it runs (--force-renewal)" in finding.saw
    printed = printed_schedules(crontab_with(f"25 3 1 * * {RENEW} --force-renewal {HOOK}"))
    [monthly] = renewal_schedule.renewals_on_node(printed, NODE)
    assert verdict_of("will_renew", certificate_fleet(replace(FACTS, renewals=(monthly,)))).outcome is Outcome.HOLDS


LOOP = "trap exit TERM; while :; do certbot renew -q%s; sleep 12h & wait ${!}; done"


def main_process(script: str, key: str = BESIDE.id, shell: str = "/bin/sh") -> list[dict[str, object]]:
    return [{"Id": key, "Name": "/beside", "Path": shell, "Args": ["-c", script]}]


def test_certbot_in_a_loop_beside_the_server_renews() -> None:
    [match] = renewal_processes.main_processes(main_process(LOOP % ""), NODE)
    assert (match.where, match.entered, match.containers) == ("the main process of beside", True, (BESIDE.id,))
    fleet = certificate_fleet(replace(FACTS, renewals=(match,)))
    both = replace(fleet.facts["web", "containers"], containers=(CONTAINER, BESIDE))
    [finding] = verdict_of("will_renew", replace(fleet, facts={**fleet.facts, ("web", "containers"): both})).findings
    assert "the main process of beside renews, and nothing reloads rodan_nginx" in finding.saw
    facts = replace(FACTS, renewals=(match,), reloaders=(ID,))
    seen = replace(fleet, facts={**fleet.facts, ("web", "containers"): both, ("web", "certificates"): facts})
    assert verdict_of("will_renew", seen).outcome is Outcome.HOLDS


def test_a_loop_that_keeps_nothing_or_lies_elsewhere_does_not_count() -> None:
    [match] = renewal_processes.main_processes(main_process(LOOP % " --dry-run"), NODE)
    assert match.faults
    elsewhere = replace(BESIDE, mounts=(Mount("volume", "/v/other", "/etc/letsencrypt", "other"),))
    [match] = renewal_processes.main_processes(main_process(LOOP % ""), NodeSurroundings([CONTAINER, elsewhere]))
    assert verdict_of("will_renew", certificate_fleet(replace(FACTS, renewals=(match,)))).outcome is Outcome.FINDING


LOOPS = {
    "while :; do certbot renew; sleep 12h & wait $!; done": True,
    "until false; do certbot renew; sleep 1d; done": True,
    "for ((;;)); do certbot renew; sleep 43200; done": True,
    "for (( ; ; )); do sleep 1d; certbot renew; done": True,
    "while sleep 12h; do certbot renew -q; done": True,
    "trap 'exit 0' TERM\nwhile [ 1 ]; do\n  certbot renew\n  sleep 12h\ndone": True,
    "for d in a b; do certbot renew --cert-name $d; done": False,
    "for ((i = 0; i < 3; i++)); do certbot renew; done": False,
    "sleep 60; certbot renew": False,
    "while :; do sleep 12h; done; certbot renew": False,
}


@pytest.mark.parametrize("script", LOOPS)
def test_only_a_loop_without_an_end_renews_again(script: str) -> None:
    matches = renewal_processes.main_processes(main_process(script), NODE)
    assert [(item.faults, item.unclear) for item in matches] == ([((), "")] if LOOPS[script] else [])


def test_a_loop_that_waits_for_months_is_unclear() -> None:
    [match] = renewal_processes.main_processes(main_process("while :; do sleep 90d; certbot renew; done"), NODE)
    assert "waits for too long" in match.unclear


@pytest.mark.parametrize(
    ("words", "unclear"),
    [
        ("crond -f", "what `crond` starts is not known here"),
        ("/sbin/tini -- crond -f", "what `crond` starts is not known here"),
        ("/usr/bin/supervisord -n", "what `supervisord` starts"),
        ("/init", "what `init` starts"),
        ("/bin/sh /entry.sh", "not known here"),
        ("/docker-entrypoint.sh nginx -g x", ""),
        ("postfix start-fg", ""),
        ("certbot renew", ""),
    ],
)
def test_a_main_process_that_may_start_certbot_is_unclear(words: str, unclear: str) -> None:
    path, *arguments = words.split()
    item = {"Id": BESIDE.id, "Name": "/beside", "Path": path, "Args": arguments}
    matches = list(renewal_processes.main_processes([item], NODE))
    assert [unclear in match.unclear for match in matches] == ([True] if unclear else [])


@pytest.mark.parametrize("image", ["nginxproxy/acme-companion", "goacme/lego:v4", "certbot/dns-ovh"])
def test_a_container_of_an_image_for_certificates_is_unclear(image: str) -> None:
    node = replace(NODE, containers=[CONTAINER, replace(BESIDE, image=image)])
    item = {"Id": BESIDE.id, "Name": "/beside", "Path": "/app/start", "Args": ["x"]}
    assert [match.unclear for match in renewal_processes.main_processes([item], node)] != []


def test_a_main_process_that_is_a_script_about_certificates_is_unclear() -> None:
    item = {"Id": BESIDE.id, "Name": "/beside", "Path": "/bin/bash", "Args": ["/scripts/run_certbot.sh"]}
    [match] = renewal_processes.main_processes([item], NODE)
    assert match.unclear


def test_a_server_that_reloads_itself_from_time_to_time_is_known() -> None:
    script = 'while :; do sleep 6h & wait ${!}; nginx -s reload; done & nginx -g "daemon off;"'
    assert list(renewal_processes.self_reloaders(main_process(script, ID))) == [ID]
    assert list(renewal_processes.self_reloaders(main_process('nginx -g "daemon off;"', ID))) == []


@pytest.mark.parametrize(
    ("words", "lineage", "faults"),
    [
        ("certbot renew", "", 0),
        ("/usr/bin/certbot -q renew --cert-name=a", "a", 0),
        ("certbot renew --deploy-hook --dry-run", "", 0),
        ("certbot --dry-run renew", "", 1),
        ("certbot renew -ia -w/x --dry-run", "", 1),
    ],
)
def test_options_are_read_with_their_values(words: str, lineage: str, faults: int) -> None:
    command = read_certbot(words.split())
    assert command is not None
    assert (command.lineage, len(command.faults)) == (lineage, faults)


@pytest.mark.parametrize(
    "words", ["certbot", "certbot delete --cert-name renew", "certbot revoke", "echo certbot renew"]
)
def test_other_commands_of_certbot_renew_nothing(words: str) -> None:
    assert read_certbot(words.split()) is None


@pytest.mark.parametrize(
    ("script", "here"),
    [
        ("#!/bin/sh\nset -e\nnginx -t\nexec nginx -s reload\n", True),
        ("systemctl try-reload-or-restart nginx.service", True),
        ("/etc/init.d/nginx reload", True),
        ("service nginx reload", True),
        ("exit 0\nnginx -s reload", False),
        ("systemctl status nginx", False),
        ("nginx -s stop", False),
        ("kill -TERM 1", False),
        ("echo nginx -s reload", False),
    ],
)
def test_reloads_are_told_from_other_commands(script: str, here: bool) -> None:
    assert reloading_of("a hook", script, Surroundings()).here is here


ANSWERS = """user root
program /usr/bin/docker
login root 0 0 /root
at 0:0:41ed,0:0:41ed,0:0:41ed,none -wxs /var/log/nodir/certbot.log
at 0:0:41ed,0:0:41ed,none -wxs /etc/absent
at 0:0:41ed,0:0:41ed,0:0:81a4 -ws /etc/present
at 0:0:41ed,none -wxs /absent
end
"""


def asked_and_judged(line: str) -> tuple[list[str], Renewal]:
    """What the node is asked about a line in root's crontab, and the renewal that it is once it has answered."""
    printed = printed_schedules(crontab_with(f"25 3,15 * * * {line}"))
    answers = Answers(printed)
    words = words_about_lines(answers, [CONTAINER, BESIDE])
    answers.add(words, printed_schedules(ANSWERS))
    node = replace(NODE, answers=answers, questions={})
    [renewal] = renewal_schedule.renewals_on_node(printed, node)
    return words, renewal


@pytest.mark.parametrize(
    ("before", "after", "asked", "fault"),
    [
        ("", " >> /var/log/nodir/certbot.log 2>&1", "?/var/log/nodir/certbot.log", "cannot be opened by root"),
        ("test -f /etc/absent && ", "", "?/etc/absent", "`test -f /etc/absent` is false now"),
        ("[ ! -e /etc/present ] && ", "", "?/etc/present", "is false now"),
        ("cd /absent && ", "", "?/absent", "`cd /absent` fails now"),
        ("test -f /etc/present && ", "", "?/etc/present", ""),
        ("", " > /dev/null 2>&1", "root", ""),
    ],
)
def test_what_keeps_certbots_line_from_certbot_is_asked_and_named(
    before: str, after: str, asked: str, fault: str
) -> None:
    words, renewal = asked_and_judged(f"{before}{RENEW} {HOOK}{after}")
    assert asked in words
    assert renewal.unclear == ""
    assert [bool(fault) and fault in text for text in renewal.faults] == [True] * bool(fault)


def test_a_guard_that_the_node_did_not_answer_leaves_the_line_unclear() -> None:
    _, renewal = asked_and_judged(f"test -f /etc/never-answered && {RENEW} {HOOK}")
    assert renewal.unclear


GAPS = [
    ("0 3 1,15 * *", {}, Outcome.HOLDS),
    ("0 3 1 * *", {}, Outcome.FINDING),
    ("@monthly", {"version": "2.1.0"}, Outcome.FINDING),
    ("0 3 1 * *", {"renew_before": "45 days"}, Outcome.HOLDS),
    ("0 3 1 * *", {"renew_before": "6 weeks", "version": "4.1.0"}, Outcome.HOLDS),
    ("0 3 * * 1", {"renew_before": "5"}, Outcome.FINDING),
    ("0 3 * * *", {"renew_before": "48h"}, Outcome.HOLDS),
    ("0 3 * * 1", {"renew_before": "a fortnight"}, Outcome.UNKNOWN),
]


@pytest.mark.parametrize(("times", "lineage", "outcome"), GAPS)
def test_a_schedule_is_due_within_the_time_that_certbot_leaves_itself(
    times: str, lineage: dict[str, str], outcome: Outcome
) -> None:
    [own] = INSIDE.lineages
    verdict = judged(f"{RENEW} {HOOK}", times=times, lineages=(replace(own, **lineage),))
    assert verdict.outcome is outcome, (verdict.findings, verdict.unknown)
    assert all("too rarely" in finding.saw for finding in verdict.findings)


def test_a_newer_certbot_leaves_itself_a_third_of_the_lifetime_or_half_of_a_short_one() -> None:
    [own] = INSIDE.lineages
    for length, version, days in ((90, "4.0.0", 30), (45, "5.1.0", 15), (45, "2.1.0", 30), (6, "4.2.0", 3)):
        chain = (make_certificate(Wish(days=(0, length)), MIDDLE).pem,)
        assert renewal_window(replace(own, version=version, chain=chain)).days == days
