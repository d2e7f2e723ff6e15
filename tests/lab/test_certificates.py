"""Certificates on the lab: a real authority, a real certbot, a real nginx, each broken in its own way."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import swarm
from lab.faults import certificates
from lab.names import MANAGER, SITE
from lab.shell import wait_until
from tests.lab.conftest import Lab, portable_inventory, rules_ending_so

FIX = ("--fix", "--yes", "--only", "certificates")

REPAIRED = {
    "certificate-old-served": {"certificates.are_served_as_on_disk"},
    "certificate-wrong-name": {"certificates.are_valid"},
    "acme-account-lost": {"certificates.will_renew"},
    "renewal-not-scheduled": {"certificates.will_renew"},
}
REPAIRED_TOO = {
    "certificate-expired": {"certificates.are_valid", "certificates.are_far_from_expiry"},
    "certificate-self-signed": {"certificates.are_valid"},
    "certificate-incomplete": {"certificates.are_valid"},
    "certificate-staging": {"certificates.are_valid"},
    "certificate-other-key": {"certificates.are_valid", "certificates.will_renew"},
}
TOLD = {
    "certificate-wrong-name": ("certificates.are_valid", "it is for other.lab.example"),
    "certificate-self-signed": ("certificates.are_valid", "it is self-signed"),
    "certificate-incomplete": ("certificates.are_valid", "does not send the intermediate certificate"),
    "certificate-staging": ("certificates.are_valid", "staging or test authority: (STAGING) Artificial Apricot R3"),
    "certificate-other-key": ("certificates.are_valid", "does not belong to the certificate"),
    "nginx-misconfigured": ("certificates.will_renew", 'unknown directive "sevrer"'),
    "acme-challenge-blocked": ("certificates.will_renew", "port 80 answers 403"),
    "acme-challenge-misplaced": ("certificates.will_renew", "no files from the webroot /var/www/letsencrypt"),
}


def rules_found(lab: Lab) -> set[str]:
    return rules_ending_so(lab.audit("-k", "certificates"), "finding", "unknown")


def changed_inventory(lab: Lab, old: str, new: str) -> str:
    """The path of an inventory of the lab with something else in it."""
    text = portable_inventory()
    assert old in text
    path = lab.place / "variant.yml"
    path.write_text(text.replace(old, new))
    return str(path)


ALWAYS = ("acme-account-lost",)
"""One that certbot mends, and a reload with it; the others take as long and are run with --all."""


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=() if fault in ALWAYS else pytest.mark.long) for fault in REPAIRED]
)
def test_what_certbot_and_a_reload_can_mend_is_mended_and_proven(broken, fault: str) -> None:
    lab = broken(fault)
    assert rules_found(lab) == REPAIRED[fault]
    fixed = lab.remediate(*FIX)
    assert fixed.status == 0, fixed.said
    assert rules_found(lab) == set()


@pytest.mark.long
@pytest.mark.parametrize("fault", REPAIRED_TOO)
def test_every_other_bad_certificate_is_renewed_or_replaced_and_proven(broken, fault: str) -> None:
    lab = broken(fault)
    assert rules_found(lab) == REPAIRED_TOO[fault]
    fixed = lab.remediate(*FIX)
    assert fixed.status == 0, fixed.said
    assert rules_found(lab) == set()


@pytest.mark.long
def test_the_first_certificate_is_got_and_a_person_is_told_which_line_has_to_name_it(broken) -> None:
    lab = broken("certificate-never-issued")
    assert rules_found(lab) == {"certificates.are_valid", "certificates.will_renew"}
    fixed = lab.remediate(*FIX)
    assert fixed.status == 1, fixed.said
    assert rules_found(lab) == {"certificates.are_valid", "certificates.are_served_as_on_disk"}
    shown = lab.remediate("--only", "certificates").out
    assert "/etc/letsencrypt/served.conf:1" in shown
    assert f"ssl_certificate /etc/letsencrypt/live/{SITE}/fullchain.pem;" in shown
    certificates.reload(lab.engine)
    assert rules_found(lab) == set()


@pytest.mark.long
def test_several_names_on_one_port_are_each_judged_by_their_own_certificate(broken) -> None:
    lab = broken("certificate-second-site")
    assert rules_found(lab) == set(), "what nobody wrote down is a warning"
    second = "  - {name: second.lab.example, service: nginx, acme: {none: brought by hand}}\n"
    both = changed_inventory(lab, "certificates:\n", f"certificates:\n{second}")
    results = lab.place / "both.json"
    lab.run("pytest", f"--hosts={both}", f"--results={results}", "-p", "no:cacheprovider", "-k", "certificates")
    wrong = {(item["rule"], item["subject"]) for item in json.loads(results.read_text())["items"] if item["findings"]}
    assert wrong == {(f"certificates.{rule}", "second.lab.example") for rule in ("are_valid", "are_far_from_expiry")}


@pytest.mark.long
def test_where_the_inventory_does_not_say_how_the_whole_command_is_shown(broken) -> None:
    lab = broken("certificate-wrong-name")
    silent = changed_inventory(
        lab, "    acme: {agree_tos: true, email: ops@rodan.lab.example, webroot: /var/www/letsencrypt}\n", ""
    )
    shown = lab.run("remediate", f"--hosts={silent}", "--only", "certificates.are_valid")
    assert shown.status == 1, shown.said
    text = " ".join(shown.out.split())
    assert f"certbot certonly --non-interactive --cert-name {SITE} --domain {SITE}" in text


def outside_inventory(lab: Lab, address: str, port: int) -> str:
    """An inventory of the lab whose site is asked for at an address, from the machine that audits."""
    allowed = "allow_issuer: [Pebble *]\n"
    return changed_inventory(lab, allowed, f"{allowed}    outside: {{address: {address}, ports: [{port}]}}\n")


@pytest.mark.long
def test_the_world_s_view_is_a_finding_of_its_own_where_something_else_answers(lab: Lab, tmp_path: Path) -> None:
    words = ("-p", "no:cacheprovider", "-k", "certificates")
    good = lab.run("pytest", f"--hosts={outside_inventory(lab, MANAGER.address, 443)}", *words)
    assert good.status == 0, good.said
    with foreign_server(tmp_path) as port:
        ran = lab.run("pytest", f"--hosts={outside_inventory(lab, 'localhost', port)}", *words)
    assert ran.status == 1, ran.said
    assert f"served to the world at 127.0.0.1:{port}: it is self-signed" in ran.out
    assert f"127.0.0.1:{port} serves the world another certificate than the service" in ran.out


@contextmanager
def foreign_server(place: Path) -> Iterator[int]:
    """A TLS server on this machine that is none of the lab's."""
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")
    names = ("-keyout", "key", "-out", "cert", "-subj", f"/CN={SITE}", "-addext", f"subjectAltName=DNS:{SITE}")
    subprocess.run((*new, *names), cwd=place, check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = ["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{port}", "-key", "key", "-cert", "cert"]
    with subprocess.Popen(serve, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(
                lambda: not socket.socket().connect_ex(("127.0.0.1", port)), "openssl s_server", limit=5, every=0.1
            )
            yield port
        finally:
            server.terminate()


@pytest.mark.long
@pytest.mark.parametrize("fault", TOLD)
def test_what_a_person_must_mend_is_told_in_its_own_words(broken, fault: str) -> None:
    lab = broken(fault)
    results = lab.audit("-k", "certificates")
    rule, words = TOLD[fault]
    text = [element["saw"] for item in results["items"] if item["rule"] == rule for element in item["findings"]]
    assert any(words in item for item in text), results["said"]


def test_case_54_nothing_is_reloaded_while_the_configuration_is_broken(broken) -> None:
    lab = broken("certificate-old-served", "nginx-misconfigured")
    fixed = lab.remediate(*FIX)
    assert fixed.status == 1, fixed.said
    assert "unknown directive" in fixed.said
    assert "certificates.are_served_as_on_disk" in rules_found(lab)


@pytest.mark.long
def test_case_55_a_challenge_that_fails_is_tried_once_and_its_reason_is_shown(broken) -> None:
    lab = broken("acme-challenge-blocked")
    before = certbot_attempts(lab)
    fixed = lab.remediate(*FIX)
    assert fixed.status == 3, fixed.said
    assert "returned 403" in fixed.out
    assert certbot_attempts(lab) == before + 1


def certbot_attempts(lab: Lab) -> int:
    """How often certbot has begun, by its own logs."""
    text = swarm.run_within(
        lab.engine, "nginx", "sh", "-c", "cat /var/log/letsencrypt/*.log* | grep -c 'certbot version'"
    )
    return int(text)


@pytest.mark.long
def test_case_56_another_certbot_that_runs_is_no_failure(broken) -> None:
    lab = broken("certificate-expiring")
    words = ("certbot", "renew", "--dry-run", "--no-random-sleep-on-renew", "--pre-hook", "sleep 20")
    node, container = swarm.home_of_service(lab.engine, "nginx")
    lab.on(node.name, "docker", "exec", "--detach", container, *words)
    fixed = lab.remediate(*FIX)
    assert fixed.status != 3, fixed.said
    assert "no other certbot is running" in fixed.said or "fixed" in fixed.out


@pytest.mark.long
def test_case_57_a_lineage_of_six_days_and_one_of_an_hour_are_far_from_their_end(broken) -> None:
    """Their own lifetimes count: 30 days would never be left."""
    lab = broken()
    soon = {"certificates.are_far_from_expiry"}
    hour = 1 / 24
    for begin, end, rules in ((-1, 5, set()), (-5, 1, soon), (-hour / 4, 3 * hour / 4, set()), (-hour, hour / 5, soon)):
        certificates.replace(lab.engine, begin, end)
        assert rules_found(lab) == rules
    certificates.anew(lab.engine)


@pytest.mark.long
def test_case_72_looking_changes_nothing_in_the_container(lab: Lab) -> None:
    digest = "find /etc /var/lib /var/www /root /run -type f -newer /tmp/look ! -path '*/nginx.pid'; rm /tmp/look"
    swarm.run_within(lab.engine, "nginx", "touch", "/tmp/look")
    rules_found(lab)
    assert swarm.run_within(lab.engine, "nginx", "sh", "-c", digest) == ""


@pytest.mark.long
def test_undo_of_the_installed_entry_brings_the_crontab_back(broken) -> None:
    lab = broken("renewal-not-scheduled")
    before = lab.on("manager", "crontab", "-u", "root", "-l")
    assert lab.remediate(*FIX).status == 0
    assert "certbot" in lab.on("manager", "crontab", "-u", "root", "-l")
    undone = lab.run("remediate", "undo", "last", "--yes")
    assert undone.status == 0, undone.said
    assert lab.on("manager", "crontab", "-u", "root", "-l") == before


@pytest.mark.long
def test_a_renewal_is_rehearsed_on_request_and_says_why_it_would_fail(broken) -> None:
    lab = broken()
    could = lab.run("remediate", "certificates", "rehearse", "--hosts=lab", "--yes")
    assert could.status == 0, could.said
    broken("acme-challenge-blocked")
    could_not = lab.run("remediate", "certificates", "rehearse", "--hosts=lab", "--yes")
    assert could_not.status == 3, could_not.said
    assert "returned 403" in could_not.said
