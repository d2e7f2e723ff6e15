"""Exceptions for wrong calls and for rules that do not apply, and the text of error messages and hints."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from traceback import extract_tb

from pydantic_core import PydanticCustomError

MANY = 12
PACKAGE = Path(__file__).parent
LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
BUG = "this is a bug"


class NotApplicable(Exception):
    """The policy in the inventory does not require this here; the message says why."""


class SectionUndecided(NotApplicable):
    """A section of the inventory is undecided; the message quotes it.

    `key` is its key and `reporter` the id of the rule whose verdict is unknown for it; both are empty for a section
    inside another one, for which every rule that needs it is unknown.
    """

    def __init__(self, why: str, key: str = "", reporter: str = "") -> None:
        """`why` is the message; `key` and `reporter` are kept."""
        super().__init__(why)
        self.key = key
        self.reporter = reporter


BY_QUICK = "left out by --quick"
"""How the reason begins why something is not judged that would take long."""


class NotJudgedNow(NotApplicable):
    """The policy requires it, and it was left out of this run, or cannot be judged yet; the message says why.

    Shown like any NotApplicable; but what was open about it before is not called gone.
    """


class UsageError(Exception):
    """The call, not the fleet, is wrong: exit 4 under pytest, exit 2 under remediate.

    `message` says what is wrong, `hint` what to try. `str()` is both, on two lines.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        """Both are kept; `str()` joins them."""
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The message, and the hint, if any, on a second line."""
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


def field_error(what: str, hint: str = "") -> PydanticCustomError:
    """The error (a ValueError, returned) for a validator of an inventory field: what is wrong, and what to do."""
    return PydanticCustomError("refused", "{what}", {"what": what, "hint": hint})


def nearest_name(name: str, known_names: Iterable[str], kind: str) -> str:
    """A hint with the known name nearest to `name`, and the known names if they are at most 12.

    Without a near one, a hint with the first 12 known names. `kind` is their plural noun.

    >>> nearest_name("prodction", ["local", "production"], "inventories")
    'did you mean "production"? Known inventories are local, production'
    >>> nearest_name("x", [], "nodes")
    'there are no nodes'
    """
    names = sorted(known_names)
    if not names:
        return f"there are no {kind}"
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    guess = f"did you mean {quoted(close[0])}?" if close else ""
    if close and len(names) > MANY:
        return guess
    few = ", ".join(quoted(name)[1:-1] for name in names[:MANY]) + (", …" if len(names) > MANY else "")
    return f"{guess} Known {kind} are {few}" if guess else f"known {kind} are {few}"


def quoted(value: str, limit: int = 60) -> str:
    r"""A value in double quotes, safe for a terminal: non-printable characters are escaped.

    More than `limit` characters are cut off and replaced by `…`.

    >>> print(quoted("a\x1b[31mb\n"))
    "a\x1b[31mb\n"
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value[: limit + 1])
    return f'"{shown[:limit]}…"' if len(value) > limit else f'"{shown}"'


def line_of(file: str, line: int | None) -> str:
    """`FILE:LINE`, the path relative to the package's parent folder, else to the working directory, else as given."""
    for base in (PACKAGE.parent, Path.cwd()):
        if Path(file).is_relative_to(base):
            return f"{Path(file).relative_to(base)}:{line}"
    return f"{file}:{line}"


def bug_in(error: BaseException) -> tuple[str, str]:
    """Message and hint about an unexpected exception: its type, text, file and line, and whose code raised it.

    The line is the innermost one in our package or in a team's own topic, not one in a library.
    """
    frames = [(frame.filename, frame.lineno) for frame in extract_tb(error.__traceback__)]
    own = [frame for frame in frames if is_ours(frame[0]) or not frame[0].startswith((*LIBRARIES, "<"))]
    file, line = (own or frames or [("", 0)])[-1]
    whose = "of ours: please report it" if is_ours(file) else "of that file"
    return f"{type(error).__name__}: {error}, at {line_of(file, line)}", f"{BUG} {whose}"


def is_ours(file: str) -> bool:
    """Whether a file belongs to this package."""
    return Path(file).is_relative_to(PACKAGE)
