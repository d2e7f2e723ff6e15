"""The page of an audit: what it says first, what it never shows as holding, and that no text of a node gets out."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.reports.history import open_findings
from fleetkeeper.reports.page.open_groups import MOST_ENTRIES, group_entries
from fleetkeeper.reports.page.page_content import OUTCOMES, headline_of, node_tallies, page_content
from fleetkeeper.reports.page.page_file import page_text, source_hash, write_page
from fleetkeeper.topics.registry import RULES
from tests.pure.reports.test_sarif import finding_item, item

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e\x1b[31m]]>'\"&{{ 7*7 }}" + "x" * 10_000
DARK = {"why": "it did not answer", "hint": "see ssh", "node": "db", "cause": "", "owner": ""}
SEEN = {"looked_at": True, "why": "", "hint": ""}


def results(*items: dict[str, Any], nodes: dict[str, Any] | None = None, **changes: Any) -> Any:
    """The content of a results.json with these items, of the inventory `mine`."""
    run = {
        "fleetkeeper": "0.1", "started": "2026-11-30T05:30:00+00:00", "finished": "2026-11-30T05:31:00+00:00",
        "exit_status": 1, "hosts": "mine", "part": "",
    }  # fmt: skip
    looked = {"name": "mine", "path": "mine.yml", "looked_at": run["started"], "nodes": nodes or {"db": SEEN}}
    summary = {outcome: sum(each["outcome"] == outcome for each in items) for outcome in OUTCOMES}
    content = {
        "schema": 1, "run": run, "inventories": [looked], "summary": summary, "changes": [], "items": list(items)
    }  # fmt: skip
    return {**content, **changes}


def page_of(*items: dict[str, Any], **more: Any) -> str:
    return page_text(results(*items, **more), RULES, {"engine.is_reached_by_few"})


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.elements if "id" in attributes]


def test_a_finding_is_told_with_its_owner_its_age_and_the_command_that_mends_it() -> None:
    judged = item(finding_item(owner="ops"), owner="ops")
    [before] = open_findings([judged])  # type: ignore[list-item]
    old = {**vars(before), "since": "2026-11-20T05:30:00+00:00"}
    names = ("new", "newly_judged", "gone", "unseen", "waived", "dropped")
    change = {"inventory": "mine", "previous": "2026-11-29T05:30:00+00:00", "old": [old], **{n: [] for n in names}}
    page = Elements(page_of(judged, changes=[change]))
    assert "1 promise is broken" in page.text
    assert "the socket has mode 666 (on db)" in page.text.replace("  ", " ")
    assert "remediate --hosts=mine --only=engine.is_reached_by_few" in page.text
    assert re.search(r"owner ops · since 20 Nov 2026", page.text)
    assert "Since the audit 1 d before: 1 still open." in page.text


def test_the_worst_comes_first_and_the_same_look_gives_the_same_page() -> None:
    mail = item(finding_item(rule="mail.is_delivered"), rule="mail.is_delivered")
    node = item(finding_item(rule="nodes.can_be_looked_at"), rule="nodes.can_be_looked_at")
    groups = group_entries(results(mail, node))
    assert [group.rule for group in groups] == ["nodes.can_be_looked_at", "mail.is_delivered"]
    assert page_of(mail, node) == page_of(mail, node)


@pytest.mark.parametrize("outcome", ["unknown", "not_applicable"])
def test_what_was_not_seen_and_what_is_not_asked_for_never_count_as_holding(outcome: str) -> None:
    unknown = [DARK] if outcome == "unknown" else []
    content = page_content(results(item(outcome=outcome, unknown=unknown, reason="not here")), RULES, ())
    assert content.counts["holds"] == 0
    assert content.verdict == "unknown"
    assert "hold" not in content.headline
    assert [tally.worst for tally in (*content.nodes, *content.topics)] == [outcome, outcome]
    shown = Elements(page_of(item(outcome=outcome, unknown=unknown, reason="not here")))
    body = [attributes.get("class", "") for tag, attributes in shown.elements if tag in ("td", "th", "article", "h1")]
    assert not any("holds" in (classes or "") for classes in body)


def test_a_node_that_was_not_seen_is_unknown_whatever_is_counted_for_it() -> None:
    dark = {"db": {"looked_at": False, "why": "timeout", "hint": ""}, "web": SEEN}
    tallies = {tally.name: tally for tally in node_tallies(results(item(outcome="holds"), nodes=dark))}
    assert (tallies["db"].worst, tallies["db"].note) == ("unknown", "not seen: timeout")
    assert tallies["web"].worst == "not_applicable"
    assert "Seen: 1 of 2 nodes" in Elements(page_of(item(outcome="holds"), nodes=dark)).text


def test_a_part_of_an_audit_says_that_it_is_none_of_the_rest() -> None:
    counts = {"finding": 0, "unknown": 0, "waived": 0, "holds": 3, "not_applicable": 0}
    assert headline_of(counts, [], "12 of 96 promises") == ("What was judged holds", "holds")
    assert headline_of(counts, [], "") == ("All 3 promises hold", "holds")


def test_text_of_a_node_is_text_only() -> None:
    calm = Elements(page_of(item(finding_item()), item(outcome="unknown", unknown=[DARK])))
    words = ("saw", "want", "why", "hint", "node", "about", "subject", "owner")
    hostile = item(
        finding_item(**dict.fromkeys(words, HOSTILE)),
        finding_item(waived={"owner": HOSTILE, "until": "2027-01-01", "because": HOSTILE}),
        subject=HOSTILE, owner=HOSTILE, reason=HOSTILE,
    )  # fmt: skip
    dark = item(outcome="unknown", unknown=[dict.fromkeys(DARK, HOSTILE)], subject=HOSTILE)
    nodes = {HOSTILE: {"looked_at": False, "why": HOSTILE, "hint": HOSTILE}}
    text = page_of(hostile, dark, item(outcome="not_applicable", reason=HOSTILE), nodes=nodes)
    page = Elements(text)
    assert {tag for tag, _ in page.elements} - {tag for tag, _ in calm.elements} <= {"ul", "li"}
    assert not any(name.startswith("on") or name == "style" for _, each in page.elements for name in each)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\u202e" in text
    assert "{{ 7*7 }}" in page.text
    assert len(text) < 150_000


def test_what_runs_and_styles_is_named_by_its_bytes_and_nothing_else_may() -> None:
    text = page_of(item(finding_item()))
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    [style], [script] = (
        re.findall(r"<style>(.*?)</style>", text, re.S),
        re.findall(r"<script>(.*?)</script>", text, re.S),
    )
    assert policy == (
        f"default-src 'none'; style-src '{source_hash(style)}'; script-src '{source_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"(src|href)=.?(https?:|//)", text)


def test_many_that_are_alike_are_counted_and_each_place_in_the_page_has_its_own_name() -> None:
    findings = [finding_item(about=f"c{number}", saw=f"c{number} is wrong") for number in range(MOST_ENTRIES + 5)]
    page = Elements(page_of(item(*findings), item(outcome="unknown", unknown=[DARK, DARK])))
    assert "5 more in results.json" in page.text
    assert len(page.ids()) == len(set(page.ids()))


def test_every_link_leads_to_a_place_in_the_page() -> None:
    page = Elements(page_of(item(finding_item()), item(outcome="unknown", unknown=[DARK])))
    links = {(attributes["href"] or "").removeprefix("#") for tag, attributes in page.elements if tag == "a"}
    assert links <= set(page.ids())


def test_with_strict_a_warning_that_breaks_its_promise_is_told_as_broken() -> None:
    judged = item(finding_item(severity="warning"))
    assert [group.kind for group in group_entries(results(judged))] == ["finding"]
    assert [group.kind for group in group_entries(results({**judged, "outcome": "holds"}))] == ["warning"]


def test_the_file_is_its_owners_only_and_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "pages" / "page.html"
    write_page(path, results(item(finding_item())), RULES, ())
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["page.html"]
