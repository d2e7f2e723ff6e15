"""Swarm: one that is as it should be, and the same with one thing broken at a time; unknown without a manager."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import drive_in_lockstep
from fleetkeeper.topics import engine
from fleetkeeper.topics.engine.observe import inspect_engine
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member, SwarmService, Validity
from fleetkeeper.topics.swarm import TOPIC
from fleetkeeper.topics.swarm.facts import Facts
from fleetkeeper.topics.swarm.parse import parse
from fleetkeeper.transport.commands import Command, Output, Unobservable
from tests.pure.topics.test_engine import INFO, numbers, printed

RULES = {rule.name: rule for rule in TOPIC.rules}
NOW = datetime(2026, 11, 30, tzinfo=UTC)
DAY = 86400
INVENTORY = """
nodes: {one: {connection: local, sudo: true}, two: {address: two.example}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
"""
POLICY = 'benchmark: {swarm_ca_age: 400 d, plain_variables: ["CSRF_*"]}\n'
STATE = {"ListenAddr": "192.0.2.1:2377", "AdvertiseAddr": "192.0.2.1:2377", "DataPathAddr": "10.0.0.1"}
NETWORKS = (
    {"Name": "ingress", "Ingress": True, "Options": {"com.docker.network.driver.overlay.vxlanid_list": "4096"}},
    {"Name": "web_default", "Ingress": False, "Options": {"encrypted": ""}},
)


@cache
def authority(days: int) -> str:
    """A certificate that began so many days ago, in PEM."""
    name, key = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "swarm-ca")]),
        ec.generate_private_key(ec.SECP256R1()),
    )
    begins = NOW - timedelta(days=days)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(begins).not_valid_after(begins + timedelta(days=7300))
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def cluster(*, lock: bool = True, days: int = 90, ca: str | None = None, **changes: Any) -> dict[str, Any]:
    spec = {"CAConfig": {"NodeCertExpiry": days * DAY * 10**9}, "EncryptionConfig": {"AutoLockManagers": lock}}
    return {"ID": "c1", "Spec": spec, "TLSInfo": {"TrustRoot": authority(100) if ca is None else ca}, **changes}


def swarm(**changes: Any) -> dict[str, Any]:
    base = {"LocalNodeState": "active", "NodeID": "n1", "ControlAvailable": True, "Nodes": 2, "Managers": 1}
    return {**INFO, "Swarm": {**base, "Cluster": cluster(), **changes}}


def manager(
    info: dict[str, Any] | None = None, state: dict[str, str] | None = STATE, networks: Any = NETWORKS, **more: Any
) -> str:
    text = "" if state is None else json.dumps(state, indent=1)
    listed = None if networks is None else tuple(json.dumps(each) for each in networks)
    return printed(info=info or swarm(), state=text, overlays=listed, **more)


REMOTE = [{"NodeID": "n1", "Addr": "192.0.2.1:2377"}]
WORKER = printed(
    info=swarm(ControlAvailable=False, Cluster=None, Nodes=0, NodeID="n2", RemoteManagers=REMOTE),
    state=json.dumps({"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "192.0.2.2:2377", "DataPathAddr": "10.0.0.2"}),
)
ALONE = printed()
MEMBERS = (
    Member("n1", "one", "manager", reachability="reachable"),
    Member("n2", "two"),
)
SERVICE = SwarmService("s1", "web", exposed=("CSRF_TOKEN",))
SERVICES = Services("manager", "n1", MEMBERS, (SERVICE,), certificate=Validity(0.0, 90 * DAY + 3600.0))


def fleet_with_swarm(
    first: str | Unobservable | None = None,
    second: str | Unobservable = WORKER,
    services: Services | Unobservable = SERVICES,
    written: str = INVENTORY + POLICY,
) -> Fleet:
    looked = {("one", "swarm"): manager() if first is None else first, ("two", "swarm"): second}
    facts: dict[tuple[str, str], Any] = {
        key: parse(text) if isinstance(text, str) else text for key, text in looked.items()
    }
    facts |= {("one", "services"): services, ("two", "services"): Services("worker", "n2")}
    return Fleet(load_inventory(Path("mine.yml"), written), NOW, facts)


def looks() -> dict[str, Fleet]:
    """Looks for the tests that go over all topics."""
    even = (*MEMBERS, Member("n3", "three", "manager", reachability="unreachable"))
    bare = Services("manager", "n1", even, (SwarmService("s1", "web", exposed=("DB_PASSWORD",)),))
    open_wide = manager(
        swarm(Cluster=cluster(lock=False, days=400, ca=authority(500))),
        {**STATE, "ListenAddr": "0.0.0.0:2377", "DataPathAddr": ""},
        [{"Name": "web_default", "Options": {}}],
    )
    return {"clean": fleet_with_swarm(), "odd": fleet_with_swarm(open_wide, services=bare)}


def verdict_on_swarm(rule: str, *arguments: Any, **more: Any) -> Verdict:
    return judge_subject(RULES[rule], fleet_with_swarm(*arguments, **more), Subject("fleet", "mine"))


def members(*managers: Member) -> Services:
    return Services("manager", "n1", (*managers, MEMBERS[1]), (SERVICE,), certificate=SERVICES.certificate)


THREE = tuple(Member(f"m{number}", f"m{number}", "manager", reachability="reachable") for number in range(9))
SECRETIVE = Services("manager", "n1", MEMBERS, (SwarmService("s", "web", exposed=("DB_PASS",)),))
BROKEN: list[tuple[str, str, dict[str, Any]]] = [
    ("managers_are_few_and_odd", "5.1", {"services": Services("manager", "n1", MEMBERS)}),
    ("managers_are_few_and_odd", "7.1", {"services": members(*THREE[:2])}),
    ("managers_are_few_and_odd", "7.1", {"services": members(*THREE)}),
    ("managers_are_few_and_odd", "7.1",
     {"services": members(*THREE[:2], Member("m9", "m9", "manager", reachability="unreachable"))}),
    ("listens_narrowly", "7.2", {"first": manager(state={**STATE, "ListenAddr": "0.0.0.0:2377"})}),
    ("listens_narrowly", "7.2", {"first": manager(state={**STATE, "ListenAddr": "[::]:2377"})}),
    ("listens_narrowly", "7.2",
     {"first": manager(state={**STATE, "ListenAddr": ""}, listening=("tcp 00000000:0949", "unix /run/docker.sock"))}),
    ("listens_narrowly", "7.9", {"first": manager(state={**STATE, "DataPathAddr": ""})}),
    ("listens_narrowly", "7.9", {"first": manager(state={**STATE, "DataPathAddr": "192.0.2.1"})}),
    ("networks_are_encrypted", "7.3", {"first": manager(networks=[*NETWORKS, {"Name": "db", "Options": None}])}),
    ("networks_are_encrypted", "7.3", {"first": manager(networks=[{"Name": "db", "Options": {"encrypted": "false"}}])}),
    ("keeps_secrets", "7.4", {"services": SECRETIVE}),
    ("is_locked_as_meant", "7.5", {"first": manager(swarm(Cluster=cluster(lock=False)))}),
    ("is_locked_as_meant", "7.5", {"written": INVENTORY + POLICY.replace("{", "{autolock: false, ", 1)}),
    ("certificates_are_short", "7.7", {"first": manager(swarm(Cluster=cluster(days=91)))}),
    ("certificates_are_short", "7.7",
     {"services": Services("manager", "n1", MEMBERS, (SERVICE,), certificate=Validity(0.0, 100.0 * DAY))}),
    ("certificates_are_short", "7.8", {"first": manager(swarm(Cluster=cluster(ca=authority(401))))}),
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_a_good_swarm_has_nothing_wrong(rule: str) -> None:
    verdict = verdict_on_swarm(rule)
    assert (verdict.outcome, verdict.warnings, verdict.unknown, verdict.parts) == (Outcome.HOLDS, (), (), ())


@pytest.mark.parametrize(("rule", "number", "changes"), BROKEN, ids=[f"{row[0]}-{row[1]}" for row in BROKEN])
def test_one_thing_about_the_swarm_is_found_by_its_id_alone(rule: str, number: str, changes: dict[str, Any]) -> None:
    assert numbers(verdict_on_swarm(rule, **changes)) == [number]
    others = [other for other in RULES if other != rule]
    assert {other: numbers(verdict_on_swarm(other, **changes)) for other in others} == {other: [] for other in others}


def test_every_id_of_the_swarm_is_broken_by_some_test() -> None:
    judged_ids = {name.partition(":")[2] for rule in RULES.values() for name in rule.cis if name.startswith("1.8:")}
    assert {number for _, number, _ in BROKEN} == judged_ids


@pytest.mark.parametrize("rule", RULES)
def test_a_swarm_without_a_manager_in_the_inventory_is_unknown(rule: str) -> None:
    for first in (WORKER, Unobservable("no route", node="one")):
        verdict = verdict_on_swarm(rule, first, services=Services("worker", "n1"))
        assert (verdict.outcome, verdict.findings, verdict.warnings) == (Outcome.UNKNOWN, (), ())


def test_the_unknown_says_which_nodes_belong_to_it_or_which_was_not_seen() -> None:
    alone = verdict_on_swarm("is_locked_as_meant", WORKER).unknown[0]
    assert "one, two belong to a swarm, and none of its managers is in the inventory" in alone.why
    assert verdict_on_swarm("is_locked_as_meant", Unobservable("no route", node="one")).unknown[0].node == "one"


@pytest.mark.parametrize("rule", RULES)
def test_without_a_swarm_nothing_of_it_applies_and_5_1_holds(rule: str) -> None:
    verdict = verdict_on_swarm(rule, ALONE, ALONE, services=Services("inactive"))
    expected = Outcome.HOLDS if rule == "managers_are_few_and_odd" else Outcome.NOT_APPLICABLE
    assert verdict.outcome is expected
    assert (
        verdict_on_swarm(rule, ALONE, Unobservable("no route"), services=Services("inactive")).outcome
        is Outcome.UNKNOWN
    )


def test_a_swarm_of_one_node_has_no_networks_between_nodes() -> None:
    single = manager(swarm(Nodes=1), {**STATE, "DataPathAddr": ""}, [{"Name": "db", "Options": {}}])
    assert verdict_on_swarm("networks_are_encrypted", single, ALONE).outcome is Outcome.NOT_APPLICABLE
    assert {part.cis[-1] for part in verdict_on_swarm("listens_narrowly", single, ALONE).parts} == {"1.8:7.9"}


def test_what_a_manager_does_not_show_is_unknown() -> None:
    hidden = manager(state=None, networks=None, sockets="hidden", listening=())
    for rule in ("listens_narrowly", "networks_are_encrypted"):
        verdict = verdict_on_swarm(rule, hidden)
        assert (verdict.outcome, numbers(verdict)) == (Outcome.UNKNOWN, [])
    broken_ca = manager(swarm(Cluster=cluster(ca="-----BEGIN CERTIFICATE-----\nxx")))
    assert verdict_on_swarm("certificates_are_short", broken_ca).outcome is Outcome.UNKNOWN
    for dark in (Unobservable("dark"), Services("inactive")):
        assert verdict_on_swarm("keeps_secrets", services=dark).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("state", ["pending", "locked", "error", "something"])
def test_a_node_that_is_neither_in_a_swarm_nor_out_of_it_is_unknown(state: str) -> None:
    with pytest.raises(Unobservable, match=state):
        parse(printed(info=swarm(LocalNodeState=state)))


class Absent:
    """A link to a node without an engine, which takes one question in one round."""

    def __init__(self) -> None:
        self.questions: list[Command] = []

    def ask(self, commands: list[Command], *room: int) -> list[Output]:
        self.questions += commands
        return [Output(69, b"")] * len(commands)


def test_a_node_without_an_engine_or_with_podman_is_in_no_swarm() -> None:
    assert parse(printed(info={"host": {}, "store": {}})) == Facts("inactive")
    inventory = load_inventory(Path("mine.yml"), INVENTORY)
    [swarm_observer], [engine_observer] = TOPIC.observers, engine.TOPIC.observers
    looked = {each.name: each.observe(inventory.nodes["one"], inventory) for each in (swarm_observer, engine_observer)}
    link = Absent()
    assert drive_in_lockstep(looked, link)["swarm"] == Facts("absent")
    assert link.questions == [inspect_engine()]


def test_managers_that_nobody_saw_leave_open_where_they_listen() -> None:
    verdict = verdict_on_swarm("listens_narrowly", manager(swarm(Managers=3)))
    assert (verdict.outcome, numbers(verdict)) == (Outcome.UNKNOWN, [])
    assert "2 managers of the swarm could not be seen" in str(verdict.unknown)


def test_a_manager_that_does_not_say_how_long_certificates_last_is_unknown() -> None:
    assert (
        verdict_on_swarm("certificates_are_short", manager(swarm(Cluster=cluster(days=0)))).outcome is Outcome.UNKNOWN
    )


BOTH = INVENTORY.replace("two: {address: two.example}", "two: {address: two.example}, far: {address: far.example}")
FAR = manager(
    swarm(Cluster=cluster(ID="c2"), NodeID="f1", Nodes=1, RemoteManagers=[{"NodeID": "f1", "Addr": "192.0.2.9:2377"}])
)
FAR_SERVICES = Services("manager", "f1", (Member("f1", "far", "manager", reachability="reachable"),), (SERVICE,))


def verdict_on_two(rule: str, far: str = FAR, services: Services = FAR_SERVICES, second: str = WORKER) -> Verdict:
    """The verdict on an inventory with the good swarm of `one` and `two`, and that of `far`."""
    fleet = fleet_with_swarm(written=BOTH + POLICY, second=second)
    facts = {**fleet.facts, ("far", "swarm"): parse(far), ("far", "services"): services}
    return judge_subject(RULES[rule], replace(fleet, facts=facts), Subject("fleet", "mine"))


@pytest.mark.parametrize("rule", RULES)
def test_case_102_two_good_swarms_are_judged_each_by_its_own_managers(rule: str) -> None:
    verdict = verdict_on_two(rule)
    assert (verdict.outcome, verdict.warnings, verdict.unknown) == (Outcome.HOLDS, (), ())


@pytest.mark.parametrize(
    ("rule", "number", "changes"),
    [
        ("managers_are_few_and_odd", "5.1", {"services": replace(FAR_SERVICES, services=())}),
        ("managers_are_few_and_odd", "7.1", {"services": replace(FAR_SERVICES, members=THREE[:2])}),
        ("listens_narrowly", "7.2", {"far": FAR.replace("192.0.2.1:2377", "0.0.0.0:2377")}),
        ("is_locked_as_meant", "7.5", {"far": manager(swarm(Cluster=cluster(ID="c2", lock=False), NodeID="f1"))}),
        ("keeps_secrets", "7.4", {"services": replace(FAR_SERVICES, services=SECRETIVE.services)}),
    ],
)
def test_what_is_wrong_with_one_of_two_swarms_names_it(rule: str, number: str, changes: dict[str, Any]) -> None:
    verdict = verdict_on_two(rule, **changes)
    assert numbers(verdict) == [number]
    assert [warning.saw.startswith("the swarm of far: ") for warning in verdict.warnings] == [True]


def test_a_swarm_of_one_node_beside_a_larger_one_is_let_be_and_the_larger_is_judged() -> None:
    plain = manager(networks=[{"Name": "db", "Options": {}}])
    far = FAR.replace('"encrypted": ""', '"x": ""')
    assert numbers(verdict_on_two("networks_are_encrypted", far=far)) == []
    fleet = fleet_with_swarm(plain, written=BOTH + POLICY)
    facts = {**fleet.facts, ("far", "swarm"): parse(FAR), ("far", "services"): FAR_SERVICES}
    verdict = judge_subject(RULES["networks_are_encrypted"], replace(fleet, facts=facts), Subject("fleet", "mine"))
    assert numbers(verdict) == ["7.3"]


@pytest.mark.parametrize("rule", RULES)
def test_case_102_a_worker_of_a_swarm_whose_managers_are_elsewhere_is_unknown(rule: str) -> None:
    stray = WORKER.replace('"NodeID": "n1", "Addr"', '"NodeID": "z9", "Addr"')
    assert stray != WORKER
    good = manager(swarm(RemoteManagers=REMOTE))
    verdict = verdict_on_swarm(rule, good, stray)
    assert (verdict.outcome, numbers(verdict)) == (Outcome.UNKNOWN, [])
    assert "two belong to a swarm, and none of its managers is in the inventory" in str(verdict.unknown)
    assert verdict_on_two(rule, second=stray).outcome is Outcome.UNKNOWN


def test_managers_are_counted_for_each_swarm() -> None:
    verdict = verdict_on_two("listens_narrowly", far=FAR.replace('"Managers": 1', '"Managers": 3'))
    assert (verdict.outcome, numbers(verdict)) == (Outcome.UNKNOWN, [])
    assert "the swarm of far: 2 managers of the swarm could not be seen" in str(verdict.unknown)
