"""Proposals: which plans, in which order, held back when, and how they read. All pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.commands.explain import explain_rule
from fleetkeeper.errors import NotApplicable, UsageError
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Waiver, Without
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, Subject, each_node, matching_rules, the_fleet
from fleetkeeper.judging.verdicts import Verdict, judge_rules, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.redact import masked
from fleetkeeper.transport.commands import Unobservable
from remediate.consent import ask_consent, is_covered, lacking_consent, parse_allowed
from remediate.plan import ForAPerson, Plan
from remediate.proposal import Bounds, PlannedChange, Proposal, change_count, propose
from remediate.remedies import REMEDIES
from remediate.render import plan_text
from remediate.render.plan_document import KEYS, plan_document
from remediate.render.plan_text import proposal_lines
from remediate.session import proof_from_verdict
from remediate.steps import (
    ABSENT,
    DeleteFiles,
    EditCrontab,
    Identified,
    Require,
    Run,
    RunInContainer,
    UpdateService,
    WriteFile,
)
from tests.pure.topics.test_nodes import GOOD

GOLDEN = Path(__file__).parents[2] / "plans"
NONE = Without(none="a test")


def example_fleet(*waivers: Waiver) -> Fleet:
    nodes = {name: Node(name=name, connection="local") for name in ("data", "vgpu")}
    inventory = Inventory(name="t", nodes=nodes, services=NONE, waivers=waivers)
    return Fleet(inventory, datetime(2026, 11, 22, tzinfo=UTC), {})


def rule(topic: str, name: str, *finding: Finding | Unobservable, each=the_fleet) -> Rule:
    def judge(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
        yield from finding

    judge.__name__ = name
    judge.__doc__ = "All is well."
    return Rule(topic, judge, each, ())


FOUND = Finding("old", "new", node="data")


def plan_for(*words: str, **more: object) -> Plan:
    return Plan(steps=(Run("data", words or ("true",)),), **more)  # type: ignore[arg-type]


def propose_plans(rules: list[Rule], remedies: dict, gate: list[Rule] = (), bounds: Bounds = Bounds()) -> Proposal:  # noqa: B008
    seen = example_fleet()
    return propose(seen, judge_rules(rules, seen, bounds.limit), remedies, judge_rules(gate, seen), bounds)


def test_each_finding_gets_its_remedys_plan() -> None:
    result = propose_plans([rule("a", "b", FOUND)], {"a.b": lambda finding, fleet: plan_for()})
    assert [(item.number, item.rule.id, item.findings[0].saw) for item in result.planned] == [(1, "a.b", "old")]


def test_equal_plans_for_several_findings_are_one() -> None:
    result = propose_plans(
        [rule("a", "b", FOUND, replace(FOUND, saw="older"))], {"a.b": lambda finding, fleet: plan_for()}
    )
    assert [len(item.findings) for item in result.planned] == [2]


def test_a_finding_without_remedy_says_what_a_person_must_do() -> None:
    item = replace(rule("a", "b", replace(FOUND, hint="paint it")), person="nobody else may paint")
    [hand] = propose_plans([item], {}).by_hand
    assert (hand.answer.why, hand.answer.what_to_do) == ("nobody else may paint", "paint it")


def test_a_remedy_may_leave_it_to_a_person() -> None:
    answer = ForAPerson("it is too dangerous", "call us")
    assert propose_plans([rule("a", "b", FOUND)], {"a.b": lambda finding, fleet: answer}).by_hand[0].answer == answer


def test_a_remedy_that_lacks_a_fact_is_unknown_and_one_that_stumbles_does_not_stop_the_others() -> None:
    def blind(finding: Finding, fleet: Fleet) -> Plan:
        raise Unobservable("no route", node="vgpu")

    def stumbling(finding: Finding, fleet: Fleet) -> Plan:
        raise KeyError("x")

    rules = [rule("a", "b", FOUND), rule("a", "c", FOUND), rule("a", "d", FOUND)]
    result = propose_plans(rules, {"a.b": blind, "a.c": stumbling, "a.d": lambda finding, fleet: plan_for()})
    assert [item.why.why for item in result.unknown] == ["no route"]
    assert [item.finding.rule for item in result.by_hand] == ["a.c"]
    assert [item.rule.id for item in result.planned] == ["a.d"]


def test_what_could_not_be_seen_is_unknown_and_never_planned() -> None:
    result = propose_plans([rule("a", "b", Unobservable("no route"))], {"a.b": lambda finding, fleet: plan_for()})
    assert (result.planned, [item.rule for item in result.unknown]) == ((), ["a.b"])


def test_a_waived_finding_is_not_planned_and_an_expired_waiver_protects_nothing() -> None:
    def result(until: date) -> Proposal:
        seen = example_fleet(Waiver(rule="a.*", until=until, owner="me", because="so"))
        return propose(seen, judge_rules([rule("a", "b", FOUND)], seen), {"a.b": lambda finding, fleet: plan_for()})

    assert (result(date(2026, 11, 22)).planned, len(result(date(2026, 11, 22)).waived)) == ((), 1)
    assert len(result(date(2026, 11, 21)).planned) == 1


def test_plans_come_in_the_order_of_the_registry_and_after_what_they_depend_on() -> None:
    rules = [rule("a", name, FOUND) for name in "bcd"]
    remedies = {
        "a.d": lambda finding, fleet: plan_for("d", after=("a.b",)),
        "a.c": lambda finding, fleet: plan_for("c"),
        "a.b": lambda finding, fleet: plan_for("b", after=("a.missing",)),
    }
    assert [item.rule.id for item in propose_plans(rules, remedies).planned] == ["a.c", "a.b", "a.d"]


@given(st.permutations("bcdef"), st.dictionaries(st.sampled_from("bcdef"), st.sampled_from("bcdef")))
def test_ordering_loses_no_plan_and_ends_even_in_a_circle(order: list[str], after: dict[str, str]) -> None:
    rules = [rule("a", name, FOUND) for name in order]
    remedies = {
        f"a.{name}": lambda finding, fleet, n=name: plan_for(n, after=(f"a.{after[n]}",) if n in after else ())
        for name in "bcdef"
    }
    result = [item.rule.name for item in propose_plans(rules, remedies).planned]
    assert sorted(result) == sorted(order)


LOST = rule("services", "postgres_kept_its_data", Finding("another database", "the recorded one", hint="look at vgpu"))
DELETING = {"disturbs": ("deletion",)}


@pytest.mark.parametrize("topic", ["schedules", "backups", "volumes", "containers"])
def test_case_76_while_the_database_lost_its_data_no_remedy_touches_its_backups(topic: str) -> None:
    result = propose_plans([rule(topic, "b", FOUND)], {f"{topic}.b": lambda finding, fleet: plan_for()}, [LOST])
    assert result.planned == ()
    assert "may have lost its data" in result.by_hand[0].answer.why
    assert "another database" in result.held_back


def test_case_76_other_remedies_run_on() -> None:
    remedies = {"certificates.b": lambda finding, fleet: plan_for()}
    assert len(propose_plans([rule("certificates", "b", FOUND)], remedies, [LOST]).planned) == 1


@pytest.mark.parametrize(("more", "planned"), [({}, 1), (DELETING, 0)])
def test_while_it_is_not_known_whether_the_data_is_there_nothing_is_deleted(more: dict, planned: int) -> None:
    gate = rule("services", "postgres_kept_its_data", Unobservable("no route", node="vgpu"))
    result = propose_plans(
        [rule("backups", "b", FOUND)], {"backups.b": lambda finding, fleet: plan_for(**more)}, [gate]
    )
    assert len(result.planned) == planned


def test_a_remedy_that_needs_a_node_outside_limit_is_refused_whole() -> None:
    remedies = {"a.b": lambda finding, fleet: Plan(steps=(Run("data", ("true",)), Run("vgpu", ("true",))))}
    result = propose_plans([rule("a", "b", FOUND)], remedies, bounds=Bounds(frozenset({"data"})))
    assert result.planned == ()
    assert result.by_hand[0].answer.what_to_do == "add --limit vgpu"


@pytest.mark.parametrize(("uid", "planned"), [(0, 1), (1000, 0), (Unobservable("sudo: a password is required"), 0)])
def test_nobody_is_asked_about_a_plan_for_which_root_is_missing(uid: int | Unobservable, planned: int) -> None:
    seen = replace(example_fleet(), facts={("data", "nodes"): replace(GOOD, uid=1000, root_uid=uid)})
    judged = judge_rules([rule("a", "b", FOUND)], seen)
    remedies = {"a.b": lambda finding, fleet: plan_for()}
    result = propose(seen, judged, remedies, bounds=Bounds(asks=True))
    assert len(result.planned) == planned
    assert [action.answer.why.startswith("not tried: data: it takes root there") for action in result.by_hand] == (
        [] if planned else [True]
    )
    assert len(propose(seen, judged, remedies).planned) == 1  # the plan itself is shown to everybody


def test_limit_judges_only_its_nodes() -> None:
    asked_about = [
        item.subject.name for item in judge_rules([rule("a", "b", each=each_node)], example_fleet(), {"data"})
    ]
    assert asked_about == ["data"]


def test_what_was_rolled_back_is_left_to_a_person_until_it_changes() -> None:
    def tried(rule: str, subject: str, memory: str) -> str:
        return "it was tried" if memory == "image 1" else ""

    for memory, planned in (("image 1", 0), ("image 2", 1)):
        remedies = {"a.b": lambda finding, fleet, m=memory: plan_for(memory=m)}
        assert len(propose_plans([rule("a", "b", FOUND)], remedies, bounds=Bounds(tried=tried)).planned) == planned


def test_the_identity_of_a_plan_is_what_was_shown_not_the_digests_it_expects() -> None:
    def one(expect: str, text: bytes) -> str:
        remedies = {"a.b": lambda finding, fleet: Plan(steps=(WriteFile("data", "/x", text, expect),))}
        return propose_plans([rule("a", "b", FOUND)], remedies).planned[0].identity

    assert one("1" * 64, b"x") == one("2" * 64, b"x")
    assert one("1" * 64, b"x") != one("1" * 64, b"y")


def test_size_counts_every_file_and_no_step_that_only_looks() -> None:
    files = tuple(Identified(f"f{number}", 1, 1, 1) for number in range(5))
    steps = (DeleteFiles("data", "/x", files), Run("data", ("true",)), Run("data", ("true",), changes=False))
    assert change_count(Plan(steps=steps)) == 6


def verdict_on(*finding: Finding | Unobservable) -> Verdict:
    return judge_subject(rule("a", "b", *finding), example_fleet(), Subject("fleet", "t"))


def test_proof_needs_the_finding_gone_and_everything_seen() -> None:
    planned = PlannedChange(1, rule("a", "b"), Subject("fleet", "t"), (FOUND,), Plan(()))
    assert proof_from_verdict(verdict_on(), planned)[0].value == "fixed"
    assert proof_from_verdict(verdict_on(replace(FOUND, saw="still odd")), planned)[0].value == "failing"
    assert proof_from_verdict(verdict_on(Unobservable("no route")), planned)[0].value == "unknown"
    assert proof_from_verdict(verdict_on(replace(FOUND, node="vgpu")), planned)[0].value == "failing"


def test_a_rule_that_no_longer_applies_proves_nothing() -> None:
    def not_here(fleet: Fleet, subject: Subject) -> Iterator[Finding]:
        raise NotApplicable("not asked for")
        yield

    item = judge_subject(Rule("a", not_here, the_fleet, ()), example_fleet(), Subject("fleet", "t"))
    planned = PlannedChange(1, item.rule, item.subject, (FOUND,), Plan(()))
    assert proof_from_verdict(item, planned)[0].value == "unknown"


def test_consent_is_by_kind() -> None:
    restart = plan_for(disturbs=("restart", "deletion"))
    assert lacking_consent(restart, parse_allowed(["restart"])) == ["delete"]
    assert is_covered(restart, parse_allowed(["restart,delete"]))
    assert is_covered(plan_for(disturbs=("reload",)), {"nothing"})
    assert not is_covered(plan_for(), parse_allowed(["restart"]))
    with pytest.raises(UsageError, match="no such kind"):
        parse_allowed(["everything"])


def test_each_kind_is_asked_for_once_and_only_when_it_is_needed() -> None:
    questions: list[str] = []
    plan_text = [plan_for(disturbs=("deletion",)), plan_for(disturbs=("deletion",)), plan_for()]
    agreed = ask_consent(plan_text, frozenset(), lambda text: not questions.append(text) and "Delete" in text)
    assert questions == ["Make the changes that disturb nothing (1)?", "Delete files, for good (2)?"]
    assert agreed == {"deletion"}


def test_a_plan_that_was_refused_for_one_kind_is_not_asked_about_for_another() -> None:
    questions: list[str] = []
    both = plan_for(disturbs=("deletion", "ownership"))
    assert ask_consent([both], frozenset(), lambda text: bool(questions.append(text))) == frozenset()
    assert questions == ["Delete files, for good (1)?"]


def test_case_3_an_unknown_rule_comes_with_the_nearest() -> None:
    assert matching_rules(["backups"], REMEDIES) == {
        "backups.are_fresh", "backups.are_thinned", "backups.exist_elsewhere",
    }  # fmt: skip
    with pytest.raises(UsageError, match=r'did you mean "backups\.are_fresh"'):
        matching_rules(["backups.are_frsh"], REMEDIES)


@pytest.mark.parametrize(
    "text",
    [
        "PGPASSWORD=canary pg_dump",
        "mysql --password canary x",
        "-e API_KEY='canary two'",
        "psql postgres://me:canary@db/x",
        '{"token": "canary"}',
        "my-secret: canary",
        "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\ncanary",
        "curl -H 'Authorization: Bearer canary' https://example.org",
        'curl -H "Authorization: canary" https://example.org',
        "curl -s -u ops:canary https://example.org",
        "curl --user 'ops:canary' https://example.org",
        "sshpass -p canary ssh web",
        "mysqldump -u root -pcanary db",
        "redis-cli -h redis -a canary ping",
        "docker login -u ops -p canary registry.example.org",
        "psql postgresql://u:p@canary@db/x",
        "git clone https://ghp_0123456789abcdefcanary@example.org/x",
        "SENTRY_DSN=https://0123456789abcdefcanary@example.org/1",
        "curl 'https://example.org/?api_key=canary&x=1'",
    ],
)
def test_case_71_what_looks_like_a_secret_is_struck_out(text: str) -> None:
    assert "canary" not in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "0 0,12 * * * docker exec x backup",
        "passed: 3",
        "user: django",
        "https://example.org/token/x",
        "docker exec -u 0 f:x nginx -p /x",
        "docker exec -u www-data:www-data web id",
        "chown -R 4000:4000 /srv/x",
        "ssh ops@127.0.0.1 -p 22",
        "mysqldump db >/x",
        "docker compose -p rodan up",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert masked(text) == text


EVERYTHING = Plan(
    steps=(
        EditCrontab("vgpu", "root", "x.y", ("0 0 * * * new",), "1" * 64, without=("0 0 * * * PGPASSWORD=x old",)),
        Run("vgpu", ("grep", "-q", "x y", "/etc/crontab"), says="make sure that it is there", changes=False),
        WriteFile("data", "/etc/fleet.conf", b"one\ntwo\n", ABSENT, 0o600),
        RunInContainer("data", "f" * 64, ("nginx", "-s", "reload"), "rodan_nginx", says="reload"),
        UpdateService("data", "rodan_web", "django", "", "web:1"),
        DeleteFiles("data", "/x", (Identified("a.gz", 1, 2048, 3, "older than keep"),), (Identified("b.gz", 2, 1, 3),)),
    ),
    disturbs=("reload", "restart", "deletion"),
    disturbance="a restart of rodan_web, and 1 file less",
    undo="all but the deletion is undone in reverse order",
    requires=(Require("data", ("true",), "nobody has changed rodan_web since"),),
    notes=("put it into the stack file too",),
)


def everything() -> Proposal:
    rules = [
        rule("certificates", "b", replace(FOUND, about="odd\x1b[31m name", why="nobody can read it")),
        rule("certificates", "c", replace(FOUND, severity="warning", hint="paint it")),
        rule("certificates", "d", Unobservable("no route to host", node="vgpu", hint="switch it on")),
        rule("certificates", "e", Unobservable("no route to host", node="vgpu", hint="switch it on")),
    ]
    return propose_plans(rules, {"certificates.b": lambda finding, fleet: EVERYTHING})


def test_a_plan_reads_as_the_golden_one() -> None:
    shown = "\n".join(line.text for line in proposal_lines(everything(), "production")) + "\n"
    assert shown == (GOLDEN / "everything.txt").read_text(encoding="utf-8")


def test_case_73_a_plan_holds_no_control_character() -> None:
    shown = "".join(line.text for line in proposal_lines(everything(), "production"))
    assert [char for char in shown if ord(char) < 32] == []


def test_the_document_of_a_plan_is_json_without_content_or_secrets() -> None:
    import json

    from fleetkeeper.exit_codes import Exit

    whole = plan_document("production", everything(), Exit.FINDINGS_REMAIN)
    assert set(whole) == set(KEYS)
    text = json.dumps(whole)
    assert "PGPASSWORD=x" not in text
    assert [step["kind"] for step in json.loads(text)["plans"][0]["steps"]] == [step.kind for step in EVERYTHING.steps]


@pytest.mark.parametrize("rule", REMEDIES)
def test_every_remedy_says_what_it_does_what_it_disturbs_and_its_way_back(rule: str) -> None:
    text = " ".join(explain_rule(rule).partition("Remedy (")[2].split())
    assert "Disturbs: " in text
    assert "Way back: " in text
    assert "Raises" not in text


class Removes:
    """A step that shows this many removed files."""

    node = "data"

    def __init__(self, files: int) -> None:
        self.files = files

    def show(self) -> str:
        return "\n".join(["delete files", *(f"  - backup {n}" for n in range(self.files)), "  stays: the newest"])


@pytest.mark.parametrize(("files", "lines"), [(24, 26), (25, 15), (1411, 15)])
def test_a_long_list_is_folded_on_the_terminal_and_whole_in_what_is_agreed_to(files: int, lines: int) -> None:
    plan = SimpleNamespace(steps=(Removes(files),))
    shown = [line.text for line in plan_text.shown_steps(plan)]
    assert len(shown) == lines
    assert "stays: the newest" in shown[-1]
    assert f"- backup {files - 1}" in "\n".join(shown)
    assert plan_text.steps_text(plan).count("- backup") == files


def test_steps_that_an_earlier_plan_does_already_are_named_and_not_listed_again() -> None:
    [line] = plan_text.shown_steps(SimpleNamespace(steps=(Removes(3),)), "1/2")
    assert line.text.strip() == "the same steps as 1/2: done once"


def test_nothing_to_do_is_not_said_while_what_a_killed_change_has_left_stands() -> None:
    texts = [line.text for line in proposal_lines(Proposal(left=("rodan_web",)), "lab")]
    assert texts[-1] == "lab: 1 service that a killed change has left unfinished (see the notes)"
    assert [line.text for line in proposal_lines(Proposal(), "lab")][-1] == "lab: nothing to do"
