"""Waivers for open findings: on the first night there are many, and not all of them can be mended at once.

A waiver is as narrow as it can be: the rule, the thing, the node. Its reason is left for a person to fill in: until
then it accepts nothing. The inventory keeps every byte that it has; the result is loaded once before it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from fleetkeeper.audit import Audit
from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.benchmark_ids import LATEST, PREFIX, as_written, id_matches, ids_by_number, with_edition
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import FILL_IN, Waiver
from fleetkeeper.inventory.units import count_of
from fleetkeeper.inventory.yaml_lines import scalar
from fleetkeeper.judging.acceptance import accepted_ids, id_names, waiver_covers
from fleetkeeper.local_files import write_file
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.topics.registry import load_inventory, rules_of
from fleetkeeper.untrusted import one_line

if TYPE_CHECKING:
    from fleetkeeper.judging.finding import Finding
    from fleetkeeper.judging.verdicts import Verdict

TO_FILL_IN = f"{FILL_IN} why this is accepted"
TASK = re.compile(r"\.[a-z0-9]{25}\b")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class NewWaiver:
    """One waiver to be written; `subject` and `node` are globs. `saw` is what the finding saw, for the reason."""

    rule: str
    subject: str
    node: str
    saw: str

    def pairs(self, until: date, owner: str, *, bare: bool = False) -> Iterator[tuple[str, str]]:
        """Keys and values of the waiver in the inventory. `bare` leaves out what was seen.

        In their order; `node` only where there is one. The reason is still to be filled in.
        """
        yield "rule", self.rule
        yield "subject", self.subject
        if self.node:
            yield "node", self.node
        yield "until", until.isoformat()
        yield "owner", owner
        yield "because", TO_FILL_IN if bare else f"{TO_FILL_IN}; seen: {self.saw}"


@dataclass(frozen=True)
class Selection:
    """What is to be waived: findings of `rules`, all without any; and of `ids`, as `cis:1.8:5.26` or globs over them.

    A waiver of an id leaves the other ids of its rule. `edition` is the inventory's.
    """

    rules: frozenset[str] = frozenset()
    ids: tuple[str, ...] = ()
    edition: str = LATEST

    def findings_in(self, verdicts: Iterable[Verdict]) -> Iterator[Finding]:
        """The findings; where ids are named also the warnings: the table of ids shows them as wrong."""
        for verdict in verdicts:
            yield from verdict.findings
            yield from (warning for warning in verdict.warnings if self.ids and warning.rule not in self.rules)

    def rule_names(self, finding: Finding) -> list[str]:
        """What waivers of a finding name as their rule: the rule, or each id that is selected; nothing if it is not."""
        if finding.rule in self.rules or not (self.rules or self.ids):
            return [finding.rule]
        matches = [each for each in as_written(finding.cis) if any(fnmatchcase(each, glob) for glob in self.ids)]
        return [each.replace(f"{PREFIX}{self.edition}:", PREFIX) for each in matches]

    def left_open(self, finding: Finding) -> tuple[str, ...]:
        """The ids of a finding that stay open although others of it are waived; nothing where all or none are."""
        if self.rule_names(finding) in ([], [finding.rule]):
            return ()
        left = [same for same in ids_by_number(finding.cis).values() if not any(id_matches(same, g) for g in self.ids)]
        return tuple(name for same in left for name in same)


EVERYTHING = Selection()


def new_waivers(
    findings: Iterable[Finding], written: Iterable[Waiver] = (), selection: Selection = EVERYTHING
) -> list[NewWaiver]:
    """One waiver for each finding, or for each id of it that is selected, without duplicates of rule, subject and node.

    What the inventory accepts already, but for the reason, in one of `written`, gets no second one. Of equal ones the
    last is kept, in the place of the first. What was seen is cut at 160 characters.
    """
    unfilled = [waiver for waiver in written if waiver.lacks_reason]
    waivers = [
        NewWaiver(name, literal_glob(thing_of(finding, name)), finding.node, one_line(finding.saw)[:160])
        for finding in findings
        for name in selection.rule_names(finding)
        if not any(is_waived_by(waiver, finding, name, selection.edition) for waiver in unfilled)
    ]
    return list({(waiver.rule, waiver.subject, waiver.node): waiver for waiver in waivers}.values())


def lines_about_left(selection: Selection, verdicts: Iterable[Verdict]) -> Iterator[str]:
    """A line for each finding of which only a part is selected: what of it stays open."""
    for finding in selection.findings_in(verdicts):
        if left := selection.left_open(finding):
            yield one_line(f"stays open for {id_names(left)}: {finding.saw}")


def is_waived_by(waiver: Waiver, finding: Finding, rule: str, edition: str) -> bool:
    """Whether a waiver covers all of a finding that a new one with this `rule` would: its id, or the whole of it."""
    name = with_edition(rule, edition).removeprefix(PREFIX)
    part = replace(finding, cis=(name,)) if name else finding
    return waiver_covers(waiver, part) and set(part.cis) <= set(accepted_ids(waiver, part))


def thing_of(finding: Finding, rule: str) -> str:
    """What a waiver of a finding is about. Where its rule is an id already, it is not the id once more."""
    named = finding.about.startswith(PREFIX) and rule.startswith(PREFIX)
    return finding.subject if named else finding.about or finding.subject


def literal_glob(name: str) -> str:
    """A glob that matches this name alone; the id of a swarm task, which changes, becomes `*`. On one line.

    >>> literal_glob("db[1]"), literal_glob("rodan_db.1.0123456789abcdefghijklmno")
    ('db[[]1]', 'rodan_db.1.*')
    """
    return TASK.sub(".*", re.sub(r"([*?[])", r"[\1]", one_line(name)))


def yaml_scalar(text: str) -> str:
    """A value of a waiver as YAML: a date as it is, other text in quotes unless it is unambiguous."""
    return text if DAY.fullmatch(text) else scalar(text)


def waiver_block(waivers: Sequence[Sequence[tuple[str, str]]], indent: int) -> str:
    """Waivers (each its keys and values) as items of a YAML list, a line for each key. `indent` is in characters.

    >>> print(waiver_block([[("rule", "nodes.x"), ("because", "it is late")]], 2), end="")
      - rule: nodes.x
        because: "it is late"
    """
    margin = " " * indent
    return "".join(
        f"{margin}{'- ' if number == 0 else '  '}{key}: {yaml_scalar(value)}\n"
        for pairs in waivers
        for number, (key, value) in enumerate(pairs)
    )


def insert_waivers(text: str, waivers: Sequence[Sequence[tuple[str, str]]]) -> str:
    """The text of an inventory with waivers added to its list, or with a new list at its end. All of the text stays.

    A waiver is its keys and values. Raises UsageError when `waivers` is no list.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    node = waivers_node(root)
    if node is None:
        end = root.end_mark.index if isinstance(root, yaml.MappingNode) and not root.flow_style else len(text)
        start = text[:end] if text[:end].endswith("\n") or not end else text[:end] + newline
        return start + f"{newline}waivers:{newline}" + waiver_block(waivers, 2).replace("\n", newline) + text[end:]
    if not isinstance(node, yaml.SequenceNode):
        raise UsageError("`waivers` is no list", hint="write it as one, or take the key out")
    if node.flow_style:
        return in_flow(text, node, waivers)
    index = end_of(node, text)
    before = text[:index] if text[:index].endswith("\n") else text[:index] + newline
    return before + waiver_block(waivers, node.start_mark.column).replace("\n", newline) + text[index:]


def waivers_node(root: yaml.Node | None) -> yaml.Node | None:
    """The YAML node of the key `waivers`; None without one."""
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == "waivers"), None)


def in_flow(text: str, node: yaml.SequenceNode, waivers: Sequence[Sequence[tuple[str, str]]]) -> str:
    """The text of an inventory with waivers as `{…}` after the last item of `node`, a list `[{…}]` in it.

    After the opening bracket of an empty one. The rest stays. A waiver is its keys and plain values, quoted here.
    """
    index = node.value[-1].end_mark.index if node.value else node.start_mark.index + 1
    items = ", ".join(
        "{" + ", ".join(f"{key}: {yaml_scalar(value)}" for key, value in waiver) + "}" for waiver in waivers
    )
    return text[:index] + (", " if node.value else "") + items + text[index:]


def end_of(node: yaml.Node, text: str) -> int:
    """The index in the text after the line on which a node ends.

    The length of the text where that line is the last one.
    """
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end: int = node.end_mark.index
    if end > 0 and text[end - 1] == "\n":
        return end
    newline = text.find("\n", end)
    return len(text) if newline < 0 else newline + 1


@dataclass
class Waiving:
    """Waivers for one inventory, until a day, in the name of an owner. `say` prints a line."""

    inventory: Inventory
    until: date
    owner: str
    say: Callable[[str], None]

    def write(self, waivers: Sequence[NewWaiver], *, only_show: bool = False) -> None:
        """Add the waivers to the inventory file and print them; with `only_show` only print them.

        Raises UsageError, and writes nothing, when they do not fit into the file. Raises OSError when the file cannot
        be read or written.
        """
        path = Path(self.inventory.path)
        before = path.read_bytes()
        after, pairs = self.fitted(path, before, waivers)
        for line in split_lines(waiver_block(pairs, 2)):
            self.say(line)
        if only_show:
            self.say("nothing was written")
            return
        write_file(path, after)
        number = count_of(len(waivers), "waiver")
        self.say(f"{number} written to {path}; each accepts nothing until its reason is filled in (grep '{FILL_IN}')")

    def fitted(
        self, path: Path, before: bytes, waivers: Sequence[NewWaiver]
    ) -> tuple[bytes, list[list[tuple[str, str]]]]:
        """The new content of the file, and the waivers as keys and values.

        What was seen is left out of them where the loader refuses it. Raises UsageError when the loader refuses both
        forms.
        """
        bom = BOM if before.startswith(BOM) else b""
        text = before.removeprefix(bom).decode("utf-8")
        trouble = ""
        for bare in (False, True):
            pairs = [list(waiver.pairs(self.until, self.owner, bare=bare)) for waiver in waivers]
            after = bom + insert_waivers(text, pairs).encode("utf-8")
            try:
                loaded = load_inventory(path, after)
            except UsageError as why:
                trouble = str(why)
                continue
            if only_waivers_differ(self.inventory, loaded, len(waivers)):
                return after, pairs
        shown = waiver_block([list(waiver.pairs(self.until, self.owner, bare=True)) for waiver in waivers], 2)
        raise UsageError(
            f"the waivers do not fit into {path}, which is left as it is: {trouble}",
            hint=f"add them by hand:\nwaivers:\n{shown}",
        )


def only_waivers_differ(before: Inventory, after: Inventory, more: int) -> bool:
    """Whether the inventories differ only in `more` waivers added at the end."""
    kept = after.waivers[: len(before.waivers)] == before.waivers
    grown = len(after.waivers) == len(before.waivers) + more
    rest = before.model_copy(update={"waivers": after.waivers})
    return kept and grown and parse_inventory(rest) == parse_inventory(after) and before.sections == after.sections


def parse_inventory(inventory: Inventory) -> dict[str, Any]:
    """The inventory as JSON data, for comparing."""
    return inventory.model_dump(mode="json")


def verdicts_of_rules(audit: Audit, rules: Iterable[str]) -> list[Verdict]:
    """The verdicts of these rules (none: of all) about every subject; looks first where that was not done.

    Raises UsageError for an audit of several inventories.
    """
    inventory = audit.only_inventory()
    names = list(rules) or list(rules_of(inventory))
    return [audit.verdict(name, rule, subject) for rule in names for name, subject in audit.subjects(rule)]
