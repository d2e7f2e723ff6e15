"""Text from a node is data for ever: hostile text in every string of every fact, and what comes out is looked at.

Every rule, every remedy and every report runs. Nothing stumbles; shell text is constant, or the text is one word
of it; what a person may copy makes no file in dash or BusyBox; nothing that does not show reaches a terminal.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.shell.words import Unreadable, literal_text, simple_commands
from fleetkeeper.topics.backups.database.facts import Drill
from fleetkeeper.topics.registry import RULES
from fleetkeeper.untrusted import shell_word, shown_word
from remediate.backups.list_backups import backup_rows, table_lines
from remediate.journal import PlanRow, RunRow, StepRow
from remediate.remedies import REMEDIES
from remediate.render.console import Door, Screen
from remediate.render.outcome_text import log_lines, run_lines
from remediate.render.plan_text import Line
from tests.example_fleets import backups
from tests.helpers.hostile_text import (
    COMBINED,
    DIGITS,
    SHELL,
    TEXT,
    LookOutputs,
    all_fleets,
    kinds_in_look,
    run_all,
    string_kinds,
    unfit_for_a_terminal,
    with_text,
)

FLEETS = all_fleets()
SMALL = [name for name in FLEETS if name != "lab"]
PUTS: dict[str, Callable[[str], Callable[[str], str]]] = {
    "appended": lambda text: lambda old: old + text,
    "put in its place": lambda text: lambda old: text,
}


def clean_scripts() -> set[str]:
    """The scripts of the same plans without hostile text."""
    return {script for fleet in FLEETS.values() for script in LookOutputs(fleet).scripts()}


class Watch:
    """Collects what may be run, so that few shells run all of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scripts: set[str] = set()
        self.copied: set[str] = set()

    def look(self, fleet: Fleet, topic: str = "") -> None:
        sentence = LookOutputs(fleet, topic)
        assert sentence.stumbles == []
        assert unfit_for_a_terminal(sentence.lines) == []
        self.scripts |= set(sentence.scripts())
        self.copied |= set(sentence.copied())

    def end(self) -> None:
        """No text that a shell of a node gets holds any of it, and what a person copies makes no file."""
        assert [script for script in self.scripts if "canary" in script] == []
        # A text that holds backquotes of its own, in prose, is no command of ours.
        assert run_all(self.copied - {">canary"}, self.folder) == []


@pytest.fixture
def watch(tmp_path: Path) -> Iterable[Watch]:
    match = Watch(tmp_path)
    yield match
    match.end()


@pytest.mark.parametrize("how", PUTS)
@pytest.mark.parametrize("name", FLEETS)
def test_hostile_text_in_every_string_at_once(name: str, how: str, watch: Watch) -> None:
    watch.look(with_text(FLEETS[name], PUTS[how](COMBINED)))


@pytest.mark.parametrize("how", PUTS)
def test_each_hostile_text_in_every_string_of_some_world(how: str, watch: Watch) -> None:
    for number, text in enumerate((*SHELL, *TEXT)):
        for name in (SMALL[number % len(SMALL)], SMALL[(number + 7) % len(SMALL)]):
            watch.look(with_text(FLEETS[name], PUTS[how](text)))


def test_hostile_text_in_one_kind_of_string_after_another(watch: Watch) -> None:
    seen: set[object] = set()
    for name in SMALL:
        for topic, kind in kinds_in_look(FLEETS[name]):
            if (topic, kind) not in seen:
                seen.add((topic, kind))
                watch.look(with_text(FLEETS[name], PUTS["appended"](COMBINED), topic, kind), topic)


@pytest.mark.long
@pytest.mark.parametrize("how", PUTS)
@pytest.mark.parametrize("name", FLEETS)
def test_every_hostile_text_in_every_kind_of_string_of_every_world(name: str, how: str, watch: Watch) -> None:
    for text in (COMBINED, *SHELL, *TEXT):
        watch.look(with_text(FLEETS[name], PUTS[how](text)))
    for topic, kind in kinds_in_look(FLEETS[name]):
        for text in (COMBINED, SHELL[0], SHELL[8], TEXT[5]):
            watch.look(with_text(FLEETS[name], PUTS[how](text), topic, kind), topic)


def test_the_worlds_have_something_for_every_remedy_that_changes_a_line_or_runs_a_program() -> None:
    kinds_of_steps = {step.kind for fleet in FLEETS.values() for step in LookOutputs(fleet).steps}
    assert {"edit_crontab", "run", "run_in_container", "delete_files", "update_service"} <= kinds_of_steps
    assert len(clean_scripts()) > 8


def test_every_remedy_makes_a_plan_in_some_world() -> None:
    planned = {item.rule.id for fleet in FLEETS.values() for item in LookOutputs(fleet).proposal.planned}
    assert set(REMEDIES) - planned == set()


def test_every_text_that_a_node_can_say_stands_in_some_world() -> None:
    """A text that no fleet holds is never made hostile: whoever adds a field gives it a place in a fleet."""
    kinds_of_facts = {kind for rule in RULES.values() for kind in rule.looks_at}
    texts = {text for kind in kinds_of_facts for text in declared_texts(kind)}
    filled = {text for fleet in FLEETS.values() for fact in fleet.facts.values() for text in filled_texts(fact)}
    assert texts - filled == set()


def declared_texts(kind: type, known_names: frozenset[type] = frozenset()) -> Iterator[tuple[str, str]]:
    """The fields of a class of facts, and of those within it, that may hold text."""
    for name, hint in get_type_hints(kind).items():
        for item in types_in(hint):
            if item is str and name != "topic":
                yield kind.__name__, name
            elif is_dataclass(item) and item not in known_names:
                yield from declared_texts(item, known_names | {kind})


def types_in(hint: Any) -> Iterator[type]:
    """The types that a hint is made of."""
    inner = get_args(hint)
    if not inner and isinstance(hint, type):
        yield hint
    for item in inner:
        yield from types_in(item)


def filled_texts(value: Any) -> Iterator[tuple[str, str]]:
    """The fields of a fact, and of those within it, that do hold text."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            inner = getattr(value, field.name)
            if next(string_kinds(inner), None) is not None or (field.name in DIGITS and inner):
                yield type(value).__name__, field.name
            yield from filled_texts(inner)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from filled_texts(item)
    elif isinstance(value, tuple | list | frozenset):
        for item in value:
            yield from filled_texts(item)


@pytest.mark.parametrize("quote", [shell_word, shown_word])
def test_each_hostile_text_is_one_word_for_our_reader_and_for_shells(
    quote: Callable[[str], str], tmp_path: Path
) -> None:
    texts = [text for text in (*SHELL, *TEXT, COMBINED) if "\0" not in text and len(text) < 1000 and text.isprintable()]
    for text in texts:
        try:
            [command] = simple_commands(f": {quote(text)}")
        except Unreadable as odd:
            raise AssertionError(text) from odd
        assert [literal_text(word) for word in command.words] == [":", text]
    assert run_all([f": {quote(text)}" for text in (*SHELL, COMBINED)], tmp_path) == []
    assert len(run_all(SHELL, tmp_path)) > 5, "the canaries would not sing"


def shown_text(lines: Iterable[Line]) -> list[str]:
    """What a screen shows of some lines."""
    screen = Screen()
    screen.out = Door(file=io.StringIO(), highlight=False, markup=False, soft_wrap=True, emoji=False)
    screen.lines(lines)
    return screen.out.file.getvalue().split("\n")  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("text", [COMBINED, *TEXT])
def test_the_list_of_backups_and_the_log_show_nothing_hidden(text: str) -> None:
    file = backups.dump_file(backups.NOW)
    catalog = backups.catalog_of_files([file], [backups.proof_of(file, "broken", text)])
    drill = Drill(file.name, backups.NOW, 1.0, 1.0, error=text)
    sentence = list(backup_rows(catalog, backups.make_policy(), backups.NOW, {file.name: drill}))
    assert unfit_for_a_terminal(shown_text(table_lines(sentence))) == []
    run, plan, step = (
        kind(**{field.name: hostile(field.type, text) for field in fields(kind)}) for kind in (RunRow, PlanRow, StepRow)
    )
    step = replace(step, plan=plan.number)
    assert unfit_for_a_terminal(shown_text([*run_lines([run]), *log_lines(run, [plan], [step])])) == []


def hostile(kind: object, text: str) -> object:
    return text if "str" in str(kind) else 1


def test_whatever_line_is_shown_the_screen_lets_nothing_hidden_through() -> None:
    assert unfit_for_a_terminal(shown_text([Line(text.replace("\n", " ")) for text in (*TEXT, *SHELL)])) == []
