"""The shape of the project: which way imports point, and that every rule has its check, remedy and page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from inspect import getsource
from pathlib import Path
from types import ModuleType

import pytest

from fleetkeeper.topics.registry import RULES, TOPICS
from tests.pure.project.names import syntax_nodes, syntax_tree

ROOT = Path(__file__).parents[3]
WRITING = "fleetkeeper.transport.writing"
FORBIDDEN = {
    "fleetkeeper": ("remediate", "checks", "lab", "tests"),
    "checks": ("remediate", "lab", "tests"),
    "remediate": ("checks", "lab", "tests"),
    "lab": ("fleetkeeper", "remediate", "checks", "tests"),
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path, *, at_run_time: bool = False) -> Iterator[str]:
    """The modules that a file imports; `at_run_time` leaves out what only a type checker sees."""
    nodes = syntax_nodes(syntax_tree(path))
    unseen = {id(node) for block in nodes if at_run_time and for_types(block) for node in ast.walk(block)}
    for node in nodes:
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_from_checks_and_remediate_to_fleet_only(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(package)
        for name in imports(path)
        if name.partition(".")[0] in FORBIDDEN[package]
    ]
    assert wrong == []


def test_only_apply_imports_the_writing_link() -> None:
    users = [
        str(path.relative_to(ROOT))
        for package in ("fleetkeeper", "checks", "remediate")
        for path in modules(package)
        if WRITING in imports(path, at_run_time=True) and not path.is_relative_to(ROOT / "fleetkeeper" / "transport")
    ]
    assert users == ["remediate/apply.py"]


FLOORS = {
    0: ("errors", "untrusted", "imports", "state", "versions"),
    1: ("inventory", "transport", "readers"),
    2: ("looking",),
    3: ("judging",),
    4: ("topics",),
}
"""From the ground up: a module imports from its own floor and those below. What is not named here stands above."""


def arrows() -> dict[str, set[str]]:
    """Every module of fleetkeeper and remediate, and which of them it imports, for types too."""
    paths = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for package in ("fleetkeeper", "remediate")
        for path in modules(package)
    }
    return {name: {other for other in imports(path) if other in paths} - {name} for name, path in paths.items()}


def without_packages(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """`from package import module` needs the module: an arrow to a package counts when nothing below it is meant."""
    return {
        name: {other for other in others if not any(inner.startswith(f"{other}.") for inner in others)}
        for name, others in graph.items()
    }


def test_arrows_inside_fleetkeeper_point_downhill() -> None:
    floors = {f"fleetkeeper.{name}": floor for floor, names in FLOORS.items() for name in names}
    floor_of = {name: floors.get(".".join(name.split(".")[:2]), 5) for name in arrows()}
    uphill = [
        f"{name} imports {other}"
        for name, others in arrows().items()
        for other in others
        if name.startswith("fleetkeeper.") and other.startswith("fleetkeeper.") and floor_of[name] < floor_of[other]
    ]
    assert uphill == []


NEEDED_TOPICS = {
    ("backups", "schedules"): "what else removes dumps is something that is scheduled",
    ("backups", "nodes"): "the age of a dump is counted on its node's own clock",
    (
        "backups",
        "containers",
    ): "a database that nobody wrote down runs in some container, and what it keeps in its mounts",
    ("backups", "services"): "a job that the swarm starts by the clock is known by its service, and so is a share",
    ("containers", "services"): "a port that the swarm publishes, and what it starts again, is said by the service",
    ("benchmark", "containers"): "the services of a stack file are judged as the containers that they would be",
    ("benchmark", "images"): "the names of images in a file are judged as those of images that run",
    ("benchmark", "services"): "the containers of a file stand on a node that is in no swarm",
    ("certificates", "containers"): "what serves a name is a container",
    ("certificates", "services"): "why what serves a name does not run is said by the swarm's managers",
    ("certificates", "nodes"): "whether a certificate has ended is read on the node's own clock",
    ("engine", "containers"): "an image is unused, and a container left over, by what the containers of a node are",
    ("gpus", "backups"): "what a check saw is written down as a drill of a backup is",
    ("gpus", "containers"): "a GPU is reached by the containers of a service",
    ("gpus", "engine"): "what the engine says of itself says how containers get devices",
    ("gpus", "services"): "labels, constraints and resources are what managers list",
    ("queues", "containers"): "the broker, and who consumes from it, are containers of declared services",
    ("queues", "services"): "why a broker or a worker does not run is said by the swarm's managers",
    ("errors", "containers"): "what reports errors is a container of a service",
    ("images", "containers"): "an image is judged where a container uses it",
    (
        "schedules",
        "backups",
    ): "what is scheduled, and what it leaves, is said by the policy of the backups",
    ("schedules", "containers"): "an entry is right when it finds the one container of its service",
    ("schedules", "nodes"): "what is due is counted on the node's own clock",
    ("schedules", "services"): "why a service does not run, so that nothing can be backed up, is said by its managers",
    ("services", "backups"): "the database that kept its data is the one that backups are made of",
    ("services", "containers"): "a service runs when its containers do",
    ("swarm", "engine"): "what the engine says of itself says how its swarm is set up",
    ("swarm", "services"): "members and services are what managers list",
    ("volumes", "backups"): "a volume is full when the next dumps no longer fit",
    ("volumes", "nodes"): "a forecast begins at the node's own clock",
}
"""Which topic needs which other, and why. What two topics read alike belongs to `readers/`, not to one of them."""
LOOKING = ("observe", "parse")
NEEDED_LOOKS = {
    "benchmark.files.inspected_services": "containers.parse",
    "errors.observe": "containers.parse",
    "images.observe": "containers.parse",
    "gpus.observe": "engine.observe",
    "gpus.resources": "services.observe",
    "queues.observe": "containers.parse",
    "swarm.observe": "engine.observe",
    "swarm.parse": "services.parse",
    "certificates.observe": "containers.parse",
    "backups.coverage.observe": "containers.parse",
    "certificates.listening.observe": "containers.parse",
}
"""Who reads another's answers: ports and mounts of containers are known before they can be asked, in the same look."""


def topic_module(name: str) -> tuple[str, str]:
    """The topic that a module belongs to, and its name from there; empty for any other module."""
    inner = name.removeprefix("fleetkeeper.topics.")
    topic, _, rest = inner.partition(".")
    return (topic, rest) if inner != name and topic in TOPICS else ("", "")


def test_a_topic_needs_another_for_a_reason_and_reads_nothing_with_its_parsers() -> None:
    pairs, looks = set(), {}
    for name, others in without_packages(arrows()).items():
        topic, module = topic_module(name)
        for other, part in map(topic_module, sorted(others)):
            if topic and other and topic != other:
                pairs.add((topic, other))
                if part.startswith(LOOKING):
                    looks[f"{topic}.{module}"] = f"{other}.{part}"
    assert pairs == set(NEEDED_TOPICS)
    assert looks == NEEDED_LOOKS


def test_no_module_needs_itself_by_way_of_others() -> None:
    """For types neither: a circle is one thing in several files, and nobody can read a part of it alone."""
    graph = without_packages(arrows())
    while leaves := {name for name, others in graph.items() if not others}:
        graph = {name: others - leaves for name, others in graph.items() if name not in leaves}
    left = set(graph)
    while unneeded := left - {other for name in left for other in graph[name]}:
        left -= unneeded
    assert sorted(left) == []


def checks() -> set[str]:
    """The names of the tests in checks/, as the rules that they are called after."""
    return {
        f"{path.stem.removeprefix('test_')}.{node.name.removeprefix('test_')}"
        for path in modules("checks")
        for node in syntax_tree(path).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_rule_has_one_check_and_every_check_a_rule() -> None:
    assert checks() == set(RULES)


def test_every_remedy_answers_a_rule_and_a_rule_without_one_says_why_a_person_must_act() -> None:
    from remediate.remedies import REMEDIES

    assert set(REMEDIES) <= set(RULES)
    silent = [name for name, rule in RULES.items() if name not in REMEDIES and not rule.person]
    both = [name for name, rule in RULES.items() if name in REMEDIES and rule.person]
    assert (silent, both) == ([], [])


def test_each_topic_names_the_rules_that_a_remedy_answers() -> None:
    from remediate.remedies import REMEDIES

    for name, topic in TOPICS.items():
        assert set(topic.remedies) == {rule for rule in REMEDIES if rule.startswith(f"{name}.")}


JUDGED_BY_THE_INVENTORY = {"benchmark"}
"""Topics that look at nothing: what they judge stands in the inventory."""


def test_a_topic_has_one_name_wherever_it_appears() -> None:
    for name, topic in TOPICS.items():
        assert topic.name == name
        assert name in {observer.name for observer in topic.observers} or name in JUDGED_BY_THE_INVENTORY
        assert all(rule.topic == name for rule in topic.rules)


PARTS = ("facts", "observe", "parse", "rules")
"""The parts of every topic, each a module, or a folder, of that name; `policy` too, where it has a section."""
SHORT = 20
"""A part under so many lines may share the file of another."""


def code_of(part: object) -> tuple[str, int]:
    """The module that defines a class or function, and how many lines that takes."""
    return str(getattr(part, "__module__", "")), len(getsource(part).splitlines())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in TOPICS if name not in JUDGED_BY_THE_INVENTORY])
def test_every_topic_has_the_same_parts_under_the_same_names(name: str) -> None:
    topic, package = TOPICS[name], f"fleetkeeper.topics.{name}"
    facts, observe = next((each.facts, each.observe) for each in topic.observers if each.facts.topic == name)
    expected = {"facts": facts, "observe": observe, **({"policy": topic.policy} if topic.policy else {})}
    for part, code in expected.items():
        module, lines = code_of(code)
        assert module == f"{package}.{part}" or lines < SHORT, f"{module} holds the {part} of {name}"
    assert all(rule.judge.__module__.startswith(f"{package}.rules") for rule in topic.rules)
    folder = ROOT / "fleetkeeper" / "topics" / name
    shared = [part for part in PARTS if not (folder / f"{part}.py").exists() and not (folder / part).is_dir()]
    beside = {
        node.name.lower(): node
        for node in ast.parse((folder / "observe.py").read_text()).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    assert [part for part in shared if part not in beside] == [], f"{name} lacks a part"
    assert all((beside[part].end_lineno or 0) - beside[part].lineno < SHORT for part in shared)


def test_a_topic_s_package_holds_its_topic_and_no_name_that_hides_a_module() -> None:
    for init in sorted((ROOT / "fleetkeeper" / "topics").rglob("__init__.py")):
        package = ".".join(init.parent.relative_to(ROOT).parts)
        beside = {path.stem for path in init.parent.iterdir()} - {"__init__", "__pycache__", "scripts"}
        here = vars(import_module(package))
        hidden = [name for name in beside & set(here) if not isinstance(here[name], ModuleType)]
        assert hidden == [], package
        if init.parent.parent == ROOT / "fleetkeeper" / "topics":
            assigned = [node for node in ast.parse(init.read_text()).body if not isinstance(node, ast.ImportFrom)]
            assert [type(node).__name__ for node in assigned] == ["Expr", "Assign"], f"{package} holds more than TOPIC"


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_every_rule_states_its_promise_in_one_sentence_and_explains_itself(rule) -> None:
    assert rule.promise.endswith(".")
    assert len(rule.promise) <= 140
    assert len(rule.explanation) >= 40


def functions() -> Iterator[tuple[str, int]]:
    for package in ("fleetkeeper", "remediate", "checks", "lab"):
        for path in modules(package):
            for node in syntax_nodes(syntax_tree(path)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", lines


def test_functions_stay_small() -> None:
    sizes = dict(functions())
    ordered = sorted(sizes.values())
    assert [name for name, lines in sizes.items() if lines > 60] == []
    assert ordered[len(ordered) // 2] <= 10
    assert ordered[len(ordered) * 9 // 10] <= 30


def test_modules_stay_readable_in_one_sitting() -> None:
    long = [
        str(path.relative_to(ROOT))
        for package in ("fleetkeeper", "remediate", "checks", "lab")
        for path in modules(package)
        if path.read_text().count("\n") > 350
    ]
    assert long == []


def private_names(path: Path) -> Iterator[str]:
    """Names with one leading underscore that a file reads, overrides or imports, with the line of each."""
    for node in syntax_nodes(syntax_tree(path)):
        names: list[str] = []
        if isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.ClassDef):
            assigned = [
                target for each in node.body for target in getattr(each, "targets", [getattr(each, "target", None)])
            ]
            names = [target.id for target in assigned if isinstance(target, ast.Name)]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [node.name]
        elif isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
        yield from (
            f"{path.relative_to(ROOT)}:{node.lineno} {name}"
            for name in names
            if name.startswith("_") and len(name) > 1 and not name.startswith("__") and name not in DOCUMENTED
        )


DOCUMENTED = {"_asdict", "_fields", "_make", "_replace"}
"""Public in spite of the underscore: methods of named tuples, which must not meet the names of their fields."""


@pytest.mark.parametrize("package", ["fleetkeeper", "checks", "remediate"])
def test_no_private_name_of_a_library_is_used(package: str) -> None:
    """We have no private names of our own, so any is somebody else's, who may change it in any release."""
    assert [name for path in modules(package) for name in private_names(path)] == []


def test_every_check_is_called_like_the_rule_that_it_names() -> None:
    for path in modules("checks"):
        module = import_module(f"checks.{path.stem}")
        for name, check in vars(module).items():
            if name.startswith("test_"):
                [marker] = check.pytestmark
                assert f"test_{marker.args[0].__name__}" == name


def drawn_arrows() -> dict[str, set[str]]:
    """The parts of the code and what each imports, as CONTRIBUTING draws it."""
    rows = re.findall(r"^(\w+(?:, \w+)*) +→ (\w+)  ", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    return {to: set(of.split(", ")) for of, to in rows}


def test_contributing_draws_what_each_part_really_imports() -> None:
    drawn = drawn_arrows()
    parts = {"inventory", "transport", "readers", *drawn}
    assert len(drawn) == 6
    real: dict[str, set[str]] = {part: set() for part in parts}
    for name, others in without_packages(arrows()).items():
        ends = [other.split(".")[1] for other in (name, *others) if other.startswith("fleetkeeper.")]
        if name.startswith("fleetkeeper.") and ends[0] in parts:
            real[ends[0]] |= {end for end in ends[1:] if end in parts} - {ends[0]}
    assert {part: real[part] for part in drawn} == drawn
    ground = parts - drawn.keys()
    assert all(real[part] <= ground for part in ground)


ADDED_WITH_A_LINE = ("fleetkeeper/topics/registry.py", "lab/faults/__init__.py", "inventories/lab.yml")
ADDED_WITH_WORDS = ("docs/runbook.md", "docs/cases.md", "CHANGELOG.md")


def test_contributing_lists_the_files_of_a_topic() -> None:
    """At most eight: whoever adds one must not have to search for more."""
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("How to add a topic\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^- `([^`]+)`", section, re.MULTILINE)
    folders = ("fleetkeeper", "remediate", "checks", "lab", "tests")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    of_mail = {str(path.relative_to(ROOT)) for path in found if {"mail", "mail.py", "test_mail.py"} & set(path.parts)}
    assert set(listed) == {name for name in of_mail if "__pycache__" not in name}
    assert len(listed) <= 8
    for name in (*ADDED_WITH_A_LINE, *ADDED_WITH_WORDS):
        assert f"`{name}`" in section
        assert "mail" in (ROOT / name).read_text()
