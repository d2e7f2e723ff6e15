"""`remediate --nightly`: what the inventory lists, no more, without asking; and the morning says what it did."""

from __future__ import annotations

import pty
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleetkeeper.commands.program import exit_code_of
from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.reports.night_repairs import NightRepairs, recall_repairs, remember_repairs, repair_lines, repairs_file
from fleetkeeper.topics.registry import load_inventory
from remediate.commands.fix import Call
from remediate.commands.nightly import repair_nightly
from tests.programs.remediate.commands.test_fix import Scene, make_remedy

LISTED = "repairs: {nightly: [papers.say_what_is_wanted], max_changes: 2}"
DISTURBING = 'return replace(rewrite_plan(finding, fleet), disturbs=("KIND",), disturbance="a test")'


@pytest.fixture
def night(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.write(LISTED)
    return scene


def repaired(scene: Scene, **given: object) -> int:
    """The exit code of a night, with nothing to type at."""
    call = scene.call(only=(), **given)
    return exit_code_of(lambda: repair_nightly(call))


def morning(scene: Scene, previous: str = "") -> list[str]:
    """The lines about the night in the report of the next audit."""
    file = repairs_file(scene.folder / "state", "world", str(scene.folder / "world.yml"))
    return list(repair_lines(recall_repairs(file), previous, datetime.now(UTC)))


def test_what_is_listed_is_mended_unasked_marked_in_the_journal_and_told_in_the_morning(night: Scene) -> None:
    assert repaired(night) == Exit.NOTHING_LEFT
    assert night.paper.read_text() == "new\n"
    [run] = night.journal.runs()
    assert run.program.endswith(", nightly")
    first, second = morning(night)
    assert first == f"last night's repairs: 1 fixed; exit 0, nothing is left to do (`remediate log {run.id}`)"
    assert second.startswith("  fixed  papers.say_what_is_wanted [")
    assert morning(night, previous="2999-01-01T00:00:00+00:00") == []


@pytest.mark.parametrize("kind", ["deletion", "restart", "ownership", "modes"])
def test_listing_a_rule_is_the_consent_that_its_own_remedy_needs(night: Scene, kind: str) -> None:
    make_remedy(night, DISTURBING.replace("KIND", kind))
    assert repaired(night) == Exit.NOTHING_LEFT


@pytest.mark.parametrize("kind", ["interrupt", "engine-restart", "deploy"])
def test_no_night_interrupts_work_restarts_an_engine_or_deploys(night: Scene, kind: str) -> None:
    make_remedy(night, DISTURBING.replace("KIND", kind))
    assert repaired(night) == Exit.FINDINGS_REMAIN
    assert night.paper.read_text() == "old\n"
    assert "do not cover it" in "\n".join(morning(night))


def test_a_rule_that_is_not_listed_is_left_alone(night: Scene) -> None:
    night.write('repairs: {nightly: ["volumes.*"]}')
    repaired(night)
    assert night.paper.read_text() == "old\n"
    assert night.journal.runs() == []


def test_more_changes_than_a_night_may_make_are_held_back_with_a_sentence(night: Scene) -> None:
    make_remedy(night, "one = rewrite_plan(finding, fleet); return replace(one, steps=one.steps * 3)")
    assert repaired(night) == Exit.FINDINGS_REMAIN
    assert night.paper.read_text() == "old\n"
    assert "the plan makes 3 changes, more than repairs.max_changes 2" in "\n".join(morning(night))


def test_nobody_is_asked_even_at_a_terminal(night: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    make_remedy(night, DISTURBING.replace("KIND", "interrupt"))
    terminal, _ = pty.openpty()
    with open(terminal, closefd=True) as tty:
        monkeypatch.setattr(sys, "stdin", tty)
        monkeypatch.setattr("click.confirm", lambda *words, **given: pytest.fail(f"asked: {words}"))
        assert repaired(night) == Exit.FINDINGS_REMAIN


@pytest.mark.parametrize(
    "given",
    [{"allow": ("restart",)}, {"only": ("papers",)}, {"limit": ("a",)}, {"max_changes": 9}, {"again": True},
     {"replay": Path("x")}, {"hosts": None}],
)  # fmt: skip
def test_nothing_on_the_command_line_widens_what_the_inventory_lists(night: Scene, given: dict) -> None:
    with pytest.raises(UsageError, match="--nightly"):
        repair_nightly(night.call(**{"only": (), **given}))
    assert night.paper.read_text() == "old\n"


def test_without_repairs_in_the_inventory_nothing_is_done(night: Scene) -> None:
    night.write()
    assert repaired(night) == Exit.USAGE
    assert night.paper.read_text() == "old\n"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{nightly: [papers.say_what_is_wnted]}", 'did you mean "papers.say_what_is_wanted"'),
        ('{nightly: ["*"]}', "names rules of every topic"),
        ('{nightly: ["[a-z]*.*"]}', "names rules of every topic"),
        ("{nightly: []}", "repairs"),
        ("{nightly: [papers.say_what_is_wanted], max_changes: 0}", "repairs.max_changes"),
    ],
)
def test_a_mistake_in_repairs_is_told_with_its_line(night: Scene, written: str, message: str) -> None:
    night.write(f"repairs: {written}")
    with pytest.raises(UsageError) as refused:
        load_inventory(night.folder / "world.yml")
    assert "world.yml:8" in str(refused.value)
    assert message in str(refused.value)
    assert str(refused.value).count("world.yml:8") == 1


def test_a_rule_that_nothing_mends_is_told_and_the_others_are_mended(
    night: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    night.write(LISTED.replace("wanted]", "wanted, services.are_running]"))
    assert repaired(night) == Exit.NOTHING_LEFT
    assert "repairs.nightly: services.are_running has no remedy" in capsys.readouterr().err
    assert night.paper.read_text() == "new\n"


def test_a_night_that_was_killed_that_failed_or_that_never_came_is_told(tmp_path: Path) -> None:
    file, now = tmp_path / "repairs.json", datetime.now(UTC)
    [line] = repair_lines(recall_repairs(file), "", now)
    assert "no nightly repairs have been made" in line
    remember_repairs(file, NightRepairs(now.isoformat()))
    [line] = repair_lines(recall_repairs(file), "", now)
    assert "never came to their end" in line
    [line] = repair_lines(NightRepairs((now - timedelta(days=3)).isoformat(), now.isoformat()), "", now)
    assert line.startswith("no nightly repairs since ")
    [line] = repair_lines(NightRepairs(now.isoformat(), now.isoformat(), why="a disk\nis full"), "", now)
    assert line == "last night's repairs were not made: a disk\\nis full"
    file.write_text("{}")
    assert recall_repairs(file) is None


def test_a_call_is_not_nightly_unless_it_says_so() -> None:
    assert Call().nightly is False
