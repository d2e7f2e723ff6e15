"""A summary of an audit in Markdown, for the page of a GitHub workflow's run ($GITHUB_STEP_SUMMARY).

GitHub drops a whole summary above 1 MiB, so it is cut between items, with the number of what is left out. Each word of
a server is code, with every character that Markdown or GitHub gives a meaning as an entity.
Source: https://docs.github.com/en/actions/using-workflows/workflow-commands-for-github-actions ("job summary").
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fleetkeeper.reports.page.open_groups import Group
from fleetkeeper.reports.page.page_content import ORDER, WORDS, PageContent, page_content
from fleetkeeper.untrusted import one_line

if TYPE_CHECKING:
    from fleetkeeper.judging.rule import Rule
    from fleetkeeper.reports.results_schema import Results

MOST_BYTES = 900_000
ENTITIES = {char: f"&#{ord(char)};" for char in "|`@#[]!*_~\\:$(){}<>&\"'"}
TITLES = {"finding": "Broken", "unknown": "Could not be judged", "warning": "Warnings", "waived": "Accepted"}


def append_summary(path: Path, results: Results, rules: Mapping[str, Rule], repaired: Collection[str]) -> None:
    """Add the summary to the end of a file, which other steps write too. Raises OSError."""
    with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(summary_text(page_content(results, rules, repaired)))


def summary_text(content: PageContent) -> str:
    """The summary, in at most MOST_BYTES of UTF-8."""
    lines = [f"## {content.headline}: {as_code(content.names)}", ""]
    if content.part:
        lines += [f"Only a part was judged ({as_code(content.part)}): this says nothing about the rest.", ""]
    for sight in content.sights:
        lines += [f"- not seen: {as_code(node)}: {as_code(why)}" for node, why in sight.dark.items()]
    cells = [f"{content.counts[outcome]} {WORDS[outcome]}" for outcome in ORDER]
    lines += ["", f"| {' | '.join(cells)} |", f"|{' --- |' * len(cells)}", "", *content.changes, ""]
    taken = sum(len(line.encode("utf-8", "backslashreplace")) + 1 for line in lines)
    left_out = 0
    for line in group_paragraphs(content):
        size = len(line.encode("utf-8", "backslashreplace")) + 1
        if left_out or taken + size > MOST_BYTES - 100:
            left_out += 1
            continue
        lines.append(line)
        taken += size
    lines += [f"{left_out} more lines are left out: see results.json", ""] if left_out else [""]
    return "\n".join(lines)


def group_paragraphs(content: PageContent) -> Iterator[str]:
    """A title for each kind of what is not quiet, and a line for each group of it."""
    for kind, title in TITLES.items():
        if groups := content.of_kind(kind):
            yield f"\n### {title}\n"
            yield from (group_line(content, group) for group in groups)


def group_line(content: PageContent, group: Group) -> str:
    """What was seen first, of how many, whose it is, since when, and the command."""
    more = f" and {len(group.entries) - 1} more" if len(group.entries) > 1 else ""
    owner = f", owner {as_code(group.owner)}" if group.owner else ""
    since = f", since {as_code(group.since[:10])}" if group.since else ""
    accepted = f", accepted by {as_code(group.accepted)}" if group.accepted else ""
    return f"- {as_code(group.sentence)}{more}{owner}{since}{accepted}; {as_code(content.command_for(group))}"


def as_code(text: str) -> str:
    """Text of anybody as code of HTML on one line, in which nothing has a meaning.

    >>> as_code("a|b @c")
    '<code>a&#124;b &#64;c</code>'
    """
    return f"<code>{''.join(ENTITIES.get(char, char) for char in one_line(text))}</code>"
