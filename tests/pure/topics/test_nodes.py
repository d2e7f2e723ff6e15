"""Nodes: what they answer, the rights they give, and what one round trip says about their clock."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Clock, Node
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.nodes import rules as nodes
from fleetkeeper.topics.nodes.facts import Facts as Nodes
from fleetkeeper.topics.nodes.observe import observe as observe_nodes
from fleetkeeper.topics.nodes.parse import clock_skew, read_clock
from fleetkeeper.transport.commands import Output, Unobservable

NOW = 1764000000.0
[RULE] = nodes.RULES
GOOD = Nodes(ahead=0.02, uncertainty=0.05, hostname="vgpu", timezone="Etc/UTC", utc_offset=0, uid=1000, root_uid=0)


def example_inventory(**clock: timedelta) -> Inventory:
    node = Node(name="vgpu", address="192.0.2.13", sudo=True)
    return Inventory.model_construct(name="lab", nodes={"vgpu": node}, waivers=(), clock=Clock(**clock))


def verdict_on(facts: Nodes | Unobservable, of: Inventory | None = None):
    of = of or example_inventory()
    fleet = Fleet(of, datetime.fromtimestamp(NOW, UTC), {("vgpu", "nodes"): facts})
    return judge_subject(RULE, fleet, Subject("node", "vgpu"))


def answers_to(
    clock: str, sent: float = NOW, received: float = NOW, root: Output | None = None, engine: Output | None = None
) -> list[Output]:
    return [
        Output(0, clock.encode(), sent=sent, received=received, command="date"),
        Output(0, b"vgpu\n"),
        Output(0, b"1000\n"),
        root or Output(0, b"0\n"),
        Output(0, b"America/Toronto\n"),
        engine or Output(0),
    ]


def observed(*rounds: list[Output]) -> Nodes:
    looking = observe_nodes(Node(name="vgpu", address="192.0.2.13"), example_inventory())
    next(looking)
    for outputs in rounds:
        try:
            looking.send(outputs)
        except StopIteration as done:
            return done.value
    raise AssertionError("it asks for more")


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (Output(0, b"1764000000\n[]"), ""),
        (Output(69), ""),
        (Output(67, err=b"the Docker engine does not run\n"), "it does not run"),
        (
            Output(71, err=b"Cannot connect to the Docker daemon at unix:///x. Is it up?\n"),
            "Cannot connect to the Docker",
        ),
        (
            Output(1, err=b"error during connect: Get http://docker/v1.41/containers/json: EOF\n"),
            "error during connect",
        ),
        (
            Output(71, err=b"failed to connect to the docker API at unix:///x; check if it is up\n"),
            "failed to connect to",
        ),
        (Output(71, err=b"permission denied while trying to connect to the docker API at unix:///x\n"), ""),
    ],
)
def test_an_engine_that_does_not_answer_is_one_finding_of_its_node(engine, words):
    facts = observed(answers_to("1764000000.500000000 +0000", NOW + 0.4, NOW + 0.6, engine=engine))
    assert bool(facts.silent) is bool(words)
    assert words in facts.silent
    found = verdict_on(replace(GOOD, silent=facts.silent)).findings
    assert [words in match.saw and match.node for match in found] == (["vgpu"] if words else [])


def test_an_engine_that_lets_us_wait_is_unknown_and_never_green():
    facts = observed(
        answers_to("1764000000.500000000 +0000", NOW + 0.4, NOW + 0.6, engine=Output(None, lost="time limit of 30 s"))
    )
    verdict = verdict_on(replace(GOOD, silent=facts.silent))
    assert verdict.outcome is Outcome.UNKNOWN
    assert [(why.node, why.cause) for why in verdict.unknown] == [("vgpu", "commands there take too long")]


def test_a_good_node_holds():
    assert verdict_on(GOOD).outcome is Outcome.HOLDS


def test_what_a_node_answers_becomes_its_facts():
    facts = observed(answers_to("1764000000.500000000 -0500\n", sent=NOW, received=NOW + 1))
    assert facts == Nodes(0.0, 0.5, "vgpu", "America/Toronto", -18000, 1000, 0)


def test_a_node_that_does_not_answer_is_unknown_and_no_finding():
    assert verdict_on(Unobservable("connection refused", node="vgpu")).outcome is Outcome.UNKNOWN


def test_case_18_a_refused_sudo_is_unknown_and_the_hint_names_the_missing_right():
    refused = Output(1, err=b"sudo: a password is required\n", command="id -u")
    facts = observed(answers_to("1764000000.5 +0000", root=refused))
    [why] = verdict_on(facts).unknown
    assert "NOPASSWD" in why.hint
    assert why.node == "vgpu"


def test_sudo_that_makes_us_somebody_else_is_a_finding():
    [match] = verdict_on(replace(GOOD, root_uid=1000)).findings
    assert "user id 1000" in match.saw


@pytest.mark.parametrize("ahead", [-3600.0, -5.2, 5.2, 86400.0])
def test_a_clock_that_is_off_is_a_finding(ahead):
    [match] = verdict_on(replace(GOOD, ahead=ahead)).findings
    assert ("ahead" if ahead > 0 else "behind") in match.saw


def test_the_inventory_says_how_far_a_clock_may_be_off():
    wide = example_inventory(within=timedelta(minutes=2))
    assert verdict_on(replace(GOOD, ahead=60), wide).outcome is Outcome.HOLDS


def test_a_slow_round_trip_is_no_proof_that_a_clock_is_off():
    """12 s of round trip, and the node's clock read at its end: it may be right, it may be 12 s behind."""
    assert verdict_on(replace(GOOD, ahead=-6.0, uncertainty=6.0)).outcome is Outcome.UNKNOWN


def test_a_slow_round_trip_is_proof_enough_of_a_clock_that_is_an_hour_off():
    assert verdict_on(replace(GOOD, ahead=3600.0, uncertainty=6.0)).outcome is Outcome.FINDING


def test_a_narrow_doubt_at_the_edge_of_the_tolerance_holds():
    assert verdict_on(replace(GOOD, ahead=4.98, uncertainty=0.1)).outcome is Outcome.HOLDS


def test_the_time_is_asked_again_alone_when_the_first_round_trip_was_slow():
    slow = answers_to("1764000009.0 +0000", sent=NOW, received=NOW + 10)
    quick = [Output(0, b"1764000010.1 +0000", sent=NOW + 10, received=NOW + 10.2, command="date")]
    facts = observed(slow, quick)
    assert facts.uncertainty == pytest.approx(0.1)
    assert facts.ahead == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("printed", ["", "Sun Nov 22", "-5 +0000", "1764000000.5", "9" * 40 + ".0 +0000"])
def test_a_time_that_cannot_be_read_is_unobservable(printed):
    with pytest.raises(Unobservable):
        read_clock(printed)


@given(st.text())
def test_no_text_breaks_the_reading_of_the_clock(printed):
    try:
        seconds, resolution, offset = read_clock(printed)
    except Unobservable:
        return
    assert seconds >= 0
    assert resolution in (0.0, 1.0)
    assert abs(offset) < 100 * 3600 + 6000


@given(true=st.floats(-1e5, 1e5), trip=st.floats(0, 60), when=st.floats(0, 1))
def test_the_true_skew_always_lies_within_the_uncertainty(true, trip, when):
    """However long the round trip, and at whatever moment of it the node read its clock."""
    read = NOW + trip * when + true
    clock = Output(0, f"{read:.9f} +0000".encode(), sent=NOW, received=NOW + trip)
    ahead, uncertainty = clock_skew(clock)
    assert abs(ahead - true) <= uncertainty + 1e-5


@given(true=st.floats(-5, 5), trip=st.floats(0, 60), when=st.floats(0, 1))
def test_a_clock_within_the_tolerance_is_never_a_finding(true, trip, when):
    read = NOW + trip * when + true
    ahead, uncertainty = clock_skew(Output(0, f"{read:.9f} +0000".encode(), sent=NOW, received=NOW + trip))
    assert verdict_on(replace(GOOD, ahead=ahead, uncertainty=uncertainty + 1e-5)).outcome is not Outcome.FINDING
