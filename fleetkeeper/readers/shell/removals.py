"""Which commands of a script remove files of a kind in a directory: by their words, their input, and where they run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import PurePosixPath

from fleetkeeper.readers.shell.script_state import ExecutedCommand
from fleetkeeper.readers.shell.surroundings import UNKNOWN_DIRECTORY
from fleetkeeper.readers.shell.words import Word

REMOVERS = frozenset({"rm", "unlink", "shred", "tmpreaper", "tmpwatch"})
LISTERS = frozenset({"find", "ls", "stat", "printf", "echo"})
"""Programs whose output may be the names that another one removes."""
EITHER = frozenset({"-o", "-or", "!", "-not", ","})
NAME_TESTS = frozenset({"-name", "-iname", "-path", "-ipath", "-wholename", "-regex", "-iregex"})


@dataclass(frozen=True)
class FilesIn:
    """Files of a kind in a directory. `example` is the name of such a file, whose digits may be any; "" is any name."""

    directory: str
    example: str = ""

    def may_be(self, glob: str) -> bool:
        """Whether a name, as a pattern of the shell, may be that of such a file: by itself or by its ending.

        >>> dumps = FilesIn("/b", "db_2001-02-03.sql.gz")
        >>> [dumps.may_be(glob) for glob in ("db_2026*", "*.gz", "old.sql.gz", "*.tmp", "")]
        [True, True, True, False, True]
        """
        ending = "".join(PurePosixPath(self.example).suffixes)
        any_digit = re.sub("[0-9]", "?", glob)
        return not self.example or not glob or fnmatchcase(self.example, any_digit) or glob.endswith(ending)

    def holds(self, path: str) -> bool:
        """Whether a path is the directory, or one such file below it."""
        if is_within(path, self.directory):
            return path == self.directory or self.may_be(path.rpartition("/")[2])
        return False


def is_within(path: str, directory: str) -> bool:
    """Whether a path is this directory, or lies in it."""
    return bool(directory) and (path == directory or path.startswith(f"{directory.rstrip('/')}/"))


def removing_commands(commands: Sequence[ExecutedCommand], files: FilesIn) -> Iterator[ExecutedCommand]:
    """The commands of a script, in their order, that remove such files; those that are surely not run are left out."""
    listed = False
    for command in commands:
        if command.reach.value is False:
            continue
        if removes_in(command, files, listed):
            yield command
        listed = listed or (command.name in LISTERS and lists_in(command, files))


def commands_that_may_remove(commands: Sequence[ExecutedCommand], files: FilesIn) -> Iterator[ExecutedCommand]:
    """The commands that remove such files if the `cd` before them, whose directory is not known, goes there."""
    behind = [command for command in commands if command.directory == UNKNOWN_DIRECTORY]
    surely = list(removing_commands(commands, files))
    moved = [replace(command, directory=files.directory) for command in behind if command not in surely]
    yield from removing_commands(moved, files)


def lists_in(command: ExecutedCommand, files: FilesIn) -> bool:
    """Whether a command prints names of files in that directory, as far as its words and its own directory tell."""
    named = any(is_within(text, files.directory) for text in map(glob_of, command.words[1:]))
    return named or is_within(command.directory, files.directory)


def removes_in(command: ExecutedCommand, files: FilesIn, listed: bool = False) -> bool:
    """Whether a command removes such files. `listed`: one before it has printed their names."""
    texts = [glob_of(word) for word in command.words]
    inside = is_within(command.directory, files.directory)
    if command.name == "xargs":
        return bool(REMOVERS & {text.rpartition("/")[2] for text in texts}) and (listed or inside)
    if not deletes(command.name, texts):
        return False
    if command.name == "find":
        return finds_in(texts[1:], files, command.directory)
    if command.name in ("rsync", "mv"):
        return moves_in(command.name, texts[1:], files, command.directory)
    operands = [(word, text) for word, text in zip(command.words, texts, strict=True) if not text.startswith("-")][1:]
    if is_recursive(texts) and any(
        is_within(files.directory, absolute_path(text, command.directory)) for _, text in operands
    ):
        return True
    return any(removes_word(word, files, command.directory, listed=listed) for word, _ in operands)


def deletes(name: str, words: Sequence[str | None]) -> bool:
    """Whether a program with these words (None: not known) removes files, or takes them from where they are."""
    given = {word for word in words if word}
    if name == "rsync":
        return any(word.startswith(("--del", "--remove-source")) for word in given)
    return name in REMOVERS | {"mv"} or (name == "find" and bool({"-delete", "rm", "/bin/rm", "unlink"} & given))


def is_recursive(texts: Iterable[str]) -> bool:
    """Whether the options of `rm` take whole directories."""
    return any(re.match("-[a-zA-Z]*[rR]|--recursive", text) for text in texts)


def removes_word(word: Word, files: FilesIn, directory: str, *, listed: bool) -> bool:
    """Whether one operand of a program that removes files names such files.

    An operand that is a variable alone does when their names were `listed`; one that is what a command prints does when
    that command names the directory, or runs in it.
    """
    inner = " ".join(part.text for part in word if part.kind == "command")
    if inner and (files.directory in inner or is_within(directory, files.directory)):
        return True
    text = glob_of(word)
    if text.startswith("*") and any(part.kind == "variable" for part in word):
        return listed
    return files.holds(absolute_path(text, directory))


def absolute_path(text: str, directory: str) -> str:
    """A path as seen from a directory; unchanged where that is not known."""
    path = text if text.startswith("/") or not directory else f"{directory.rstrip('/')}/{text}"
    return path.replace("/./", "/").removesuffix("/.").rstrip("/") or "/"


def finds_in(operands: Sequence[str], files: FilesIn, directory: str) -> bool:
    """Whether `find`, which removes what it finds, finds such files: by where it starts and the names it asks for."""
    start = next((at for at, text in enumerate(operands) if text[:1] in ("-", "(", "!")), len(operands))
    starts = [absolute_path(text, directory) for text in operands[:start] or ["."]]
    if not any(is_within(path, files.directory) or is_within(files.directory, path) for path in starts):
        return False
    pairs = list(pairwise(operands))
    asked = [glob for test, glob in pairs if test in NAME_TESTS]
    by_name = all(test in ("-name", "-iname") for test, _ in pairs if test in NAME_TESTS)
    return not asked or not by_name or bool(EITHER & set(operands)) or any(map(files.may_be, asked))


def moves_in(name: str, operands: Sequence[str], files: FilesIn, directory: str) -> bool:
    """Whether `mv` takes such files to another directory, or `rsync` removes them where it reads or writes."""
    paths = [absolute_path(text, directory) for text in operands if not text.startswith("-")]
    if name == "rsync":
        return any(is_within(path, files.directory) or is_within(files.directory, path) for path in paths)
    away = bool(paths) and not is_within(paths[-1], files.directory)
    return away and any(files.holds(path) for path in paths[:-1])


def glob_of(word: Word) -> str:
    """A word as a pattern of the shell: its text, and `*` for each variable and each substitution."""
    return "".join(part.text if part.kind == "text" else "*" for part in word)
