"""`remediate --print-patch`: what makes the files of stacks say what runs. No server and no file is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click

from fleetkeeper.errors import NotApplicable
from fleetkeeper.exit_codes import Exit, worst_exit
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.readers.compose.document import ComposeFileError, read_compose
from fleetkeeper.topics.services.policy import Policy, Stack
from fleetkeeper.topics.services.rules.deployed import (
    compare_services,
    declared_stack,
    deploy_hint,
    not_deployed,
    running_services,
    strange_services,
)
from fleetkeeper.topics.services.rules.projects import project_differences
from fleetkeeper.topics.services.stacks.declared import read_stack, read_stack_file
from fleetkeeper.topics.services.stacks.facts import DeclaredStack
from fleetkeeper.topics.services.stacks.file_patch import patch_file, unified_lines, with_its_user
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line, shown_word
from remediate.remedies.errors.file_settings import file_with_settings
from remediate.remedies.errors.log_settings import log_changes

CHANGED_MEANWHILE = "the file was changed since the look: look again"


@dataclass(frozen=True)
class StackPatch:
    """What is printed for one stack: lines of a patch, with their ends; `words` are what a person decides.

    `unknown` are reasons why something could not be said. `text` is that of the file with the patch, None where it was
    not read; `logs` are words about changes of it that rules about errors ask for.
    """

    stack: Stack
    lines: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    text: str | None = None
    logs: tuple[str, ...] = ()


def print_patches(fleet: Fleet) -> Exit:
    """Print what makes each stack file of the inventory say what runs, and bounds, keeps and sends on its errors.

    Returns the exit code.

    All but the patch itself are lines that begin with `#`, which `patch` and `git apply` pass over.
    """
    try:
        stacks = fleet.inventory.section(Policy).stacks
    except NotApplicable as why:
        click.echo(f"# no stack file to patch: {one_line(str(why))}")
        return Exit.NOTHING_LEFT
    codes = []
    for name, stack in stacks.items():
        patch = with_log_settings(fleet, name, stack_patch(fleet, name, stack))
        for line in comment_lines(name, patch):
            click.echo(f"# {one_line(line)}")
        click.echo("".join(patch.lines), nl=False)
        codes += [Exit.NOT_ALL_SEEN] if patch.unknown else []
        codes += [Exit.FINDINGS_REMAIN] if patch.lines or patch.words else []
    return worst_exit(codes)


def comment_lines(name: str, patch: StackPatch) -> Iterator[str]:
    """What is said before the patch of one stack."""
    file = Path(patch.stack.file)
    if patch.lines:
        folder = shown_word(str(patch_folder(file)))
        more = ", and what the rules about errors ask for" if patch.logs else ""
        yield f"{name}: this makes {file.name} say what runs{more}; in {folder}: `patch -p0` or `git apply -p0`"
    elif not patch.words and not patch.unknown:
        yield f"{name}: {file.name} says what runs"
    yield from (f"in the patch: {words}" for words in patch.logs)
    yield from (f"by hand: {words}" for words in patch.words)
    yield from (f"unknown: {why}" for why in patch.unknown)


def patch_folder(file: Path) -> Path:
    """The folder in which a patch of a file applies: where we are when the file is below it, else the file's own."""
    return Path.cwd() if file.absolute().is_relative_to(Path.cwd()) else file.absolute().parent


def stack_patch(fleet: Fleet, name: str, stack: Stack) -> StackPatch:
    """What makes one stack file say what runs."""
    if stack.kind == "compose":
        return words_on_project(fleet, name, stack)
    unknown: list[str] = []
    words: list[str] = []
    try:
        declared = declared_stack(fleet, name)
        services = {service.name: service for service in raise_if_unobservable(declared.services)}
        running = running_services(fleet, name)
        reading = read_stack(name, stack, {})
    except Unobservable as why:
        return StackPatch(stack, unknown=(str(why),))
    if not running:
        return not_running(fleet, stack, declared)
    strange = strange_services(declared, services, running, deploy_hint(fleet, declared))
    words += [f"{finding.saw} ({finding.hint})" for finding in strange]
    lasting = {each: with_its_user(running[each]) for each in services if each in running}
    differences = []
    for each, service in lasting.items():
        comparison = compare_services(services[each], service)
        differences += [(each, path) for path in comparison.different]
        unknown += [f"values of {each} were not compared: look afresh"] if comparison.uncompared else []
    try:
        patch = patch_file(reading, services, lasting, differences)
    except Unobservable as why:
        return StackPatch(stack, unknown=(*unknown, str(why)))
    lines = unified_lines(patched_name(Path(stack.file)), reading.document.text, patch.text)
    return StackPatch(stack, tuple(lines), (*words, *patch.words), tuple(unknown), patch.text)


def with_log_settings(fleet: Fleet, name: str, patch: StackPatch) -> StackPatch:
    """The same with what the rules about errors ask for: in the file where that can be written there, else in words.

    A project with more files than one gets words alone: which of them counts is Compose's to say.
    """
    changes = list(dict.fromkeys(log_changes(fleet, name, patch.stack)))
    unknown = tuple(str(change) for change in changes if isinstance(change, Unobservable))
    words: list[str] = []
    logs: list[str] = []
    try:
        original = read_stack_file(Path(patch.stack.file))
        document = original if patch.text is None else read_compose(patch.text.encode())
    except (Unobservable, ComposeFileError) as why:
        return replace(patch, unknown=(*patch.unknown, *unknown, *([str(why)] if changes else [])))
    for change in changes:
        if isinstance(change, Unobservable):
            continue
        edited = None if patch.stack.overrides else file_with_settings(document, change.settings)
        if not change.settings or edited is None:
            words.append(change.in_words())
        elif edited.text != document.text:
            document = edited
            logs.append(change.summary())
        else:
            words.append(f"{change.summary()}: the file says so, and what runs is older: deploy it")
    lines = tuple(unified_lines(patched_name(Path(patch.stack.file)), original.text, document.text))
    return replace(
        patch,
        lines=lines if logs else patch.lines,
        words=(*patch.words, *words),
        unknown=tuple(dict.fromkeys((*patch.unknown, *unknown))),
        logs=tuple(logs),
    )


def words_on_project(fleet: Fleet, name: str, stack: Stack) -> StackPatch:
    """What differs of a project of Compose, in words: its containers do not show all that its file may say."""
    try:
        items = list(project_differences(fleet, name))
    except Unobservable as why:
        items = [why]
    words = tuple(f"{item.saw}, want {item.want}" for item in items if not isinstance(item, Unobservable))
    return StackPatch(stack, words=words, unknown=tuple(str(item) for item in items if isinstance(item, Unobservable)))


def not_running(fleet: Fleet, stack: Stack, declared: DeclaredStack) -> StackPatch:
    """That nothing of a stack runs, or that it is unknown."""
    unknown, words = [], []
    for item in not_deployed(fleet, declared):
        if isinstance(item, Unobservable):
            unknown.append(str(item))
        else:
            words.append(f"{item.saw} ({item.hint})")
    return StackPatch(stack, words=tuple(words), unknown=tuple(unknown))


def patched_name(file: Path) -> str:
    """The name of a file in its patch, relative to `patch_folder`."""
    return str(file.absolute().relative_to(patch_folder(file)))
