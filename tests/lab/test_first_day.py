"""The first day, word by word: docs/on-your-servers.md on the lab, from hosts that nobody knows to the last trace."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.topics.backups.policy import Policy as Backups
from fleetkeeper.topics.certificates.policy import Policy as Certificates
from fleetkeeper.topics.registry import load_inventory
from lab.names import DATA, IDENTITY, NODES, SITE, Node
from tests.lab.conftest import BIN, ROOT, Lab, Ran, portable_inventory, rules_ending_so

PAGE = ROOT / "docs" / "on-your-servers.md"
NEW = "fleetkeeper"


def commands_of_block(name: str) -> str:
    """The commands that the page marks with `<!-- run: NAME -->`."""
    [commands] = re.findall(rf"<!-- run: {name} -->\n```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return commands


@dataclass(frozen=True)
class Newcomer:
    """Somebody who has just cloned: a lab, a folder of their own, and the fingerprints that they have compared."""

    lab: Lab
    folder: Path

    def run(self, *words: str) -> Ran:
        env = {**os.environ, "FLEETKEEPER_STATE": str(self.folder / "state"), "NO_COLOR": "1"}
        done = subprocess.run(
            [BIN / words[0], *words[1:]], cwd=self.folder, env=env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def init(self, name: str, *hosts: str, more: tuple[str, ...] = ()) -> Ran:
        prints = [word for print_ in self.fingerprints() for word in ("--fingerprint", print_)]
        return self.run("fleetkeeper", "init", *hosts, "--name", name, "--identity", str(IDENTITY), *prints, *more)

    def fingerprints(self) -> list[str]:
        """What the page's command prints on each node's own console."""
        [command] = re.findall(r"^for f in .*done$", PAGE.read_text(), re.MULTILINE)
        text = [self.lab.on(node.name, "sh", "-c", command) for node in NODES]
        return re.findall(r"SHA256:\S+", "\n".join(text))

    def audit(self, name: str) -> dict[str, Any]:
        path = self.folder / f"{name}.json"
        words = (f"--hosts=./{name}.yml", f"--results={path}", "-p", "no:cacheprovider", str(ROOT / "checks"))
        ran = self.run("pytest", *words)
        assert path.exists(), ran.said
        return dict(json.loads(path.read_text()), said=ran.said)


@pytest.fixture
def newcomer(lab: Lab, tmp_path: Path) -> Newcomer:
    folder = tmp_path / "mine"
    folder.mkdir()
    return Newcomer(lab, folder)


def ssh_host(node: Node, user: str = "ops") -> str:
    return f"{user}@127.0.0.1:{node.port}"


@pytest.mark.long
def test_two_commands_lead_from_bare_hosts_to_an_audit_that_is_green_but_for_what_is_open(newcomer: Newcomer) -> None:
    made = newcomer.init("mine", *(ssh_host(node) for node in NODES))
    assert made.status == 0, made.said
    inventory = load_inventory(newcomer.folder / "mine.yml")
    assert set(inventory.nodes) == {"manager", "data", "vgpu"}
    results = newcomer.audit("mine")
    assert rules_ending_so(results, "unknown") == set(), results["said"]
    assert open_findings(results) <= {("certificates.are_valid", SITE)}, results["said"]
    assert len(rules_ending_so(results, "holds")) >= 15


def open_findings(results: dict[str, Any]) -> set[tuple[str, str]]:
    """What stands. The lab certificates are really those of a test authority; all else would be a mistake of init."""
    return {(item["rule"], item["subject"]) for item in results["items"] if item["outcome"] == "finding"}


def readme_commands() -> list[list[str]]:
    """The commands that the README gives for one's own servers, one after the other."""
    section = (ROOT / "README.md").read_text().partition("## Point it at your own servers")[2]
    shown = re.findall(r"^\$ (.*)$", section.partition("## ")[0], re.MULTILINE)
    lines = [line.partition(" #")[0] for line in shown]
    return [words for line in lines for words in [shlex.split(part) for part in line.split("&&")]]


def test_the_readme_leads_from_a_clone_to_the_first_audit_in_five_commands(newcomer: Newcomer) -> None:
    commands = readme_commands()
    audit = next(number for number, words in enumerate(commands) if words[0] == "pytest")
    ours = [words for words in commands[: audit + 1] if words[0] != "."]
    assert len(["git clone", *ours]) <= 5
    prints = [word for print_ in newcomer.fingerprints() for word in ("--fingerprint", print_)]
    more = {"trust": ("--yes", *prints), "init": ("--identity", str(IDENTITY), *prints)}
    for words in commands[2 : audit + 1]:
        question = [re.sub(r"ops@\S+", ssh_host(NODES[0]), word) for word in words]
        here = [str(ROOT / "checks"), "-p", "no:cacheprovider"] if words[0] == "pytest" else []
        ran = newcomer.run(*question, *more.get(words[1], ()), *here)
        assert ran.status in ((0,) if words[0] == "fleetkeeper" else (0, 1)), ran.said
    assert "promises that apply" in ran.said or "next: " in ran.said


@pytest.mark.long
def test_the_swarm_is_followed_to_nodes_that_nobody_named(newcomer: Newcomer) -> None:
    made = newcomer.init("all", ssh_host(NODES[0]), more=("--follow",))
    assert made.status == 0, made.said
    assert {"manager", "data", "vgpu"} == set(load_inventory(newcomer.folder / "all.yml").nodes)
    alone = newcomer.init("one", ssh_host(NODES[0]))
    assert "--follow" in alone.out
    assert "# data: " in (newcomer.folder / "one.yml").read_text()


@pytest.mark.long
def test_what_is_written_about_the_lab_is_right(newcomer: Newcomer) -> None:
    newcomer.init("mine", *(ssh_host(node) for node in NODES))
    match, ours = load_inventory(newcomer.folder / "mine.yml"), load_inventory(ROOT / "inventories" / "lab.yml")
    backups, expected = match.section(Backups), ours.section(Backups)
    for key in ("service", "schedule", "command", "timezone", "pattern"):
        assert getattr(backups, key) == getattr(expected, key), key
    assert (backups.volume.name, backups.volume.node) == ("rodan_pg_backup", "data")
    assert match.services["nginx"].master == "root"  # type: ignore[index]
    assert match.services["nginx"].user == ("www-data",)  # type: ignore[index]
    assert [certificate.name for certificate in match.section(Certificates).certificates] == [SITE]
    assert all(node.sudo for node in match.nodes.values())


def test_case_12_without_a_word_about_host_keys_nothing_is_asked_or_written(newcomer: Newcomer) -> None:
    ran = newcomer.run("fleetkeeper", "init", ssh_host(DATA), "--name", "mine", "--identity", str(IDENTITY))
    assert ran.status == 2
    assert list(newcomer.folder.glob("*.yml")) == []


@pytest.fixture
def account(newcomer: Newcomer) -> Iterator[Newcomer]:
    """The account of the page on `data`, made and removed by the page's own commands."""
    public = IDENTITY.with_suffix(".pub").read_text().strip()
    newcomer.lab.on("data", "sh", "-euc", commands_of_block("account").replace("PUBLIC_KEY", public))
    yield newcomer
    newcomer.lab.on("data", "sh", "-c", commands_of_block("removal"))
    assert newcomer.lab.on("data", "sh", "-c", f"id {NEW} 2>&1 || true").startswith("id:")


def test_case_65_an_account_without_rights_sees_what_it_may_and_calls_the_rest_unknown(account: Newcomer) -> None:
    made = account.init("plain", ssh_host(DATA, NEW))
    assert made.status == 0, made.said
    assert "root rights" in made.out
    assert "right to talk to Docker" in (account.folder / "plain.yml").read_text()
    results = account.audit("plain")
    assert "nodes.can_be_looked_at" in rules_ending_so(results, "holds"), results["said"]
    assert rules_ending_so(results, "finding") == set(), results["said"]
    assert "containers.run_as_their_own_user" in rules_ending_so(results, "unknown")


def test_the_same_account_with_the_pages_sudoers_line_sees_everything(account: Newcomer) -> None:
    account.lab.on("data", "sh", "-euc", commands_of_block("sudoers"))
    made = account.init("full", ssh_host(DATA, NEW))
    assert made.status == 0, made.said
    assert load_inventory(account.folder / "full.yml").nodes["data"].sudo
    results = account.audit("full")
    assert rules_ending_so(results, "holds") >= {"containers.run_as_their_own_user", "nodes.can_be_looked_at"}, results[
        "said"
    ]


AUDIT_RIGHT = ("sudo", "-n", "/usr/local/sbin/fleetkeeper-look", "5")


def test_an_account_for_audits_alone_sees_what_root_sees_and_can_change_nothing(account: Newcomer) -> None:
    script = account.run("fleetkeeper", "sudoers", NEW).out
    [page] = re.findall(r"<!-- line: audit -->\n```\n(.*)\n```", PAGE.read_text())
    assert f"'{page}'" in script
    account.lab.on("data", "sh", "-euc", script)
    made = account.init("look", ssh_host(DATA, NEW))
    assert made.status == 0, made.said
    assert load_inventory(account.folder / "look.yml").nodes["data"].sudo == "audit"
    everything = portable_inventory()
    mine = re.sub(r"(data: \{.*)user: ops, sudo: true", rf"\1user: {NEW}, sudo: audit", everything)
    (account.folder / "all.yml").write_text(mine)
    account.lab.run_script("data", account.run("fleetkeeper", "sudoers", NEW, "--hosts=./all.yml").out)
    results = account.audit("all")
    assert rules_ending_so(results, "unknown", "finding") == set(), results["said"]
    assert rules_ending_so(results, "holds") >= {"backups.are_fresh", "volumes.are_within_budget"}, results["said"]
    (account.folder / "strict.yml").write_text(re.sub(r"keep: \{.*\}", "keep: {last: 3}", mine))
    fix = ("--fix", "--yes", "--allow", "delete,restart,ownership", "--only", "backups.are_thinned")
    tried = account.run("remediate", "--hosts=./strict.yml", *fix)
    assert tried.status == 4, tried.said
    assert "sudo asks this account for a password" in tried.said
    assert refused_as(account.lab, "sudo", "-n", "id")
    assert refused_as(account.lab, *AUDIT_RIGHT, "sh", "-c", "id")
    assert not refused_as(account.lab, *AUDIT_RIGHT, "id", "-u")


def refused_as(lab: Lab, *words: str) -> bool:
    """Whether the account of the page may not run this on `data`."""
    tried = ("sh", "-c", '"$@" >/dev/null 2>&1; echo $?', "sh", *words)
    return lab.on("data", "runuser", "-u", NEW, "--", *tried) != "0\n"


def test_the_first_night_is_waived_and_then_green(newcomer: Newcomer) -> None:
    newcomer.init("mine", *(ssh_host(node) for node in NODES))
    inventory = newcomer.folder / "mine.yml"
    decided, count = re.subn(
        "^stacks: .*$", "stacks: {none: deployed by hand}", inventory.read_text(), flags=re.MULTILINE
    )
    assert count == 1, "what init saw of stacks waits for a decision"
    inventory.write_text(decided)
    words = ("--all", "--until=2999-01-01", "--owner=ops@example.org", "--hosts=./mine.yml")
    waived = newcomer.run("fleetkeeper", "waive", *words)
    assert waived.status == 0, waived.said
    inventory.write_text(inventory.read_text().replace("FILL IN", "known on the first night, to be mended:"))
    results = newcomer.audit("mine")
    assert rules_ending_so(results, "finding", "unknown") == set(), results["said"]
    assert "certificates.are_valid" in rules_ending_so(results, "waived")


def test_leaving_takes_every_trace_and_what_was_scheduled_goes_on(broken) -> None:
    lab = broken("cron-missing")
    fixed = lab.remediate("--only", "schedules", "--fix", "--yes")
    assert fixed.status == 0, fixed.said
    shown = lab.run("remediate", "leave", "vgpu", "--hosts=lab")
    assert shown.status == 1, shown.said
    assert "BEGIN fleetkeeper" in lab.on("vgpu", "crontab", "-u", "root", "-l")
    left = lab.run("remediate", "leave", "vgpu", "--hosts=lab", "--fix", "--yes", "--allow", "delete")
    assert left.status == 0, left.said
    crontab = lab.on("vgpu", "crontab", "-u", "root", "-l")
    assert "fleetkeeper schedules" not in crontab
    assert lab.on("vgpu", "sh", "-c", "ls -d /var/lib/fleetkeeper /run/fleetkeeper.lock 2>/dev/null || true") == ""
    results = lab.audit("-k", "schedules")
    assert "schedules.backup_runs_where_postgres_runs" in rules_ending_so(results, "holds"), results["said"]
