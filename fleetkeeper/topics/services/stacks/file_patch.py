"""What makes a stack file say what runs: a patch where a line can be found and proven, else words.

An edit is proven by Docker's own client: given the edited file, it must write the field as it runs, and every other
field of every service as before. So neither an anchor, a variable, a key that Docker ignores nor a default can make a
patch wrong: what does not come out so is said in words instead.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fleetkeeper.readers.compose.document import ComposeDocument, ComposeFileError, read_compose
from fleetkeeper.readers.compose.edits import apply_edits
from fleetkeeper.topics.services.stacks.declared import StackReading
from fleetkeeper.topics.services.stacks.facts import StackService
from fleetkeeper.topics.services.stacks.field_names import USER, compose_path, field_title, is_kept, value_in_words
from fleetkeeper.topics.services.stacks.file_edits import field_edits
from fleetkeeper.transport.commands import Unobservable

Services = Mapping[str, StackService]
Difference = tuple[str, str]
"""The full name of a service, and the path of a field in which it differs from its file."""
MOST_TRIALS = 30
"""How many differences are tried each on its own, when all together are not proven."""


@dataclass(frozen=True)
class FilePatch:
    """The text of a stack file that says more of what runs, and a line for each difference that it leaves."""

    text: str
    words: tuple[str, ...] = ()


def patch_file(
    reading: StackReading, declared: Services, running: Services, differences: Sequence[Difference]
) -> FilePatch:
    """The patch for these differences. `declared` are the services as Docker's client writes them now."""
    document, answered = edited_document(reading, running, differences)
    if answered and not is_proven(reading, document, declared, running, answered):
        document, answered = reading.document, ()
        for difference in differences[:MOST_TRIALS]:
            edited, made = edited_document(replace(reading, document=document), running, [difference])
            if made and is_proven(reading, edited, declared, running, (*answered, *made)):
                document, answered = edited, (*answered, *made)
    left = [difference for difference in differences if difference not in answered]
    words = [in_words(reading, path, running[name]) for name, path in left]
    return FilePatch(document.text, tuple(dict.fromkeys(words)))


def edited_document(
    reading: StackReading, running: Services, differences: Sequence[Difference]
) -> tuple[ComposeDocument, tuple[Difference, ...]]:
    """The file after one edit after the other, and the differences for which there was one."""
    document = reading.document
    answered: list[Difference] = []
    for name, path in differences:
        edits = field_edits(document, name.removeprefix(f"{reading.name}_"), path, running[name])
        try:
            if edits:
                document = read_compose(apply_edits(document.text, edits).encode())
                answered.append((name, path))
        except (ComposeFileError, ValueError):
            continue
    return document, tuple(answered)


def is_proven(
    reading: StackReading,
    edited: ComposeDocument,
    declared: Services,
    running: Services,
    differences: Iterable[Difference],
) -> bool:
    """Whether Docker's client would write of an edited file what runs where it differs, and all else as before."""
    answered = set(differences)
    try:
        written = {service.name: service for service in replace(reading, document=edited).services()}
    except Unobservable:
        return False
    if written.keys() != declared.keys():
        return False
    for name, service in written.items():
        for path in {*service.fields, *declared[name].fields} - {*declared[name].unsettled, *service.unsettled}:
            expected = running[name] if (name, path) in answered else declared[name]
            if not has_same(service, expected, path):
                return False
    return True


def has_same(service: StackService, other: StackService, path: str) -> bool:
    """Whether two services have a field alike: neither has it, or both with one value, or with digests of one."""
    if (path in service.fields) != (path in other.fields):
        return False
    if path not in service.fields or is_kept(path):
        return service.fields.get(path) == other.fields.get(path)
    seen, expected = ((each.digests or {}).get(path, ()) for each in (service, other))
    return bool(set(seen) & set(expected))


def in_words(reading: StackReading, path: str, running: StackService) -> str:
    """What a person writes into the file, and at which line; of a value that may be secret only where it is seen."""
    short = running.name.removeprefix(f"{reading.name}_")
    line = reading.document.line("services", short, *compose_path(path))
    where = f"{reading.file.name}:{line}: {running.name}"
    if path not in running.fields:
        return f"{where} runs without {field_title(path)}"
    if is_kept(path):
        return f"{where} runs with {field_title(path)} {value_in_words(path, running.fields[path])}"
    looked_up = f"`docker service inspect {running.name}` on a manager shows it"
    return f"{where} runs with another {field_title(path)}: {looked_up}"


def unified_lines(name: str, old: str, new: str) -> Iterator[str]:
    """The lines of a patch, each with its end, for `patch -p0`."""
    before, after = lines_of(old), lines_of(new)
    for line in difflib.unified_diff(before, after, name, name):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def lines_of(text: str) -> list[str]:
    """The lines of a text with their ends; only a line feed ends one."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def with_its_user(service: StackService) -> StackService:
    """A running service whose user counts as its own, even where fleetkeeper has set it: the file should have it."""
    return replace(service, lent=tuple(path for path in service.lent if path != USER))
