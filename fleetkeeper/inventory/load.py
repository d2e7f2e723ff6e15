"""The inventory of one environment (its nodes, and the policy that they must satisfy), and its loading from a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, create_model
from pydantic.json_schema import SkipJsonSchema

from fleetkeeper.errors import UsageError, quoted
from fleetkeeper.inventory.benchmark_ids import LATEST
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.inventory.fields import Name, PathName, RuleGlob, Words
from fleetkeeper.inventory.file_bytes import content_of, shortest_path
from fleetkeeper.inventory.github_policy import GitHubRepository
from fleetkeeper.inventory.heartbeat import Beat
from fleetkeeper.inventory.mail_policy import MailDigest
from fleetkeeper.inventory.node_routes import circles_of_jumps, nodes_on_one_machine, raw_section
from fleetkeeper.inventory.owners import OwnerRules, People
from fleetkeeper.inventory.problems import InventoryError, InventoryProblem, mask_secrets, show, translate_errors
from fleetkeeper.inventory.repairs import Repairs
from fleetkeeper.inventory.schema import (
    Clock,
    Nodes,
    NotBackedUp,
    Section,
    Services,
    Strict,
    Undecided,
    Unwritten,
    Waiver,
    Without,
    require_policy,
)
from fleetkeeper.inventory.search import available_inventories, find_inventory
from fleetkeeper.inventory.secret_scan import HINT, find_leaks, secrets_in_comments
from fleetkeeper.inventory.sentry_policy import Project
from fleetkeeper.inventory.strict_yaml import Document, YamlError, read_document
from fleetkeeper.inventory.topic_section import TopicSection

__all__ = ["Inventory", "InventoryError", "available_inventories", "find_inventory", "load"]

ROLES = {
    "manager": "a manager of the swarm",
    "worker": "a worker of the swarm",
    "web": "answers requests from outside",
    "storage": "holds data that other nodes use",
    "database": "holds the database",
    "gpu": "has a graphics card that jobs need",
}
FILLED_IN = ("name", "path", "custom_topics", "sections", "quick", "state")
NOT_ASKED = Without(none="not asked for")
NO_BENCHMARK = Unwritten(
    none="not asked for: `benchmark` is not in the inventory (docs/benchmark.md); `fleetkeeper cis` judges by it anyway"
)
P = TypeVar("P")


def remove_default(schema: dict[str, Any]) -> None:
    """Remove the default from a JSON schema: one that says why a section is missing is nothing to write."""
    schema.pop("default", None)


class Inventory(Strict, defer_build=True):
    """One inventory file. `name` is the file's stem, `path` where it was read from.

    `custom_topics` are the team's own topics by name. `sections` are the sections of all topics by the type of their
    policy: see `section`. `quick` (the audit's --quick) asks topics to leave out what takes long, and to say so.
    `state` is the directory of --state, where they may remember what they proved; empty: the usual one.
    """

    name: SkipJsonSchema[str] = ""
    path: SkipJsonSchema[str] = ""
    custom_topics: SkipJsonSchema[dict[str, Any]] = Field(default_factory=dict, exclude=True)
    sections: SkipJsonSchema[dict[Any, Any]] = Field(default_factory=dict, exclude=True)
    quick: SkipJsonSchema[bool] = Field(default=False, exclude=True)
    state: SkipJsonSchema[str] = Field(default="", exclude=True)

    nodes: Nodes = Field(description="The machines, by the names that people call them.")
    services: Section[Services] = Field(description="What runs in containers, by the names used below; or `none: why`.")
    waivers: tuple[Waiver, ...] = Field(default=(), description="Findings that are accepted for a while.")
    not_backed_up: tuple[NotBackedUp, ...] = Field(
        default=(), description="Databases and volumes that `backups` does not cover, each with the reason and an end."
    )
    enforce: tuple[RuleGlob, ...] = Field(
        default=(),
        description="Rules (ids or globs) whose warnings count as errors; other warnings fail no audit and no repair.",
    )
    benchmark: Section[Benchmark] = Field(
        default=NO_BENCHMARK,
        description="Asked of the CIS Docker Benchmark (docs/benchmark.md), or `none: why`; without it, nothing.",
        json_schema_extra=remove_default,
    )
    repairs: Repairs | None = Field(
        default=None, description="What `remediate --nightly` may do while nobody watches: see docs/nightly.md."
    )
    people: People = Field(default_factory=dict, description="Who mends what is found: people and teams, by name.")
    owners: OwnerRules = Field(
        default=(), description="Who owns which findings: the first rule that matches decides, the last matches all."
    )
    clock: Clock = Field(default=Clock(), description="How far the clocks of nodes may be off.")
    heartbeat: Beat | None = Field(
        default=None, description="Who is notified that the audit ran, so that silence is noticed: see docs/nightly.md."
    )
    sentry: Project | None = Field(
        default=None, description="The project of Sentry in which open findings are issues: see docs/owners.md."
    )
    github: GitHubRepository | None = Field(
        default=None, description="The private repository in which open findings are issues: see docs/owners.md."
    )
    mail_digest: MailDigest | None = Field(
        default=None, description="Who gets one mail a night about what changed: see docs/owners.md."
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

    @property
    def edition(self) -> str:
        """The edition of the CIS Docker Benchmark whose numbers are meant where none is written."""
        return self.benchmark.edition if isinstance(self.benchmark, Benchmark) else LATEST

    @property
    def wanted_benchmark(self) -> Benchmark:
        """What `fleetkeeper cis` judges by: the section, or its defaults where the inventory has none.

        Raises UsageError where the inventory does without it, or has yet to decide.
        """
        if isinstance(self.benchmark, Benchmark):
            return self.benchmark
        if isinstance(self.benchmark, Unwritten):
            return Benchmark()
        if isinstance(self.benchmark, Undecided):
            raise UsageError(f"`benchmark` of {self.name} is undecided: {self.benchmark.undecided}")
        raise UsageError(f"{self.name} does without the benchmark: {self.benchmark.none}")

    @property
    def enforced(self) -> tuple[str, ...]:
        """Globs over rules, and over ids of the benchmark as `cis:1.8:5.26`, whose warnings count as errors."""
        numbers = self.benchmark.enforced if isinstance(self.benchmark, Benchmark) else ()
        return (*self.enforce, *numbers)

    def section(self, policy: type[P]) -> P:
        """The policy of a topic, found by its type.

        Raises NotApplicable with the inventory's own reason where it says `none: why`, and where the section has not
        been written yet; SectionUndecided where it is undecided.
        """
        section: P | Without = self.sections.get(policy, NOT_ASKED)
        return require_policy(section)


def load(
    path: Path,
    topics: Mapping[str, TopicSection],
    import_topic: Callable[[Path], TopicSection],
    text: str | bytes | None = None,
) -> Inventory:
    """The inventory in a file; `text`, when given, replaces the content of the file.

    `topics` are ours, by name; `import_topic` imports the file of a team's own, and raises UsageError. `load_inventory`
    of the registry supplies both. Raises InventoryError with everything that is wrong, each with its line.
    """
    content = text.encode() if isinstance(text, str) else content_of(path) if text is None else text
    try:
        document = read_document(content)
    except YamlError as odd:
        raise InventoryError([InventoryProblem(shortest_path(path), odd.line, "", odd.what, odd.hint)]) from None
    loading = Loading(path, document, topics, import_topic)
    loading.add_comment_secrets(content.decode("utf-8-sig"))
    inventory = loading.inventory()
    if loading.problems or inventory is None:
        raise InventoryError(mask_secrets(loading.secrets, problem) for problem in loading.problems)
    return inventory


@cache
def file_model(topics: tuple[TopicSection, ...]) -> type[Inventory]:
    """The model of a file: the keys of every inventory, and one for the section of each topic."""
    fields: dict[str, Any] = {topic.key: section_field(topic) for topic in topics if topic.key}
    return create_model("Inventory", __base__=Inventory, **fields)


def section_field(topic: TopicSection) -> tuple[Any, Any]:
    """The type and the field of a topic's section, as `pydantic.create_model` takes them."""
    section: Any = Section
    about = topic.about or f'the section of {topic.name}.py, or `{topic.key}: {{none: "why"}}`'
    if topic.required:
        return section[topic.policy], Field(description=about)
    return section[topic.policy] | None, Field(default=None, description=about)


class Loading:
    """One loading of one file. `problems` collects what is wrong, `secrets` the values that no message may show."""

    def __init__(
        self,
        path: Path,
        document: Document,
        topics: Mapping[str, TopicSection],
        import_topic: Callable[[Path], TopicSection],
    ) -> None:
        self.path = path
        self.topics = dict(topics)
        self.import_topic = import_topic
        self.file = shortest_path(path)
        self.document = document
        self.data: dict[str, Any] = document.data if isinstance(document.data, dict) else {}
        self.problems: list[InventoryProblem] = []
        self.secrets: list[str] = []
        self.custom_topics: dict[str, TopicSection] = {}

    def problem(self, path: tuple[str | int, ...], what: str, hint: str = "") -> None:
        """Add a problem to `problems`: `what` is wrong at `path`, keys and indexes into the file."""
        self.problems.append(InventoryProblem(self.file, self.document.line(path), show(path), what, hint))

    def inventory(self) -> Inventory | None:
        """The inventory; None when it is empty or invalid. Look at `problems` first, which says what is wrong."""
        if not self.data:
            self.problem((), "there is no inventory in it", "it begins with `nodes:`, see docs/inventory.md")
            return None
        self.add_problems()
        self.import_topics()
        model = file_model(tuple(self.topics.values()))
        rest = {name: value for name, value in self.data.items() if name not in FILLED_IN}
        written = self.validated(model, rest)
        if written is None:
            return None
        fields = {name: getattr(written, name) for name in Inventory.model_fields}
        fields["services"] = self.with_reporter("services", "services", fields["services"])
        filled_in = {
            "name": self.path.stem,
            "path": str(self.path.absolute()),
            "custom_topics": self.custom_topics,
            "sections": {topic.policy: self.section_of(topic, written) for topic in self.topics.values() if topic.key},
        }
        return Inventory.model_construct(**{**fields, **filled_in})

    def section_of(self, topic: TopicSection, written: Inventory) -> Any:
        """The section of a topic; for one that is not written yet, an Unwritten with the reason."""
        section = getattr(written, topic.key)
        if section is not None:
            return self.with_reporter(topic.key, topic.name, section)
        advice = (
            f"`fleetkeeper init --update {self.file}` proposes it" if topic.init_lines else f"write it into {self.file}"
        )
        return Unwritten(none=f"not asked for: `{topic.key}` is not in the inventory; {advice}, or `none: why`")

    def with_reporter(self, key: str, topic: str, section: Any) -> Any:
        """The section; one that is undecided with its key, its reporter, and the topic that is not judged meanwhile.

        The reporter is the first rule of the topic, or the one that the topic names for its section.
        """
        if not isinstance(section, Undecided):
            return section
        owner = self.topics.get(topic)
        if owner and owner.section_rule and key == owner.key:
            return section.model_copy(update={"key": key, "reporter": owner.section_rule})
        first = next(iter(owner.rule_ids if owner else ()), "")
        return section.model_copy(update={"key": key, "reporter": first, "topic": topic})

    def add_problems(self) -> None:
        """Add problems that no model can find.

        Those are duplicate keys, reserved keys, secrets, two nodes on one machine, and circles of jumps.
        """
        for places, error in self.document.twice:
            self.problems.append(InventoryProblem(self.file, error.line, show(places), error.what, error.hint))
        for name in FILLED_IN:
            if name in self.data:
                self.problem((name,), "unknown key", f"the {name} is not written in the file")
        for places, secret in find_leaks(self.data):
            self.secrets.append(secret)
            self.problem(places, "this looks like a secret (not shown here)", HINT)
        for name, other in nodes_on_one_machine(raw_section(self.data, "nodes")):
            self.problem(("nodes", name), f"this is the same machine as {quoted(other)}", "one node for each machine")
        for circle in circles_of_jumps(raw_section(self.data, "nodes")):
            self.problem(("nodes", circle[0], "jump"), f"the jumps go in a circle: {' → '.join(circle)}")

    def add_comment_secrets(self, text: str) -> None:
        """Add a problem for each secret in a comment of the file's text, except on lines with a secret in the data."""
        lines = {self.document.line(places) for places, _ in find_leaks(self.data)}
        for line, secret in secrets_in_comments(text):
            self.secrets.append(secret)
            if line not in lines:
                what = "this comment holds what looks like a secret (not shown here)"
                self.problems.append(InventoryProblem(self.file, line, "", what, HINT))

    def import_topics(self) -> None:
        """Import (run) the team's own topics into `topics` and `custom_topics`; each that cannot be is a problem."""
        taken = {*Inventory.model_fields, *self.topics, *(topic.key for topic in self.topics.values())} - {""}
        listed = self.data.get("topics")
        for index, written in enumerate(listed if isinstance(listed, list) else []):
            try:
                topic = self.import_topic(self.path.parent.joinpath(Path(str(written)).expanduser()).absolute())
            except UsageError as odd:
                self.problem(("topics", index), odd.message, odd.hint)
                continue
            if taken & {topic.name, topic.key}:
                name = topic.name if topic.name in taken else topic.key
                self.problem(("topics", index), f"{quoted(name)} is taken", "give the file another name")
                continue
            taken |= {topic.name, topic.key} - {""}
            self.topics[topic.name] = self.custom_topics[topic.name] = topic

    def context(self) -> dict[str, Any]:
        """What validators compare references with: the names in the file by kind, and its folder under `base`."""
        return {
            "base": self.path.parent.absolute(),
            "edition": str(raw_section(self.data, "benchmark").get("edition", LATEST)),
            "nodes": frozenset(raw_section(self.data, "nodes")),
            "services": frozenset(raw_section(self.data, "services")) - {"none", "undecided"},
            "roles": frozenset((*ROLES, *raw_section(self.data, "roles"))),
            "people": frozenset(raw_section(self.data, "people")),
            "topics": frozenset(rule.partition(".")[0] for topic in self.topics.values() for rule in topic.rule_ids),
            "rules": frozenset(rule for topic in self.topics.values() for rule in topic.rule_ids),
        }

    def validated(self, model: Any, data: Any) -> Any:
        """The data as a model; None when it is invalid, with each error added to `problems`.

        Goes through JSON, where a list may become a tuple and nothing else is coerced.
        """
        try:
            return TypeAdapter(model).validate_json(json.dumps(data), strict=True, context=self.context())
        except ValidationError as odd:
            self.problems.extend(translate_errors(odd, model, self.document, self.file))
            return None
