"""A team's own topics: brought in from beside the inventory, with a section of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.load import Inventory, InventoryError
from fleetkeeper.inventory.problems import InventoryProblem
from fleetkeeper.topics.registry import load_inventory

NTP = '''
from dataclasses import dataclass
from typing import ClassVar

from fleetkeeper.inventory.fields import NodeName
from fleetkeeper.judging.rule import Rule, each_node
from fleetkeeper.inventory.schema import Strict
from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.protocol import Topic


class Policy(Strict):
    server: str
    node: NodeName


@dataclass(frozen=True)
class Facts:
    topic: ClassVar[str] = "ntp"


def observe(node, inventory):
    yield []
    return Facts()


def is_in_step(fleet, subject):
    """The clock follows a time server."""
    yield from ()


TOPIC = Topic(
    "ntp",
    observers=(Observer(Facts, observe),),
    rules=(Rule(topic="ntp", judge=is_in_step, each=each_node, looks_at=(Facts,)),),
    policy=Policy,
    required=True,
)
'''
INVENTORY = """\
nodes: {web: {address: 192.0.2.1}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
topics: [./our/ntp.py]
"""
SECTION = "ntp: {server: time.example.org, node: web}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "our").mkdir()
    (tmp_path / "our" / "ntp.py").write_text(NTP)
    return tmp_path


def bring(folder: Path, text: str) -> Inventory:
    return load_inventory(folder / "team.yml", text)


def problem(folder: Path, text: str) -> InventoryProblem:
    with pytest.raises(InventoryError) as wrong:
        bring(folder, text)
    [only] = wrong.value.problems
    return only


def test_a_topic_beside_the_inventory_has_a_section_and_rules(folder: Path) -> None:
    inventory = bring(folder, INVENTORY + SECTION)
    assert inventory.section(inventory.custom_topics["ntp"].policy).server == "time.example.org"
    assert [rule.id for rule in inventory.custom_topics["ntp"].rules] == ["ntp.is_in_step"]


def test_its_section_may_say_why_it_is_left_out(folder: Path) -> None:
    inventory = bring(folder, INVENTORY + "ntp: {none: the hypervisor does it}\n")
    with pytest.raises(NotApplicable, match="the hypervisor does it"):
        inventory.section(inventory.custom_topics["ntp"].policy)


def test_its_section_is_held_against_its_own_policy_at_its_line(folder: Path) -> None:
    wrong = problem(folder, INVENTORY + "ntp:\n  server: 1\n  node: web\n")
    assert (wrong.line, wrong.path) == (7, "ntp.server")


def test_its_references_are_held_against_the_inventory(folder: Path) -> None:
    assert 'did you mean "web"?' in problem(folder, INVENTORY + SECTION.replace("web", "wep")).hint


def test_its_section_cannot_be_forgotten(folder: Path) -> None:
    assert problem(folder, INVENTORY).what == "missing"


def test_its_section_may_be_left_out_when_it_says_so(folder: Path) -> None:
    (folder / "our" / "ntp.py").write_text(NTP.replace("    required=True,\n", ""))
    inventory = bring(folder, INVENTORY)
    with pytest.raises(NotApplicable, match=r"`ntp` is not in the inventory; write it into .*team\.yml, or"):
        inventory.section(inventory.custom_topics["ntp"].policy)


def test_its_rules_can_be_waived(folder: Path) -> None:
    waiver = "waivers: [{rule: ntp.is_in_step, until: 2027-01-31, owner: me, because: new clock}]\n"
    assert bring(folder, INVENTORY + SECTION + waiver).waivers[0].rule == "ntp.is_in_step"


def test_a_changed_file_is_read_again(folder: Path) -> None:
    first = bring(folder, INVENTORY + SECTION).custom_topics["ntp"]
    assert bring(folder, INVENTORY + SECTION).custom_topics["ntp"] is first
    (folder / "our" / "ntp.py").write_text(NTP.replace("is_in_step", "keeps_time") + "# changed\n")
    assert bring(folder, INVENTORY + SECTION).custom_topics["ntp"].rules[0].name == "keeps_time"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nothing_of_that_name", "does not import: ModuleNotFoundError"),
        ("1 +", "does not import: SyntaxError"),
        ("RULES = ()", "the file has no TOPIC"),
        (NTP.replace('"ntp",\n    observers', '"time",\n    observers'), 'its topic is called "time"'),
        (NTP.replace('topic="ntp"', 'topic="time"'), "its rules are called time.is_in_step"),
    ],
)
def test_what_is_not_shaped_like_a_topic_is_told_at_its_line(folder: Path, code: str, said: str) -> None:
    (folder / "our" / "ntp.py").write_text(code)
    wrong = problem(folder, INVENTORY)
    assert (wrong.line, wrong.path) == (5, "topics[0]")
    assert said in wrong.what


@pytest.mark.parametrize("name", ["./our/nope.py", "./our", "./our/ntp", "our/ntp.txt"])
def test_a_file_that_is_no_topic_is_told(folder: Path, name: str) -> None:
    assert problem(folder, INVENTORY.replace("./our/ntp.py", name)).path == "topics[0]"


@pytest.mark.parametrize("name", ["backups", "nodes", "waivers"])
def test_a_name_that_is_ours_is_taken(folder: Path, name: str) -> None:
    (folder / "our" / f"{name}.py").write_text(NTP.replace('"ntp"', f'"{name}"'))
    assert "is taken" in problem(folder, INVENTORY.replace("ntp", name)).what
