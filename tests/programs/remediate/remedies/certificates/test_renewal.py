"""Remedies for certificates: what is planned for which finding, what is left to a person, and what the scripts do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleetkeeper.transport.script_files import load_script
from remediate.steps import RunInContainer, StepFailed
from remediate.steps.run_command import outcome_of_exit
from tests.example_fleets.certificates import (
    ID,
)
from tests.programs.topics.certificates.test_observation import run_command

# the scripts, run by this machine's own sh


def script_text(text: str, *words: str, tools: dict[str, str] | None = None, place: Path) -> tuple[int, str]:
    """Exit status and the harmless words that a step would show."""
    for name, body in (tools or {}).items():
        path = place / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    env = {"PATH": f"{place}:/usr/bin:/bin"}
    step = RunInContainer("web", ID, ("sh", "-c", text, "fleetkeeper", *words), tells=True)
    answered = run_command(step, env=env)
    try:
        return 0, outcome_of_exit(answered, step).said
    except StepFailed as why:
        return why.rc or 0, why.why


RATE = (
    "An unexpected error occurred:\n"
    "Failed to renew certificate a.org with error: urn:ietf:params:acme:error:rateLimited :: There were too many "
    "requests of a given type :: too many certificates (5) already issued"
)
CHALLENGE = (
    "  Domain: a.org\n  Type:   unauthorized\n  Detail: 192.0.2.1: Invalid response from http://a.org/x: 403\n"
    "Failed to renew certificate a.org with error: Some challenges have failed."
)


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (RATE, "too many certificates (5) already issued"),
        (CHALLENGE, "Some challenges have failed. (192.0.2.1: Invalid response from http://a.org/x: 403)"),
        (
            "Saving debug log to /x\nAccount at /etc/letsencrypt/accounts/x does not exist\nAsk for help",
            "does not exist",
        ),
    ],
)
def test_case_55_a_failure_is_tried_once_and_its_reason_is_shown(printed: str, reason: str, tmp_path: Path) -> None:
    count = f'echo x >>{tmp_path}/tries; printf "%s\\n" "$SAID" >&2; exit 1'
    body = f"SAID='{printed}'\n{count}"
    rc, text = script_text(
        load_script("remediate/remedies/certificates/scripts/run_certbot.sh"),
        "certbot",
        "renew",
        tools={"certbot": body},
        place=tmp_path,
    )
    assert (rc, reason in text) == (1, True), text
    assert (tmp_path / "tries").read_text() == "x\n"


def test_case_56_another_certbot_is_waited_for_and_is_no_failure(tmp_path: Path) -> None:
    body = (
        f"echo x >>{tmp_path}/tries\n"
        f'[ "$(wc -l <{tmp_path}/tries)" -ge 3 ] && exit 0\n'
        'echo "Another instance of Certbot is already running."; exit 1'
    )
    tools = {"certbot": body, "sleep": ":"}
    assert script_text(
        load_script("remediate/remedies/certificates/scripts/run_certbot.sh"),
        "certbot",
        "renew",
        tools=tools,
        place=tmp_path,
    ) == (0, "")


def test_case_56_another_certbot_that_does_not_end_is_named(tmp_path: Path) -> None:
    tools = {"certbot": 'echo "Another instance of Certbot is already running."; exit 1', "sleep": ":"}
    rc, text = script_text(
        load_script("remediate/remedies/certificates/scripts/run_certbot.sh"),
        "certbot",
        "renew",
        tools=tools,
        place=tmp_path,
    )
    assert rc == 75
    assert "another certbot is running" in text


def test_a_certificate_that_is_not_due_is_said_and_no_failure(tmp_path: Path) -> None:
    tools = {"certbot": 'echo "Certificate not yet due for renewal"'}
    rc, text = script_text(
        load_script("remediate/remedies/certificates/scripts/run_certbot.sh"),
        "certbot",
        "renew",
        tools=tools,
        place=tmp_path,
    )
    assert (rc, text) == (0, "certbot finds it not due, and left it as it is")


def test_case_54_nginx_s_own_complaint_is_shown(tmp_path: Path) -> None:
    text = 'nginx: [emerg] unknown directive "sevrer" in /x:1\\nnginx: configuration file /x test failed'
    rc, sentence = script_text(
        load_script("remediate/remedies/certificates/scripts/test_nginx.sh"),
        tools={"nginx": f"printf '{text}\\n' >&2; exit 1"},
        place=tmp_path,
    )
    assert (rc, sentence) == (1, 'exit 1: nginx: [emerg] unknown directive "sevrer" in /x:1')


def test_a_reload_that_works_says_nothing(tmp_path: Path) -> None:
    tools = {"nginx": "echo '[notice] signal process started' >&2"}
    assert script_text(
        load_script("remediate/remedies/certificates/scripts/reload_nginx.sh"), tools=tools, place=tmp_path
    ) == (0, "")


def test_the_hook_is_written_whole_and_reloads(tmp_path: Path) -> None:
    path = tmp_path / "renewal-hooks/deploy/reload"
    assert (
        script_text(load_script("remediate/remedies/certificates/scripts/write_hook.sh"), str(path), place=tmp_path)[0]
        == 0
    )
    (tmp_path / "nginx").write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/called\n')
    (tmp_path / "nginx").chmod(0o755)
    subprocess.run([path], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert (tmp_path / "called").read_text() == "-s reload\n"


@pytest.mark.parametrize("text", ["# Set up by fleetkeeper v2: another way\n", "somebody's own\n"])
def test_a_hook_that_is_not_what_we_write_is_not_written_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "reload").write_text(text)
    hook = load_script("remediate/remedies/certificates/scripts/write_hook.sh")
    rc, sentence = script_text(hook, str(tmp_path / "reload"), place=tmp_path)
    assert (rc, sentence) == (1, f"exit 1: {tmp_path}/reload is there already, and is not what this fleetkeeper writes")
    assert (tmp_path / "reload").read_text() == text


def test_a_new_account_is_named_in_the_renewal_and_nothing_else_is_changed(tmp_path: Path) -> None:
    conf, accounts = tmp_path / "a.conf", tmp_path / "accounts"
    conf.write_text("version = 2\n[renewalparams]\naccount = old\nserver = https://x/dir\n")
    tools = {"certbot": f"mkdir -p {accounts}/new"}
    assert (
        script_text(
            load_script("remediate/remedies/certificates/scripts/register_account.sh"),
            str(conf),
            str(accounts),
            "certbot",
            "register",
            tools=tools,
            place=tmp_path,
        )[0]
        == 0
    )
    assert conf.read_text() == "version = 2\n[renewalparams]\naccount = new\nserver = https://x/dir\n"
    assert [item.name for item in tmp_path.glob("a.conf*")] == ["a.conf"]


def test_an_account_that_is_there_already_is_used_and_none_is_registered(tmp_path: Path) -> None:
    conf, accounts = tmp_path / "a.conf", tmp_path / "accounts"
    conf.write_text("account = old\n")
    (accounts / "other").mkdir(parents=True)
    tools = {"certbot": "exit 1"}
    assert (
        script_text(
            load_script("remediate/remedies/certificates/scripts/register_account.sh"),
            str(conf),
            str(accounts),
            "certbot",
            "register",
            tools=tools,
            place=tmp_path,
        )[0]
        == 0
    )
    assert conf.read_text() == "account = other\n"


def test_a_registration_that_fails_changes_nothing_and_says_why(tmp_path: Path) -> None:
    conf = tmp_path / "a.conf"
    conf.write_text("account = old\n")
    tools = {"certbot": "echo 'The server refused the e-mail address'; exit 1"}
    rc, text = script_text(
        load_script("remediate/remedies/certificates/scripts/register_account.sh"),
        str(conf),
        str(tmp_path / "none"),
        "certbot",
        "register",
        tools=tools,
        place=tmp_path,
    )
    assert (rc, text) == (1, "exit 1: The server refused the e-mail address")
    assert conf.read_text() == "account = old\n"


@pytest.mark.parametrize("program", ["sed", "cp", "grep", "mv"])
@pytest.mark.parametrize("end", ["kill -9 $$", "exit 0"], ids=["killed", "silent"])
def test_whatever_dies_on_the_way_a_renewal_s_configuration_is_never_shorter(
    tmp_path: Path, program: str, end: str
) -> None:
    conf, accounts = tmp_path / "a.conf", tmp_path / "accounts"
    conf.write_text("version = 2\naccount = old\nserver = https://x/dir\n")
    (accounts / "other").mkdir(parents=True)
    rc, _ = script_text(
        load_script("remediate/remedies/certificates/scripts/register_account.sh"),
        str(conf),
        str(accounts),
        "certbot",
        tools={program: end},
        place=tmp_path,
    )
    before = "version = 2\naccount = old\nserver = https://x/dir\n"
    assert (rc, conf.read_text()) in [(rc or 1, before), (0, before.replace("old", "other"))]


def test_an_account_with_an_odd_name_is_not_written(tmp_path: Path) -> None:
    conf, accounts = tmp_path / "a.conf", tmp_path / "accounts"
    conf.write_text("account = old\n")
    (accounts / "a&b;w x").mkdir(parents=True)
    assert (
        script_text(
            load_script("remediate/remedies/certificates/scripts/register_account.sh"),
            str(conf),
            str(accounts),
            "certbot",
            place=tmp_path,
        )[0]
        == 1
    )
    assert conf.read_text() == "account = old\n"


@pytest.mark.parametrize("program", ["cat", "chmod", "mv", "mkdir"])
def test_whatever_dies_on_the_way_there_is_no_half_hook(tmp_path: Path, program: str) -> None:
    path = tmp_path / "renewal-hooks/deploy/reload"
    assert (
        script_text(
            load_script("remediate/remedies/certificates/scripts/write_hook.sh"),
            str(path),
            tools={program: "kill -9 $$"},
            place=tmp_path,
        )[0]
        != 0
    )
    assert not list(tmp_path.glob("renewal-hooks/deploy/*"))


def test_a_node_that_dies_before_the_hook_has_its_name_leaves_none_that_certbot_runs(tmp_path: Path) -> None:
    path = tmp_path / "renewal-hooks/deploy/reload"
    written = load_script("remediate/remedies/certificates/scripts/write_hook.sh")
    script_text(written, str(path), tools={"mv": "kill -9 $PPID"}, place=tmp_path)
    left = list(tmp_path.glob("renewal-hooks/deploy/*"))
    assert [one.name.endswith("~") for one in left] == [True]


def test_whether_a_certbot_runs_is_asked_of_the_processes(tmp_path: Path) -> None:
    (tmp_path / "certbot").write_text("#!/bin/sh\nsleep 5\n")
    (tmp_path / "certbot").chmod(0o755)
    with subprocess.Popen([tmp_path / "certbot"]) as other:
        try:
            assert (
                script_text(load_script("remediate/remedies/certificates/scripts/no_certbot_runs.sh"), place=tmp_path)[
                    0
                ]
                == 1
            )
        finally:
            other.kill()
