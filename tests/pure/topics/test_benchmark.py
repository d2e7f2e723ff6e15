"""The benchmark as a whole: what a person attests, and how each id stands on each node."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleetkeeper.commands.cis import exit_code
from fleetkeeper.commands.explain import explain_id
from fleetkeeper.commands.main import cli
from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.inventory.schema import Unwritten
from fleetkeeper.inventory.survey_results import Findings
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, judge_rules, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.recording import dump_recording
from fleetkeeper.reports.benchmark_table import table_lines
from fleetkeeper.topics.benchmark import TOPIC
from fleetkeeper.topics.benchmark.catalog import load_catalog
from fleetkeeper.topics.benchmark.rules import ATTESTED_NUMBERS
from fleetkeeper.topics.benchmark.states import State, states_of
from fleetkeeper.topics.containers.facts import Container, Isolation, Settings
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.engine.parse import parse
from fleetkeeper.topics.images.facts import Facts as Images
from fleetkeeper.topics.images.facts import Image
from fleetkeeper.topics.registry import RULES, load_inventory
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.swarm.facts import Facts as Swarm
from fleetkeeper.transport.commands import Unobservable
from tests.pure.topics.test_engine import GOOD, POLICY, printed

[RULE] = TOPIC.rules
TWO = """
nodes: {here: {connection: local, sudo: true}, there: {address: there.example}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
"""
ASKED = "benchmark: {level: 1}\n"
ATTESTED = 'benchmark:\n  attested:\n    "4.3": {by: Ada, until: 2027-01-31, because: each release}\n'


def look_at_two(written: str = TWO + ASKED, *, other: str = GOOD, privileged: bool = False) -> Fleet:
    inventory = load_inventory(Path("mine.yml"), written)
    settings = Settings(read_only=True, memory=1, cpu=True, processes=1, networks=("web",))
    box = Container("1", "web", isolation=Isolation(privileged=privileged), settings=settings, has_healthcheck=True)
    box = replace(box, image_id="sha256:a")
    images = Images("present", (Image("sha256:a", ("web:1",), datetime(2026, 11, 1, tzinfo=UTC)),))
    facts = {
        ("here", "engine"): parse(GOOD),
        ("there", "engine"): parse(other),
        ("here", "containers"): Containers("present", (box,)),
        ("there", "containers"): Containers("present"),
        ("here", "services"): Services("inactive"),
        ("there", "services"): Services("inactive"),
        ("here", "images"): images,
        ("there", "images"): Images("present"),
        ("here", "swarm"): Swarm("inactive"),
        ("there", "swarm"): Swarm("inactive"),
    }
    return Fleet(inventory, datetime(2026, 11, 30, tzinfo=UTC), facts)


def looks() -> dict[str, Fleet]:
    """Looks for the tests that go over all topics."""
    return {"clean": look_at_two()}


def all_states(fleet: Fleet) -> list[State]:
    policy = fleet.inventory.benchmark
    assert isinstance(policy, Benchmark)
    verdicts = judge_rules(RULES.values(), fleet)
    return states_of(load_catalog(), verdicts, list(fleet.inventory.nodes), policy, fleet.looked_at.date())


def standings(fleet: Fleet, number: str) -> dict[str, str]:
    return {state.node: state.standing for state in all_states(fleet) if state.entry.number == number}


@pytest.mark.parametrize("edition", ["1.6", "1.8"])
def test_every_id_stands_once_for_each_node_or_for_the_fleet(edition: str) -> None:
    states = all_states(look_at_two(f"{TWO}benchmark: {{edition: {edition}}}\n"))
    fleet = [state for state in states if not state.node]
    assert Counter(state.node for state in states) == {
        "here": {"1.6": 117, "1.8": 118}[edition] - len(fleet),
        "there": {"1.6": 117, "1.8": 118}[edition] - len(fleet),
        "": len(fleet),
    }
    assert len({(state.node, state.entry.number) for state in states}) == len(states)


def test_what_is_wrong_on_one_node_is_not_wrong_on_the_other() -> None:
    fleet = look_at_two(other=printed(bridge="{}", audit="absent"), privileged=True)
    assert standings(fleet, "2.2") == {"here": "holds", "there": "wrong"}
    assert standings(fleet, "1.1.3") == {"here": "holds", "there": "unknown"}
    assert standings(fleet, "5.5") == {"here": "wrong", "there": "holds"}
    assert standings(fleet, "5.32") == {"here": "holds", "there": "holds"}


def test_what_does_not_apply_says_why() -> None:
    states = {(state.node, state.entry.number): state for state in all_states(look_at_two())}
    assert states["here", "2.10"].why == "level 2 is not asked for"
    assert "rootless" in states["here", "2.1"].why
    assert "no default limits are asked for" in states["here", "2.9"].why
    assert states["here", "2.9"].standing == "not applicable"


def test_what_no_promise_judges_yet_is_unknown() -> None:
    assert standings(look_at_two(), "7.3") == {"": "not applicable"}


def test_a_node_that_was_not_seen_is_unknown_for_every_id_that_looking_judges() -> None:
    fleet = look_at_two()
    facts = dict(fleet.facts)
    for topic in ("engine", "containers", "services", "swarm", "images"):
        facts["there", topic] = Unobservable("no route", node="there")
    states = [state for state in all_states(replace(fleet, facts=facts)) if state.node == "there"]
    assert {state.standing for state in states} == {"unknown", "not applicable"}
    assert {state.why for state in states if state.standing == "not applicable"} == {"level 2 is not asked for"}


def test_a_waived_id_is_waived_and_its_neighbour_is_not() -> None:
    waived = TWO + ASKED + "waivers: [{rule: cis:2.2, node: there, until: 2099-01-01, owner: me, because: so}]\n"
    fleet = look_at_two(waived, other=printed(bridge="{}"))
    assert standings(fleet, "2.2") == {"here": "holds", "there": "waived"}


def test_what_is_attested_stands_until_its_day() -> None:
    fleet = look_at_two(TWO + ATTESTED)
    assert standings(fleet, "4.3") == {"": "attested"}
    assert standings(fleet, "4.12") == {"": "unknown"}
    assert standings(replace(fleet, looked_at=datetime(2027, 2, 1, tzinfo=UTC)), "4.3") == {"": "unknown"}


def test_what_a_node_cannot_show_is_attested_as_long_as_nothing_is_wrong() -> None:
    because = 'benchmark:\n  attested:\n    "1.1.3": {by: Ada, until: 2027-01-31, because: a container}\n'
    dark = look_at_two(TWO + because, other=printed(audit="absent"))
    assert standings(dark, "1.1.3") == {"here": "holds", "there": "attested"}
    assert standings(dark, "1.1.4") == {"here": "holds", "there": "unknown"}
    wrong = look_at_two(TWO + because, other=printed(loaded=[]))
    assert standings(wrong, "1.1.3") == {"here": "holds", "there": "wrong"}
    late = replace(dark, looked_at=datetime(2027, 2, 1, tzinfo=UTC))
    assert standings(late, "1.1.3") == {"here": "holds", "there": "unknown"}


def test_init_proposes_lines_that_a_person_switches_on() -> None:
    assert TOPIC.init_lines is not None
    lines = list(TOPIC.init_lines(Findings("mine", (), ())))
    assert isinstance(look_at_two(TWO + "\n".join(lines)).inventory.benchmark, Unwritten)
    section = [line.removeprefix("# ") for line in lines[lines.index("# benchmark:") :]]
    written = look_at_two(TWO + "\n".join(section[:3])).inventory.benchmark
    assert written == look_at_two().inventory.benchmark
    assert look_at_two(TWO + "\n".join(section)).inventory.benchmark != written


def test_an_older_inventory_is_judged_by_nothing_of_the_benchmark_but_the_command_judges_it() -> None:
    fleet = look_at_two(TWO, other=printed(bridge="{}", audit="absent"))
    verdicts = judge_rules([rule for rule in RULES.values() if rule.topic == "engine"], fleet)
    assert {verdict.outcome for verdict in verdicts} == {Outcome.NOT_APPLICABLE}
    assert all("`benchmark` is not in the inventory" in verdict.not_applicable for verdict in verdicts)
    inventory = fleet.inventory.model_copy(update={"benchmark": fleet.inventory.wanted_benchmark})
    assert standings(replace(fleet, inventory=inventory), "2.2") == {"here": "holds", "there": "wrong"}


@pytest.mark.parametrize("written", ["none: another team does", "undecided: nobody knows"])
def test_the_command_asks_for_an_inventory_that_does_not_do_without_the_benchmark(written: str) -> None:
    with pytest.raises(UsageError, match=written.partition(": ")[2]):
        _ = look_at_two(f"{TWO}benchmark: {{{written}}}\n").inventory.wanted_benchmark


def test_the_promise_about_attestations_asks_for_each_once_something_is_attested() -> None:
    subject = Subject("fleet", "mine")
    assert judge_subject(RULE, look_at_two(), subject).outcome is Outcome.NOT_APPLICABLE
    verdict = judge_subject(RULE, look_at_two(TWO + ATTESTED), subject)
    assert verdict.outcome is Outcome.HOLDS
    assert {warning.about for warning in verdict.warnings} == {"cis:1.2.1", "cis:4.12", "cis:5.28", "cis:7.6"}
    late = replace(look_at_two(TWO + ATTESTED), looked_at=datetime(2027, 2, 1, tzinfo=UTC))
    saw = [warning.saw for warning in judge_subject(RULE, late, subject).warnings]
    assert "what Ada said of 4.3 ended on 2027-01-31" in saw


def test_what_only_a_person_can_say_is_what_the_catalog_says() -> None:
    assert tuple(entry.number for entry in load_catalog() if entry.rule == RULE.id) == tuple(
        sorted(ATTESTED_NUMBERS, key=lambda number: [int(part) for part in number.split(".")])
    )


def test_the_table_shows_each_section_with_totals_and_no_score() -> None:
    fleet = look_at_two(other=printed(bridge="{}"))
    states, policy = all_states(fleet), fleet.inventory.benchmark
    assert isinstance(policy, Benchmark)
    lines = list(table_lines(states, policy, "mine"))
    assert lines[0] == "CIS Docker Benchmark 1.8, level 1: mine"
    assert [line[:1] for line in lines if line and not line.startswith(" ")][1:-2] == list("1234567")
    wrong = next(line for line in lines if line.startswith("  2.2 "))
    assert wrong.split()[1] == "holds"
    assert "on there" in lines[lines.index(wrong) + 1]
    assert lines[-1].startswith("No score")


@pytest.fixture
def saved(tmp_path: Path) -> tuple[str, ...]:
    """The options that judge a saved look at two nodes."""
    inventory, recording = tmp_path / "mine.yml", tmp_path / "look.json"
    inventory.write_text(TWO + POLICY)
    recording.write_text(dump_recording(look_at_two(TWO + POLICY, other=printed(bridge="{}"))))
    return (f"--hosts={inventory}", f"--replay={recording}", f"--state={tmp_path / 'state'}")


def test_the_command_prints_every_id_of_the_edition_that_is_asked_for(saved: tuple[str, ...]) -> None:
    ran = CliRunner().invoke(cli, ["cis", *saved, "--edition", "1.6", "--level", "1", "--json"])
    document = json.loads(ran.stdout)
    assert (document["edition"], document["level"]) == ("1.6", 1)
    assert len({each["number"] for each in document["ids"]}) == 117
    counted = sum(sum(totals.values()) for totals in document["totals"].values())
    assert counted == len(document["ids"])
    assert ran.exit_code == Exit.NOTHING_LEFT


def test_the_exit_code_says_what_is_wrong_and_what_was_not_seen() -> None:
    assert exit_code(all_states(look_at_two())) is Exit.NOTHING_LEFT
    assert exit_code(all_states(look_at_two(privileged=True))) is Exit.FINDINGS_REMAIN
    assert exit_code(all_states(look_at_two(other=printed(audit="absent"), privileged=True))) is Exit.NOT_ALL_SEEN


def test_the_command_shows_one_node_alone(saved: tuple[str, ...]) -> None:
    ran = CliRunner().invoke(cli, ["cis", *saved, "--node", "there"])
    assert "2.2     wrong" in ran.stdout
    assert "CIS Docker Benchmark 1.8, level 2: mine" in ran.stdout
    gone = CliRunner().invoke(cli, ["cis", *saved, "--node", "thre"])
    assert isinstance(gone.exception, UsageError)
    assert "there" in (gone.exception.hint or "")


def test_an_id_is_explained_in_our_words() -> None:
    text = explain_id("cis:5.26")
    assert text.startswith("1.6:5.26 = 1.8:5.26  (level 1")
    for head in ("What: ", "Why: ", "How it is judged: ", "What docker-bench says: ", "Remedy: ", "Danger: "):
        assert head in text
    assert "`fleetkeeper explain containers.cannot_gain_privileges`" in text
    assert "not built yet" not in explain_id("cis:7.3")
    assert explain_id("cis:1.6:2.14") == explain_id("cis:2.15")
    with pytest.raises(UsageError, match=r"has no cis:9\.9"):
        explain_id("cis:9.9")
