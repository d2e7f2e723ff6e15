"""Escaping and validation of text from nodes: one function for each kind of output that it may go to.

Text from a node, a container, a label of an image or the name of a file is data only. It reaches shell text, a path,
a terminal, a document or an annotation only through the function here for that output: quoted, checked against a
closed set, escaped, or refused with `Untrusted`.
"""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

INSTALLED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
"""Characters that may occur in a line that is written into a file of a node, such as a crontab."""
LONGEST_NAME = 253
"""Length of the longest name in such a line, in characters: that of a DNS name; Docker's own are shorter."""
INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Letters and marks that are invisible, and that Unicode does not class as control or format characters."""
KEPT = frozenset("\n\t")


class Untrusted(ValueError):
    """Text of a node that may not go to the requested output. Nothing is written; a person has to look."""


def shell_word(text: str) -> str:
    """The text as one quoted word of a shell command, for commands that a person copies or that we run.

    Raises Untrusted for a NUL byte, which no word can hold.

    >>> shell_word("a b"), shell_word("$(touch x)"), shell_word("")
    ("'a b'", "'$(touch x)'", "''")
    """
    if "\0" in text:
        raise Untrusted("a NUL byte cannot stand in a command")
    return shlex.quote(text)


def shell_command(words: Iterable[str]) -> str:
    """The words as one shell command, each quoted. Raises Untrusted for a NUL byte.

    >>> shell_command(("docker", "exec", "a;b"))
    "docker exec 'a;b'"
    """
    return " ".join(map(shell_word, words))


def shown_command(words: Iterable[str]) -> str:
    """The words as one shell command on one line, for a person to read and copy; invisible characters become `?`.

    So the copied command is the same as the one that was read. Raises Untrusted for words that no command line can
    carry.

    >>> shown_command(("rm", "a\\u202eb", "c d"))
    "rm 'a?b' 'c d'"
    """
    return shell_command("".join(char if is_shown(char) else "?" for char in word) for word in words)


def shown_word(text: str) -> str:
    """One quoted word for a person to read and copy; invisible characters become `?`, as in `shown_command`.

    Raises Untrusted for text that no command line can carry.

    >>> shown_word("rodan_web.1.x"), shown_word("x;y")
    ('rodan_web.1.x', "'x;y'")
    """
    return shown_command((text,))


def installed_word(text: str, what: str = "the name") -> str:
    """A node's name as a quoted word for a line that we install: letters, digits, `_`, `.` and `-` only, at most 253.

    Raises Untrusted for anything else; `what` names the text in the message.

    >>> installed_word("rodan_nginx")
    'rodan_nginx'
    >>> installed_word("x$(reboot)", "the label")
    Traceback (most recent call last):
    fleetkeeper.untrusted.Untrusted: the label is 'x$(reboot)': letters, digits, `_`, `.` and `-` are taken
    """
    if not INSTALLED.fullmatch(text) or len(text) > LONGEST_NAME:
        shown = one_line(repr(text[:60])) + ("…" if len(text) > 60 else "")
        raise Untrusted(f"{what} is {shown}: letters, digits, `_`, `.` and `-` are taken")
    return shell_word(text)


def installed_path(path: str, what: str = "the directory") -> str:
    """A node's absolute path for a line that we install: `installed_word` names between slashes.

    Raises Untrusted for anything else; `what` names the path in the message.

    >>> installed_path("/var/backups")
    '/var/backups'
    """
    if not path.startswith("/"):
        raise Untrusted(f"{what} is {one_line(repr(path[:60]))}: not an absolute path")
    return "/" + "/".join(installed_word(name, f"a name in {what}") for name in path.strip("/").split("/"))


def one_of(text: str, known_names: Iterable[str], what: str) -> str:
    """The member of `known_names` that equals the text. Raises Untrusted for any other; `what` names it in the message.

    >>> one_of("/usr/bin/docker", {"/usr/bin/docker"}, "the client")
    '/usr/bin/docker'
    """
    match = next((name for name in known_names if name == text), None)
    if match is None:
        raise Untrusted(f"{what} is {one_line(repr(text[:60]))}, and not one of the places that are known here")
    return match


def plain_path(path: str) -> str:
    """The same path if it is absolute and normalized: no `..`, no needless slash, no invisible character.

    Raises Untrusted for any other.

    >>> plain_path("/etc/../etc/passwd")
    Traceback (most recent call last):
    fleetkeeper.untrusted.Untrusted: not a plain absolute path: '/etc/../etc/passwd'
    """
    pure = PurePosixPath(path)
    plain = pure.is_absolute() and str(pure) == path and ".." not in pure.parts and not path.startswith("//")
    if not plain or not all(map(is_shown, path)):
        raise Untrusted(f"not a plain absolute path: {path!r}")
    return path


def printable_text(text: str) -> str:
    """Text for a terminal: every invisible character is replaced by its escape; newlines and tabs stay.

    Invisible are control, format and private characters, surrogates, tags, zero-width and bidi marks, variation
    selectors.

    >>> printable_text("a\\x1b[31mb"), printable_text("a\\u202eb\\u200d\\U000e0041")
    ('a\\\\x1b[31mb', 'a\\\\u202eb\\\\u200d\\\\U000e0041')
    """
    if text.isprintable() and not INVISIBLE.search(text):
        return text
    return "".join(char if is_shown(char) or char in KEPT else written_out(char) for char in text)


def one_line(text: str) -> str:
    """Text for a terminal on a single line: as `printable_text`, with newlines as `\\n` and tabs as blanks.

    >>> one_line("a\\n::error::b")
    'a\\\\n::error::b'
    """
    return printable_text(text).replace("\n", "\\n").replace("\t", " ")


def is_shown(char: str) -> bool:
    """Whether a character is visible; blanks of any width are.

    >>> [is_shown(char) for char in "é\\u00a0\\u200b\\n"]
    [True, True, False, False]
    """
    if INVISIBLE.match(char):
        return False
    return char.isprintable() or unicodedata.category(char) == "Zs"


def written_out(char: str) -> str:
    """The Python escape of a character, such as `\\x1b`."""
    return char.encode("unicode_escape").decode("ascii")


def json_document(content: object, default: Callable[[object], str] | None = None) -> str:
    r"""The content as JSON indented by 2, ASCII only, so that nothing in it can control a terminal that shows it.

    `default` is that of `json.dumps`.

    >>> print(json_document({"a": "\u2028"}))
    {
      "a": "\u2028"
    }
    """
    return json.dumps(content, indent=2, ensure_ascii=True, default=default)


def yaml_text(text: str) -> str:
    r"""The text as a double-quoted YAML scalar; invisible characters become YAML escapes.

    >>> print(yaml_text('a"\u202e\n'))
    "a\"\u202e\n"
    """
    return "".join(char if is_shown(char) else written_out(char) for char in json.dumps(text, ensure_ascii=False))


def annotation_text(text: str, more: str = "") -> str:
    """Text for an annotation of GitHub Actions: `%`, line ends and the characters of `more` become %XX.

    The runner decodes them. Properties need `more` to be ":,".

    >>> annotation_text("50% ::error::\\n"), annotation_text("a,b: c", ":,")
    ('50%25 ::error::\\\\n', 'a%2Cb%3A c')
    """
    text = one_line(text)
    for char in ("%", "\r", "\n", *more):
        text = text.replace(char, f"%{ord(char):02X}")
    return text


SAID_BY_SERVER = re.compile(r"\b[^\W\d_]{3,20}:  ")
"""The mark of a message of the server in the output of psql and pg_restore: `ERROR:` or its translation, two blanks."""
NAME = r'"(?:[A-Za-z_][A-Za-z0-9_.$-]{0,62}|\.\.\.)"'
THING = r"(?:relation|table|view|sequence|index|constraint|column|type|function|operator|schema|role|user|database|"
THING += r"extension|language|tablespace|collation|trigger|publication|subscription|parameter|configuration parameter)"
TYPE = r"[a-z]+(?: [a-z]+)*(?:\([0-9,]+\))?"
CLASSES = re.compile(
    rf"{THING} {NAME}(?: (?:of|for) (?:relation|table|type) {NAME})? (?:does not exist|already exists)"
    rf"|unrecognized configuration parameter {NAME}"
    rf"|duplicate key value violates unique constraint {NAME}"
    rf"|conflicting key value violates exclusion constraint {NAME}"
    rf"|insert or update on table {NAME} violates foreign key constraint {NAME}"
    rf"|update or delete on table {NAME} violates foreign key constraint {NAME}"
    rf"|new row for relation {NAME} violates check constraint {NAME}"
    rf"|null value in column {NAME} of relation {NAME} violates not-null constraint"
    rf"|could not create unique index {NAME}"
    rf"|(?:missing data|invalid input syntax) for column {NAME}"
    rf"|value too long for type {TYPE}"
    rf"|invalid input syntax for type {TYPE}"
    rf"|invalid input value for enum [a-z_]+"
    rf"|invalid byte sequence for encoding {NAME}"
    rf"|(?:date/time field value|value) out of range|{TYPE} out of range"
    rf"|extra data after last expected column|unterminated CSV quoted field|syntax error(?: at end of input)?"
    rf"|permission denied(?: (?:for|to) (?:{THING}|[a-z]+)(?: {NAME})?)?|must be (?:owner|superuser|member)"
    rf"|extension {NAME} is not available|could not open extension control file"
    rf"|could not (?:write|read|extend|access|open|create|fsync) (?:to )?file|out of memory|out of shared memory"
    rf"|too many (?:clients|connections)|no space left|invalid locale name"
    rf"|(?:the database system|terminating connection|canceling statement)"
)
"""What Postgres' messages begin with, up to where the values of a row may stand (errcodes, copyfrom.c, execMain.c)."""
NOT_REPEATED = "an error of the server, whose words are not repeated: they may hold values of a row"


def without_values(text: str) -> str:
    """The kind of the first error in text from psql or pg_restore, without anything that may be a value of a row.

    Text without a message of the server (no `ERROR:  `) is returned on one line; an unknown kind gives NOT_REPEATED.

    >>> without_values('psql:<stdin>:7: ERROR:  invalid input syntax for type integer: "4111 1111"')
    'invalid input syntax for type integer'
    >>> without_values("ERROR:  Mrs Smith has no address")
    'an error of the server, whose words are not repeated: they may hold values of a row'
    >>> without_values("psql ended with 3")
    'psql ended with 3'
    """
    marks = list(SAID_BY_SERVER.finditer(text))
    if not marks:
        return one_line(text)
    match = CLASSES.match(text, marks[0].end())
    return one_line(match.group()) if match else NOT_REPEATED
