"""One environment: its nodes, and the policy they must satisfy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.json_schema import SkipJsonSchema

from fleetkeeper.errors import UsageError, quoted
from fleetkeeper.inventory.fields import Name, PathName, Words
from fleetkeeper.inventory.problems import InventoryError, Problem, show, translated, without
from fleetkeeper.inventory.schema import Nodes, Section, Services, Strict, Waiver
from fleetkeeper.inventory.search import available, find
from fleetkeeper.inventory.secret_scan import HINT, leaks, whispered
from fleetkeeper.inventory.strict_yaml import LARGEST, Document, YamlError, read
from fleetkeeper.reports.heartbeat import Beat
from fleetkeeper.topics import registry
from fleetkeeper.topics.backups.policy import Policy as Backups
from fleetkeeper.topics.certificates.policy import Policy as Certificates
from fleetkeeper.topics.custom_topics import bring_in
from fleetkeeper.topics.nodes import Clock
from fleetkeeper.topics.protocol import Topic

__all__ = ["Inventory", "InventoryError", "available", "find", "json_schema", "load"]

ROLES = {
    "manager": "a manager of the swarm",
    "worker": "a worker of the swarm",
    "web": "answers requests from outside",
    "storage": "holds data that other nodes use",
    "database": "holds the database",
    "gpu": "has a graphics card that jobs need",
}
FILLED_IN = ("name", "path", "own", "modules", "quick", "state")
OPTIONAL = '`{none: "why"}`'


class Inventory(Strict):
    """One inventory file. `name` is the file's stem, `path` where it was read from.

    `modules` are the team's own topics by name, `own` their sections, parsed (their `Policy`, or Without).
    `quick` (the audit's --quick) asks topics to leave out what takes long, and to say so. `state` is the directory of
    --state, where they may remember what they proved; empty: the usual one.
    """

    name: SkipJsonSchema[str] = ""
    path: SkipJsonSchema[str] = ""
    modules: SkipJsonSchema[dict[str, Any]] = Field(default_factory=dict, exclude=True)
    own: SkipJsonSchema[dict[str, Any]] = Field(default_factory=dict, exclude=True)
    quick: SkipJsonSchema[bool] = Field(default=False, exclude=True)
    state: SkipJsonSchema[str] = Field(default="", exclude=True)

    nodes: Nodes = Field(description="The machines, by the names that people call them.")
    services: Section[Services] = Field(description="What runs in containers, by the names used below; or `none: why`.")
    backups: Section[Backups] = Field(description="Who dumps the database, when and where to; or `none: why`.")
    certificates: Section[Certificates] = Field(
        description="The names that are served with TLS, and where; or `none: why`."
    )
    waivers: tuple[Waiver, ...] = Field(default=(), description="Findings that are accepted for a while.")
    clock: Clock = Field(default=Clock(), description="How far the clocks of nodes may be off.")
    heartbeat: Beat | None = Field(
        default=None, description="Who is told that the audit ran, so that silence is noticed: see docs/nightly.md."
    )
    known_hosts: PathName | None = Field(
        default=None,
        description="Host keys, besides the user's own; default: the file `known_hosts` beside this one, if there.",
    )
    ca: PathName | None = Field(
        default=None, description="PEM file of certificate authorities to trust besides the system's."
    )
    roles: dict[Name, Words] = Field(
        default_factory=dict,
        description=f"Words for what nodes are for, besides {', '.join(ROLES)}; each with its meaning.",
    )
    topics: tuple[PathName, ...] = Field(
        default=(), description="Python files of a team's own topics; their code is run by the audit."
    )


def load(path: Path, text: str | bytes | None = None) -> Inventory:
    """Read and check an inventory; `text`, when given, stands for the content of the file.

    Raises InventoryError with everything that is wrong, at its line.
    """
    content = text.encode() if isinstance(text, str) else content_of(path) if text is None else text
    try:
        document = read(content)
    except YamlError as odd:
        raise InventoryError([Problem(shortest(path), odd.line, "", odd.what, odd.hint)]) from None
    loading = Loading(path, document)
    loading.listen(content.decode("utf-8-sig"))
    inventory = loading.inventory()
    if loading.problems or inventory is None:
        raise InventoryError(without(loading.secrets, problem) for problem in loading.problems)
    return inventory


def content_of(path: Path) -> bytes:
    """The bytes of a file, and one more than is allowed when there are too many."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as why:
        raise InventoryError([Problem(shortest(path), 1, "", f"cannot be read: {why.strerror}")]) from None


class Loading:
    """One reading of one file, collecting what is wrong with it."""

    def __init__(self, path: Path, document: Document) -> None:
        self.path = path
        self.file = shortest(path)
        self.document = document
        self.data: dict[str, Any] = document.data if isinstance(document.data, dict) else {}
        self.problems: list[Problem] = []
        self.secrets: list[str] = []
        self.modules: dict[str, Topic] = {}

    def problem(self, place: tuple[str | int, ...], what: str, hint: str = "") -> None:
        self.problems.append(Problem(self.file, self.document.line(place), show(place), what, hint))

    def inventory(self) -> Inventory | None:
        """The inventory, when nothing is wrong with its own sections."""
        if not self.data:
            self.problem((), "there is no inventory in it", "it begins with `nodes:`, see docs/inventory.md")
            return None
        self.look_over()
        self.bring_in_topics()
        context = self.context()
        sections = {name: value for name, value in self.data.items() if name in self.modules}
        rest = {name: value for name, value in self.data.items() if name not in (*sections, *FILLED_IN)}
        inventory: Inventory | None = self.validated(Inventory, rest, context)
        own = {name: self.own_section(topic, context) for name, topic in self.modules.items()}
        if inventory is None:
            return None
        told = {"name": self.path.stem, "path": str(self.path.absolute()), "modules": self.modules, "own": own}
        return inventory.model_copy(update=told)

    def look_over(self) -> None:
        """What no model can see: keys that stand twice, keys that we fill in, secrets, jumps in a circle."""
        for place, odd in self.document.twice:
            self.problems.append(Problem(self.file, odd.line, show(place), odd.what, odd.hint))
        for name in FILLED_IN:
            if name in self.data:
                self.problem((name,), "unknown key", f"the {name} is not written in the file")
        for place, secret in leaks(self.data):
            self.secrets.append(secret)
            self.problem(place, "this looks like a secret (not shown here)", HINT)
        for name, other in twins(section(self.data, "nodes")):
            self.problem(("nodes", name), f"this is the same machine as {quoted(other)}", "one node for each machine")
        for circle in circles(section(self.data, "nodes")):
            self.problem(("nodes", circle[0], "jump"), f"the jumps go in a circle: {' → '.join(circle)}")

    def listen(self, text: str) -> None:
        """Find secrets in comments, where no secret was found in the data of the same line."""
        lines = {self.document.line(place) for place, _ in leaks(self.data)}
        for line, secret in whispered(text):
            self.secrets.append(secret)
            if line not in lines:
                what = "this comment holds what looks like a secret (not shown here)"
                self.problems.append(Problem(self.file, line, "", what, HINT))

    def bring_in_topics(self) -> None:
        """Import the team's own topics, each under a name of its own."""
        taken = {*Inventory.model_fields, *registry.TOPICS}
        listed = self.data.get("topics")
        for place, written in enumerate(listed if isinstance(listed, list) else []):
            try:
                topic = bring_in(self.path.parent.joinpath(Path(str(written)).expanduser()).absolute())
            except UsageError as odd:
                self.problem(("topics", place), odd.message, odd.hint)
                continue
            if topic.name in taken:
                self.problem(("topics", place), f"{quoted(topic.name)} is taken", "give the file another name")
                continue
            taken.add(topic.name)
            self.modules[topic.name] = topic

    def context(self) -> dict[str, Any]:
        """The names that references are held against."""
        own = [rule.id for topic in self.modules.values() for rule in topic.rules]
        return {
            "base": self.path.parent.absolute(),
            "nodes": frozenset(section(self.data, "nodes")),
            "services": frozenset(section(self.data, "services")) - {"none"},
            "roles": frozenset((*ROLES, *section(self.data, "roles"))),
            "rules": frozenset((*registry.RULES, *own)),
        }

    def own_section(self, topic: Topic, context: dict[str, Any]) -> Any:
        """The section of a team's own topic: its policy, Without, or None where there is none."""
        name = topic.name
        if name in self.data:
            if topic.policy is None:
                self.problem((name,), "this topic has no section", f"{name}.py has no policy")
                return None
            model: Any = Section
            return self.validated(model[topic.policy], self.data[name], context, (name,))
        if topic.policy is not None and topic.required:
            self.problem((name,), "missing", f"write the section that {name}.py asks for, or `{name}: {OPTIONAL}`")
        return None

    def validated(self, model: Any, data: Any, context: dict[str, Any], above: tuple[str, ...] = ()) -> Any:
        """The model of some data, or None. By way of JSON, where a list is a tuple and nothing else is coerced."""
        try:
            return TypeAdapter(model).validate_json(json.dumps(data), strict=True, context=context)
        except ValidationError as odd:
            self.problems.extend(translated(odd, model, self.document, self.file, above))
            return None


def shortest(path: Path) -> str:
    """A path as it is shown: as seen from the current folder when it is below it."""
    whole = path.absolute()
    return str(whole.relative_to(Path.cwd())) if whole.is_relative_to(Path.cwd()) else str(whole)


def section(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A section as it was written, when it is one."""
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def twins(nodes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Nodes that lead to the machine of an earlier node, and that node: what is there would be counted twice."""
    first: dict[tuple[str, ...], str] = {}
    for name, node in nodes.items():
        if isinstance(node, dict):
            way = tuple(str(node.get(key)) for key in ("connection", "address", "port", "jump"))
            if first.setdefault(way, name) != name:
                yield name, first[way]


def circles(nodes: Mapping[str, Any]) -> Iterator[list[str]]:
    """Each circle of jumps once, beginning and ending with the first of its nodes."""
    jumps = {name: node.get("jump") for name, node in nodes.items() if isinstance(node, dict)}
    told: set[str] = set()
    for start in jumps:
        way = [start]
        while isinstance(there := jumps.get(way[-1]), str) and there in jumps and there not in way:
            way.append(there)
        if jumps[way[-1]] == start and not told & set(way):
            told |= set(way)
            yield [*way, start]


def json_schema() -> dict[str, Any]:
    """The JSON schema of an inventory, for editors that complete and check YAML by one."""
    return Inventory.model_json_schema()
