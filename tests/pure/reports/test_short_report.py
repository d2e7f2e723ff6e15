"""The report of a night for a tired person: three lines, the worst first, one cause once, and at most forty lines."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.reports.loss_ranks import RANKS, loss_rank
from fleetkeeper.reports.short_report import (
    LINES,
    Paragraph,
    Section,
    finding_paragraphs,
    fit_sections,
    top_lines,
    unknown_paragraphs,
    warning_paragraphs,
)
from fleetkeeper.reports.terminal import unknown_lines
from fleetkeeper.topics.registry import RULES


def judged_finding(rule: str, subject: str, saw: str, **more: object) -> dict:
    base = {"want": "otherwise", "why": "", "node": "", "about": "", "severity": "error", "hint": "mend it"}
    return {**base, "rule": rule, "subject": subject, "saw": saw, "waived": None, **more}


def judged_item(rule: str, subject: str, *findings: dict, outcome: str = "finding", unknown: tuple = ()) -> dict:
    return {
        "rule": rule, "subject": subject, "outcome": outcome, "findings": list(findings), "unknown": list(unknown),
        "reason": "", "promise": "", "inventory": "lab",
    }  # fmt: skip


def broken_item(rule: str, subject: str, saw: str, **more: object) -> dict:
    return judged_item(rule, subject, judged_finding(rule, subject, saw, **more))


RODAN = [
    broken_item("containers.run_as_their_own_user", "celery", "celery runs python3 as root", node="data"),
    broken_item("containers.run_as_their_own_user", "rodan", "rodan-main runs python3 as root", node="data"),
    broken_item("services.are_running", "gpu-celery", "gpu-celery is down: no node has the label queue=GPU"),
    broken_item("schedules.backup_runs_where_postgres_runs", "postgres", "nothing backs postgres up"),
    broken_item("services.postgres_kept_its_data", "postgres", "postgres is not the accepted database"),
    broken_item("backups.are_thinned", "postgres", "1411 of 1444 backups are more than `keep` asks for", node="data"),
]


def test_the_first_three_lines_say_the_night_worst_first() -> None:
    assert top_lines(RODAN) == [
        "postgres is not the accepted database",
        "nothing backs postgres up",
        "gpu-celery is down: no node has the label queue=GPU; and 2 more",
    ]


def test_a_quiet_night_has_no_such_lines_and_warnings_are_none() -> None:
    warning = judged_finding("containers.enter_as_their_own_user", "web", "it comes in as root", severity="warning")
    assert top_lines([judged_item("containers.enter_as_their_own_user", "web", warning, outcome="holds")]) == []


def test_a_dark_node_is_in_the_first_lines_and_its_reason_is_told_once() -> None:
    dark = {"node": "data", "why": "no route to host", "hint": "is it on?", "cause": ""}
    items = [judged_item(rule, "data", outcome="unknown", unknown=(dark,)) for rule in RULES]
    assert top_lines(items) == ["data could not be looked at: no route to host"]
    [paragraph] = unknown_paragraphs(items)
    assert paragraph.lines[0].startswith("data: no route to host; hides nodes.can_be_looked_at [data], ")
    assert paragraph.lines[0].endswith(f"and {len(RULES) - 2} more")


def test_one_reason_on_three_nodes_is_one_line() -> None:
    items = [
        judged_item(
            "mail.is_delivered",
            node,
            outcome="unknown",
            unknown=[{"node": node, "why": "no sendmail", "hint": "", "cause": ""}],
        )
        for node in "abc"
    ]
    [paragraph] = unknown_paragraphs(items)
    assert paragraph.lines[0].startswith("a, b, c: no sendmail; hides ")


def test_one_dead_engine_is_told_once_whatever_each_command_says_of_it() -> None:
    hint, cause = "start the Docker engine", "the Docker engine does not answer"
    finding = judged_finding(
        "nodes.can_be_looked_at", "one", "its Docker engine does not answer", node="one", hint=hint
    )
    commands = ("docker inspect", "docker service inspect", "list-backups", "ask-database", "sh")
    hidden = [
        judged_item(
            "backups.are_fresh", command, outcome="unknown", unknown=(dark_reason("one", command, hint, cause),)
        )
        for command in commands
    ]
    [paragraph] = unknown_paragraphs([*hidden, judged_item("nodes.can_be_looked_at", "one", finding)])
    [line] = paragraph.lines
    assert line.startswith("one: the Docker engine does not answer; hides backups.are_fresh [docker inspect], ")
    assert [len(paragraph.lines) for paragraph in unknown_paragraphs(hidden)] == [2]
    full = list(unknown_lines(hidden))
    assert full[0] == "one: the Docker engine does not answer"
    assert sum(line.startswith("  saw   `") for line in full) == len(commands)


def dark_reason(node: str, command: str, hint: str, cause: str) -> dict:
    return {"node": node, "why": f"`{command}` exited 1: Cannot connect", "hint": hint, "cause": cause}


def test_the_name_of_a_node_inside_another_word_is_no_mention_of_it() -> None:
    item = broken_item("nodes.can_be_looked_at", "one", "nobody listens at /run/none.sock", node="one")
    assert top_lines([item]) == ["nobody listens at /run/none.sock (on one)"]


def test_what_follows_from_another_finding_is_one_line_and_never_a_headline() -> None:
    items = [
        broken_item("certificates.are_far_from_expiry", "web.example", "it has ended", node="web"),
        broken_item("certificates.are_valid", "web.example", "it expired yesterday", node="web"),
    ]
    assert top_lines(items) == ["web.example: it expired yesterday (on web)"]
    cause, consequence = finding_paragraphs(items)
    assert (len(cause.lines), len(consequence.lines)) == (2, 1)
    other = broken_item("certificates.are_far_from_expiry", "other.example", "it ends tomorrow", node="mail")
    assert len(top_lines([other, items[1]])) == 2


def test_warnings_are_one_line_for_each_rule_with_their_number() -> None:
    rule = "containers.cannot_gain_privileges"
    items = [
        judged_item(rule, f"s{n}", judged_finding(rule, f"s{n}", f"s{n} may", severity="warning"), outcome="holds")
        for n in range(9)
    ]
    [paragraph] = warning_paragraphs(items)
    assert paragraph.lines == [f"{rule}: 9 (s0, s1, s2, s3 and 5 more): s0 may; -v lists them"]


def first_night() -> list[dict]:
    """Three nodes and ten services where nearly everything is wrong: 20 red promises and 30 warnings of 3 rules."""
    users = [
        broken_item("containers.run_as_their_own_user", f"s{n}", f"s{n} runs sh as root", node="data")
        for n in range(14)
    ]
    warnings = [
        judged_item(rule, f"s{n}", judged_finding(rule, f"s{n}", f"s{n} may", severity="warning"), outcome="holds")
        for rule in ("containers.enter_as_their_own_user", "containers.cannot_gain_privileges", "mail.is_delivered")
        for n in range(10)
    ]
    return [*RODAN, *users, *warnings]


def shortened_lines(items: list[dict]) -> list[str]:
    sections = [
        Section("findings", finding_paragraphs(items)),
        Section("could not be looked at", unknown_paragraphs(items)),
        Section("warnings", warning_paragraphs(items)),
    ]
    fit_sections(sections, LINES)
    assert sum(section.size for section in sections) <= LINES
    return [line for section in sections for paragraph in section.paragraphs for line in paragraph.lines]


def test_a_first_night_fits_and_what_is_worst_is_told_in_full() -> None:
    lines = shortened_lines(first_night())
    assert lines[0].startswith("services.postgres_kept_its_data [postgres] postgres is not the accepted database")
    assert lines[1] == "  hint  mend it"
    [folded] = [line for line in lines if line.startswith("containers.run_as_their_own_user")]
    assert "run_as_their_own_user: 16 (celery, rodan, s0, s1 and 12 more): celery runs python3 as root" in folded


@given(st.lists(st.tuples(st.sampled_from(sorted(RULES)), st.integers(1, 6)), max_size=12))
def test_no_rule_is_ever_left_out_however_short_the_report(broken_rules: list[tuple[str, int]]) -> None:
    items = [broken_item(rule, f"s{n}", f"s{n} is wrong") for rule, count in broken_rules for n in range(count)]
    sections = [Section("findings", finding_paragraphs(items))]
    fit_sections(sections, 6)
    lines = [line for paragraph in sections[0].paragraphs for line in paragraph.lines]
    for rule, _ in broken_rules:
        assert any(line.startswith(rule) for line in lines)


def test_what_need_not_be_shortened_is_told_in_full() -> None:
    section = Section("x", [Paragraph((["a", "b"], ["a"])), Paragraph((["c", "d"], ["c"]))])
    fit_sections([section], 4)
    assert [paragraph.level for paragraph in section.paragraphs] == [0, 1]


def test_data_comes_before_a_service_before_access_before_order() -> None:
    assert loss_rank("backups.are_fresh") < loss_rank("services.are_running") < loss_rank("containers.x")
    assert loss_rank("containers.run_as_their_own_user") < loss_rank("backups.are_thinned")


def test_the_page_lists_every_kind_of_loss_and_its_rules() -> None:
    page = (Path(__file__).parents[3] / "docs/results.md").read_text()
    rows = [f"| {kind} | {', '.join(f'`{glob}`' for glob in globs)}" for kind, globs in RANKS]
    assert [row for row in rows if row not in page] == []
