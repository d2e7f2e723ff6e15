"""The steps of a Dockerfile, by stage, each with its line.

Source: https://docs.docker.com/reference/dockerfile/ (format, parser directives, here-documents, escape characters).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleetkeeper.readers.docker.build_steps import INSTRUCTIONS, BuildStep

LARGEST_BYTES = 1024 * 1024
DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(.+?)\s*")
WORD = re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s\"'])+")
HEREDOC = re.compile(r"[0-9]*<<(-?)([\"']?)([A-Za-z_][A-Za-z0-9_.-]*)\2")
"""A word that begins a here-document; `<<<` and what stands in quotes begin none."""
REFERENCE = re.compile(r"\$(?:\{(\w+)(?::[-+][^}]*)?\}|(\w+))")


@dataclass
class DockerfileError(Exception):
    """The content is no Dockerfile that can be read. `line` counts from 1."""

    line: int
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


@dataclass(frozen=True)
class Stage:
    """One stage of a build: what it begins from (an image, or the name of a stage), its own name, and its steps.

    The first step is the FROM.
    """

    base: str
    name: str
    steps: tuple[BuildStep, ...]

    def last(self, instruction: str) -> BuildStep | None:
        """Its last step with an instruction; None without one."""
        return next((step for step in reversed(self.steps) if step.instruction == instruction), None)


@dataclass(frozen=True)
class Dockerfile:
    """The stages of a build, in the order of the file: at least one. The last one is what is built.

    `before` are the steps before the first stage, all of them ARG.
    """

    stages: tuple[Stage, ...]
    before: tuple[BuildStep, ...] = ()

    def last(self, instruction: str) -> BuildStep | None:
        """The last step with an instruction in what is built, and in the stages that it begins from."""
        index = len(self.stages) - 1
        while index >= 0:
            stage = self.stages[index]
            if step := stage.last(instruction):
                return step
            index = self.index_of_stage(stage.base, index)
        return None

    def index_of_stage(self, name: str, before: int) -> int:
        """The index of the stage with a name, or number, before another; -1 without one."""
        names = [stage.name.lower() for stage in self.stages[:before]]
        if name.lower() in names:
            return len(names) - 1 - names[::-1].index(name.lower())
        return int(name) if name.isascii() and name.isdigit() and int(name) < before else -1

    @property
    def origin(self) -> Stage:
        """The first stage of those that what is built begins from: its base is an image."""
        index = len(self.stages) - 1
        while (below := self.index_of_stage(self.stages[index].base, index)) >= 0:
            index = below
        return self.stages[index]

    @property
    def images(self) -> tuple[tuple[str, int], ...]:
        """The images that stages begin from, with the line of each; "" for one whose name is not settled."""
        rows = enumerate(self.stages)
        outside = [
            stage for index, stage in rows if self.index_of_stage(stage.base, index) < 0 and stage.base != "scratch"
        ]
        return tuple((stage.base, stage.steps[0].line) for stage in outside)


def read_dockerfile(content: bytes) -> Dockerfile:
    """The stages of a Dockerfile.

    Raises DockerfileError for what is larger than 1 MiB, not UTF-8, has no FROM, or an instruction that there is not.

    >>> built = read_dockerfile(b"FROM debian:12 AS base\\nUSER app\\nFROM base\\nRUN a \\\\\\n  b\\n")
    >>> built.last("USER").text, built.stages[1].steps[1], built.images
    ('app', BuildStep(instruction='RUN', text='a   b', line=4), (('debian:12', 1),))
    """
    if len(content) > LARGEST_BYTES:
        raise DockerfileError(1, f"the file has more than {LARGEST_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        raise DockerfileError(content.count(b"\n", 0, why.start) + 1, "this is not UTF-8") from None
    stages: list[list[BuildStep]] = []
    arguments: dict[str, str] = {}
    before: list[BuildStep] = []
    for step in dockerfile_steps(text):
        if step.instruction == "FROM":
            stages.append([step])
        elif stages:
            stages[-1].append(step)
        elif step.instruction == "ARG":
            before.append(step)
            name, _, value = step.text.partition("=")
            arguments[name.strip()] = value.strip().strip("\"'")
        else:
            raise DockerfileError(step.line, f"{step.instruction} before FROM")
    if not stages:
        raise DockerfileError(1, "there is no FROM")
    return Dockerfile(tuple(stage_of(steps, arguments) for steps in stages), tuple(before))


def stage_of(steps: list[BuildStep], arguments: Mapping[str, str]) -> Stage:
    """A stage from its steps. `arguments` are those before the first FROM; a base that one leaves open is ""."""
    words = [word for word in steps[0].text.split() if not word.startswith("--")]
    if not words:
        raise DockerfileError(steps[0].line, "FROM without an image")
    base = REFERENCE.sub(lambda match: arguments.get(match[1] or match[2], "") or "\0", words[0])
    name = words[2] if len(words) > 2 and words[1].upper() == "AS" else ""
    return Stage("" if "\0" in base else base, name, tuple(steps))


def dockerfile_steps(text: str) -> Iterator[BuildStep]:
    """The steps of a Dockerfile in the order of its lines. Raises DockerfileError."""
    lines = text.replace("\r\n", "\n").split("\n")
    escape = escape_character(lines)
    index = 0
    while index < len(lines):
        first, line = index, lines[index].strip()
        index += 1
        if not line or line.startswith("#"):
            continue
        while line.endswith(escape) and index < len(lines):
            more = lines[index].rstrip()
            index += 1
            if more.strip() and not more.strip().startswith("#"):
                line = line[:-1] + more
        body, index = heredoc_bodies(line, lines, index)
        yield parse_step("\n".join((line.removesuffix(escape), *body)), first + 1)


def escape_character(lines: list[str]) -> str:
    r"""The character that continues a line: that of the directive `escape` at the top of the file, else `\`."""
    for line in lines:
        match = DIRECTIVE.fullmatch(line.strip())
        if not match:
            return "\\"
        if match[1].lower() == "escape":
            return match[2]
    return "\\"


def heredoc_bodies(line: str, lines: list[str], index: int) -> tuple[list[str], int]:
    """The lines of the here-documents that a step begins, and the index behind them. Raises DockerfileError."""
    body: list[str] = []
    if line.split(None, 1)[0].upper() not in ("RUN", "COPY", "ADD"):
        return body, index
    words = (HEREDOC.fullmatch(word[0]) for word in WORD.finditer(line))
    for match in (each for each in words if each):
        begun = index
        while index < len(lines) and (lines[index].lstrip("\t") if match[1] else lines[index]) != match[3]:
            body.append(lines[index])
            index += 1
        if index == len(lines):
            raise DockerfileError(begun, f"a here-document that no line {match[3]} ends")
        index += 1
    return body, index


def parse_step(text: str, line: int) -> BuildStep:
    """One step from its text. Raises DockerfileError for an instruction that there is not."""
    word, _, rest = text.partition(" ") if " " in text.split("\n", 1)[0] else text.partition("\t")
    instruction = word.strip().upper()
    if instruction not in INSTRUCTIONS:
        raise DockerfileError(line, f"{word.strip()[:40]!a} is no instruction of a Dockerfile")
    return BuildStep(instruction, rest.strip(), line)
