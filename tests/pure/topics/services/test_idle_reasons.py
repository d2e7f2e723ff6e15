"""Why a service does not run: every rule about one that does not names the constraint, and who lacks which label."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleetkeeper.errors import NotApplicable
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.rules.live_database import servers
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.registry import RULES, load_inventory
from fleetkeeper.topics.schedules.facts import Facts as Schedules
from fleetkeeper.topics.services.facts import Facts, Member, SwarmService, Task
from fleetkeeper.topics.services.idle_reasons import idle_reason

INVENTORY = """
nodes: {manager: {connection: local}, vgpu: {address: 192.0.2.2}}
services: {postgres: {name: rodan_postgres, user: postgres}}
backups: {service: postgres, command: backup, volume: {name: rodan_pg_backup, node: vgpu}, schedule: "0 4 * * *",
  keep: {last: 4}}
certificates: [{name: rodan.example, service: postgres}]
"""
WAITS = Task("rodan_postgres", "", "running", "pending", "no suitable node (scheduling constraints not satisfied)")
GPU = SwarmService("s1", "rodan_postgres", constraints=("node.labels.queue == GPU",))
MEMBERS = (Member("n1", "manager", role="manager"), Member("n2", "vgpu"))
NAMED = "no member meets `node.labels.queue == GPU`"


def swarm_fleet(manager: Facts) -> Fleet:
    facts: dict[tuple[str, str], object] = {
        ("manager", "services"): manager,
        ("vgpu", "services"): Facts("worker", "n2"),
    }
    for node in ("manager", "vgpu"):
        facts[node, "containers"] = Containers("present", (), 1764000000.0)
        facts[node, Databases.topic] = Databases(())
        facts[node, Schedules.topic] = Schedules()
    inventory = load_inventory(Path("mine.yml"), INVENTORY)
    return Fleet(inventory, datetime(2026, 11, 30, tzinfo=UTC), facts)


LABEL_LOST = Facts("manager", "n1", MEMBERS, (GPU,), (WAITS,))


@pytest.mark.parametrize(
    ("rule", "subject"),
    [
        ("services.are_running", Subject("service", "postgres")),
        ("containers.run_as_their_own_user", Subject("service", "postgres")),
        ("schedules.backup_runs_where_postgres_runs", Subject("service", "postgres")),
        ("certificates.are_far_from_expiry", Subject("certificate", "rodan.example")),
        ("backups.database_answers", Subject("service", "postgres")),
    ],
)
def test_every_rule_about_a_service_that_does_not_run_names_the_constraint(rule: str, subject: Subject) -> None:
    verdict = judge_subject(RULES[rule], swarm_fleet(LABEL_LOST), subject)
    text = " ".join([*(each.saw for each in verdict.findings), *(each.why for each in verdict.unknown)])
    assert NAMED in text + (verdict.not_applicable or "")


def test_a_service_that_no_manager_explains_has_no_reason() -> None:
    assert idle_reason(swarm_fleet(replace(LABEL_LOST, tasks=())), "postgres") == ""
    assert idle_reason(swarm_fleet(Facts("absent")), "postgres") == ""
    assert idle_reason(swarm_fleet(LABEL_LOST), "nobody") == ""


def test_why_the_database_runs_nowhere_is_said_where_rules_about_it_do_not_apply() -> None:
    with pytest.raises(NotApplicable, match="runs nowhere: no member meets"):
        servers(swarm_fleet(LABEL_LOST))
