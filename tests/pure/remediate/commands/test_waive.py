"""Waivers for what stands: narrow, with an owner and an end, and every byte of the inventory stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.commands.waiver_lines import (
    TO_FILL_IN,
    NewWaiver,
    Selection,
    Waiving,
    insert_waivers,
    lines_about_left,
    literal_glob,
    new_waivers,
)
from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.schema import Waiver
from fleetkeeper.judging.acceptance import waiver_covers
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Verdict
from fleetkeeper.topics.engine.rules import RULES
from fleetkeeper.topics.registry import load_inventory

HEAD = """\
# Our inventory.   Two spaces stay.
nodes:
  here: {connection: local}   # this machine
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
"""
OLD = "{rule: nodes.*, subject: here, until: 2027-01-31, owner: ada, because: later}"
LISTS = {
    "none": "",
    "no newline at the end": "roles: {scanner: x}",
    "block": f"waivers:\n  - {OLD}\n",
    "block, not indented": f"waivers:\n- {OLD}\n",
    "block, a key a line": "waivers:\n  - rule: nodes.*\n    subject: here\n    until: 2027-01-31\n"
    "    owner: ada  # hers\n    because: >\n      it is\n      late\n",
    "block, and more behind": f"waivers:\n  - {OLD}\n\n# The clock.\nclock: {{within: 5 s}}\n",
    "block, a comment behind": f"waivers:\n  - {OLD}   # until then\n  # nothing more\n",
    "flow": f"waivers: [{OLD}]\n",
    "flow, a comma behind": f"waivers: [{OLD},]\nclock: {{within: 5 s}}\n",
    "flow, with comments": f"waivers: [  # for now\n  {OLD},  # hers\n]\n",
    "empty": "waivers: []\n",
    "the end of the document marked": f"waivers:\n  - {OLD}\n...\n",
    "none, and the end of the document marked": "clock: {within: 5 s}\n...\n",
}
ONE = NewWaiver("nodes.can_be_looked_at", "here", "here", "its clock is 7 s ahead of ours")


def waiving(path: Path) -> Waiving:
    return Waiving(load_inventory(path), date(2999, 12, 31), "ops@example.org", lambda line: None)


@pytest.mark.parametrize("kind", LISTS)
def test_a_waiver_is_added_and_everything_else_stays(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(HEAD + LISTS[kind])
    before = load_inventory(path)
    waiving(path).write([ONE])
    after = load_inventory(path)
    assert after.waivers[: len(before.waivers)] == before.waivers
    [new] = after.waivers[len(before.waivers) :]
    assert (new.rule, new.subject, new.node, new.owner) == (ONE.rule, "here", "here", "ops@example.org")
    assert new.because.startswith(TO_FILL_IN)
    assert only_added(HEAD + LISTS[kind], path.read_text())


def only_added(before: str, after: str) -> bool:
    """Whether all of the old text is there, in its order, with something put in at one place."""
    more = len(after) - len(before)
    return more > 0 and any(after[:at] + after[at + more :] == before for at in range(len(before) + 1))


def test_windows_ends_of_lines_and_the_byte_order_mark_stay(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_bytes(b"\xef\xbb\xbf" + HEAD.replace("\n", "\r\n").encode())
    waiving(path).write([ONE])
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf# Our inventory.")
    assert content.count(b"\n") == content.count(b"\r\n")
    assert len(load_inventory(path).waivers) == 1


def test_showing_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(HEAD)
    waiving(path).write([ONE], only_show=True)
    assert path.read_text() == HEAD


def test_case_9_what_was_seen_and_looks_like_a_secret_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(HEAD)
    secret = "password=hunter2hunter2 AKIAIOSFODNN7EXAMPLE"
    waiving(path).write([NewWaiver(ONE.rule, "here", "here", secret)])
    assert "hunter2" not in path.read_text()
    assert load_inventory(path).waivers[0].because == TO_FILL_IN


def test_a_list_that_is_none_is_refused_and_left_alone() -> None:
    with pytest.raises(UsageError, match="no list"):
        insert_waivers(HEAD + "waivers: {}\n", [[("rule", "x")]])


def test_a_waiver_means_the_thing_and_not_its_neighbours() -> None:
    [item] = new_waivers([Finding("root", "www", rule="containers.x", subject="web", about="db[1]*", node="data")])
    assert (item.rule, item.subject, item.node) == ("containers.x", "db[[]1][*]", "data")


def test_a_task_of_the_swarm_may_be_another_one_tomorrow() -> None:
    assert literal_glob("rodan_web.2.abcdefghijklmnopqrstuvwxy") == "rodan_web.2.*"


def test_the_same_thing_is_waived_once() -> None:
    finding = Finding("a", "b", rule="r.x", subject="s", node="n")
    assert len(new_waivers([finding, finding])) == 1


def test_a_finding_whose_waiver_lacks_its_reason_gets_no_second_one() -> None:
    finding = Finding("a", "b", rule="r.x", subject="s", node="n")
    waiver = Waiver(rule="r.x", subject="s", until=date(2999, 1, 1), owner="ada", because="FILL IN why")
    assert new_waivers([finding], [waiver]) == []
    assert len(new_waivers([finding], [waiver.model_copy(update={"because": "it is old"})])) == 1


ESCAPE = Finding(
    "can write /run", "x", rule="containers.x", subject="n", node="n", about="web",
    cis=("1.6:5.6", "1.8:5.6", "1.6:5.32", "1.8:5.32"),
)  # fmt: skip
LOG_LEVEL = Finding("a", "b", rule="engine.x", subject="n", node="n", about="cis:2.3", cis=("1.6:2.3", "1.8:2.3"))


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(ids=("cis:1.8:5.6",)), [("cis:5.6", "web")]),
        (Selection(ids=("cis:1.8:2.3",)), [("cis:2.3", "n")]),
        (Selection(ids=("cis:1.8:5.*",)), [("cis:5.6", "web"), ("cis:5.32", "web")]),
        (Selection(ids=("cis:1.6:5.32",)), [("cis:1.6:5.32", "web")]),
        (Selection(ids=("cis:1.6:5.32",), edition="1.6"), [("cis:5.32", "web")]),
        (Selection(frozenset({"engine.x"}), ("cis:1.8:5.6",)), [("cis:5.6", "web"), ("engine.x", "cis:2.3")]),
        (Selection(frozenset({"engine.x"})), [("engine.x", "cis:2.3")]),
        (Selection(), [("containers.x", "web"), ("engine.x", "cis:2.3")]),
        (Selection(ids=("cis:1.8:5.5",)), []),
    ],
)
def test_an_id_of_the_benchmark_is_waived_by_itself(selection: Selection, expected: list[tuple[str, str]]) -> None:
    waivers = new_waivers([ESCAPE, LOG_LEVEL], (), selection)
    assert [(waiver.rule, waiver.subject) for waiver in waivers] == expected


def test_what_of_a_finding_stays_open_is_told_and_may_be_waived_too() -> None:
    verdict = Verdict(RULES[0], Subject("node", "n"), findings=(ESCAPE, LOG_LEVEL))
    directory = Selection(ids=("cis:1.8:5.6", "cis:1.8:2.3"))
    assert list(lines_about_left(directory, [verdict])) == ["stays open for cis:1.8:5.32: can write /run"]
    assert not list(lines_about_left(Selection(ids=("cis:1.6:5.*",)), [verdict]))
    assert not list(lines_about_left(Selection(), [verdict]))
    unfilled = Waiver(rule="cis:1.8:5.6", subject="web", until=date(2999, 1, 1), owner="ada", because="FILL IN why")
    assert new_waivers([ESCAPE], [unfilled], directory) == []
    assert [new.rule for new in new_waivers([ESCAPE], [unfilled], Selection(ids=("cis:1.8:5.*",)))] == ["cis:5.32"]
    assert [new.rule for new in new_waivers([ESCAPE], [unfilled])] == ["containers.x"]


def test_warnings_are_waived_where_an_id_is_named_alone() -> None:
    warning = replace(LOG_LEVEL, severity="warning")
    verdict = Verdict(RULES[0], Subject("node", "n"), findings=(ESCAPE,), warnings=(warning,))
    for selection, shown in (
        (Selection(), [ESCAPE]),
        (Selection(frozenset({"engine.x"})), [ESCAPE]),
        (Selection(frozenset({"engine.x"}), ("cis:1.8:2.3",)), [ESCAPE]),
        (Selection(ids=("cis:1.8:2.3",)), [ESCAPE, warning]),
    ):
        assert list(selection.findings_in([verdict])) == shown


NASTY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(NASTY, NASTY)
def test_case_73_whatever_was_seen_the_file_still_loads(tmp_path_factory, subject: str, saw: str) -> None:
    path = tmp_path_factory.mktemp("waive") / "mine.yml"
    path.write_text(HEAD)
    finding = Finding(saw, "b", rule=ONE.rule, subject=subject or "x", node="here")
    waiving(path).write(new_waivers([finding]))
    [waiver] = load_inventory(path).waivers
    assert waiver_covers(waiver, finding) or not finding.subject.isprintable()
