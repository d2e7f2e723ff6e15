"""Whether a command in front of others succeeds: tests of files, of the host, of mounts, of programs; `true`, `false`.

Source: test(1), mountpoint(1), POSIX.1-2017 `test`, bash(1) on `[[`. What needs the node is asked by Surroundings.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from fleetkeeper.readers.shell.file_programs import asks, file_status, manages_services, only_waits
from fleetkeeper.readers.shell.known_values import located_program, terminal_variable
from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.truth import NO, YES, Truth, both, either, opposite
from fleetkeeper.readers.shell.words import Part, Unreadable, Word, literal_text, simple_commands
from fleetkeeper.readers.shell.wrappers import source

TESTS = frozenset({"test", "[", "[["})
FILE_TESTS = {**{f"-{letter}": letter for letter in "efdrwxsbcpS"}, "-h": "L", "-L": "L", "-a": "e"}
COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}
EQUAL = frozenset({"=", "==", "!="})
OPERATORS = EQUAL | COMPARISONS.keys() | {"-nt", "-ot", "-ef", "=~", "<", ">"}
BUILT_IN_NAMES = (
    ". : [ alias bg break cd command continue echo eval exec exit export false fg getopts hash jobs kill local "
    "printf pwd read readonly return set shift test times trap true type ulimit umask unalias unset wait"
)
BUILT_IN = frozenset(BUILT_IN_NAMES.split())
BUILT_IN_BASH = BUILT_IN | {"[[", "declare", "typeset", "let", "shopt", "pushd", "popd", "source", "time", "mapfile"}
EXPECTED_NAMES = (
    "alias chgrp chmod chown cp curl date df docker docker-compose du echo eval exec export find gunzip gzip "
    "head hostname install ln local logger ls mail mkdir mktemp mv nice pg_dump pg_dumpall pigz podman printf "
    "pwd rclone readonly renice restic rm rsync sed set shift shopt sleep sort stat sync tail tar tee touch "
    "trap ulimit umask uname unset wait wc wget xz zstd declare typeset tr cut awk cat certbot nginx umount "
    "mount borg aws s3cmd apachectl apache2ctl haproxy caddy openresty angie"
)
EXPECTED = frozenset(EXPECTED_NAMES.split())
"""Programs that are used to do something, and are expected to succeed; any other in front of `&&` is a condition."""
LOOKUP = re.compile(r"\s*(?:\S*/)?(?:docker|podman)(?:-compose)?\s+(?:container\s+|compose\s+)?(?:ps|ls)\b")
NUMBER = re.compile(r"-?[0-9]{1,12}")
HOST_COMMANDS = (["hostname"], ["uname", "-n"], ["cat", "/etc/hostname"], ["hostname", "-s"], ["hostname", "--short"])
LONGEST_SHOWN = 100


def show(words: Sequence[Word]) -> str:
    """A condition as it is quoted to a person: tests in full; of others, which may hold secrets, the name.

    In backquotes; "a redirection" without words.
    """
    name = literal_text(words[0]) if words else ""
    plain = name in TESTS | {
        "cd",
        ".",
        "source",
        "mountpoint",
        "true",
        "false",
        ":",
        "exit",
        "return",
        "command",
        "set",
    }
    texts = [source(word) for word in words]
    full = " ".join(texts)
    if plain and len(full) <= LONGEST_SHOWN and all(map(is_shown_plainly, texts)):
        return f"`{full}`"
    return f"`{texts[0][:LONGEST_SHOWN]} …`" if texts else "a redirection"


def is_shown_plainly(text: str) -> bool:
    """Whether a word of a condition can be no secret: an option, an operator, a path, a name of the host."""
    harmless = re.fullmatch(
        r"-?-?\w{0,12}|[]\[=!<>()&|.:~]{1,2}|~?\.{0,2}/[\w./+@-]*|\$[({]?(hostname|uname -n|date|id -u|whoami)[^`]*",
        text,
    )
    return harmless is not None or text in ("pipefail", "-euo", "true", "false")


def known_value(word: Word, around: Surroundings) -> str | None:
    """The text of a word, with the host's name, the user's name and number and the like filled in; None if unknown."""
    texts = [part.text if part.kind == "text" else value_of(part, around) for part in word]
    return None if None in texts else "".join(text or "" for text in texts)


def value_of(part: Part, around: Surroundings) -> str | None:
    """The value of a variable or of a substitution, where that is known; None elsewhere, and for others that are empty.

    Known are HOME, LOGNAME and the like, and dirname, basename, hostname, whoami, id, which and `command -v`. Empty
    for a variable that only a person's session has.
    """
    user = around.user
    if part.kind == "variable":
        bash = around.shell == "bash"
        known = {"HOSTNAME": around.host if bash else "", "0": around.script, "-": "c"}
        if user is not None:
            known |= {
                "HOME": user.home,
                "LOGNAME": user.name,
                **({"EUID": str(user.uid), "UID": str(user.uid)} if bash else {}),
            }
        return known.get(part.text) or terminal_variable(part.text, around)
    try:
        commands = simple_commands(part.text)
    except Unreadable:
        return None
    words = [literal_text(word) or "" for word in commands[0].words] if len(commands) == 1 else []
    if len(words) == 2 and words[0] in ("dirname", "basename") and (path := known_value(commands[0].words[1], around)):
        return (posixpath.dirname(path) or ".") if words[0] == "dirname" else posixpath.basename(path)
    if words in HOST_COMMANDS and around.host:
        return around.host.partition(".")[0] if len(words) == 2 and words[0] == "hostname" else around.host
    if user is not None and words in (["whoami"], ["id", "-un"], ["id", "-u"], ["id", "-nu"]):
        return str(user.uid) if words == ["id", "-u"] else user.name
    return located_program(words, around)


def is_lookup(word: Word) -> str:
    """The script of a word that is nothing but `$(docker ps …)`; "" for any other word."""
    parts = [part for part in word if part.kind != "text" or part.text]
    return parts[0].text if len(parts) == 1 and parts[0].kind == "command" and LOOKUP.match(parts[0].text) else ""


class Test:
    """The evaluation of one `test`, `[` or `[[`. `lookups` are the scripts that it expects to print something."""

    def __init__(self, words: Sequence[Word], around: Surroundings, directory: str, *, double: bool = False) -> None:
        """A test of these words, run in `directory` on the node that `around` describes; `double`: it is `[[`."""
        self.words, self.double = list(words), double
        self.around, self.directory = around, directory
        self.at = 0
        self.lookups: list[str] = []

    def peek(self, ahead: int = 0) -> str | None:
        """The text of the next word, or one further on; None at the end and for a word that is not plain."""
        index = self.at + ahead
        return literal_text(self.words[index]) if index < len(self.words) else None

    def evaluate(self) -> Truth:
        """Whether the test of all its words succeeds: NO without words, not to be told with words too many."""
        if not self.words:
            return NO
        result = self.any_of()
        return result if self.at >= len(self.words) else Truth(None)

    def any_of(self) -> Truth:
        """Whether one of the alternatives that `-o` or `||` joins is met. Reads on behind them."""
        result = self.all_of()
        while self.peek() in ("-o", "||"):
            self.at += 1
            result = either(result, self.all_of())
        return result

    def all_of(self) -> Truth:
        """Whether all conditions that `-a` or `&&` joins are met. Reads on behind them."""
        result = self.one_of()
        while self.peek() in ("-a", "&&"):
            self.at += 1
            result = both(result, self.one_of())
        return result

    def one_of(self) -> Truth:
        """Whether one condition is met, with `!` and brackets. Reads on behind it.

        Not to be told for what is not understood.
        """
        left = len(self.words) - self.at
        operator = self.peek(1)
        if left >= 3 and operator in OPERATORS:
            self.at += 3
            left_word, right_word = self.words[self.at - 3], self.words[self.at - 1]
            compares = operator in EQUAL and (operator != "==" or self.double or self.around.shell != "dash")
            if compares and is_lookup(left_word) and literal_text(right_word) == "":
                return self.unary("-n" if operator == "!=" else "-z", left_word)
            return self.compare(left_word, operator or "", right_word)
        text = self.peek()
        if text == "!" and left > 1:
            self.at += 1
            return opposite(self.one_of())
        if text == "(" and left > 2:
            self.at += 1
            result = self.any_of()
            self.at += 1
            return result
        if left >= 2 and text is not None and re.fullmatch("-[a-zA-Z]", text):
            self.at += 2
            return self.unary(text, self.words[self.at - 1])
        self.at += 1
        return self.not_empty(self.words[self.at - 1]) if left > 0 else Truth(None)

    def unary(self, operator: str, word: Word) -> Truth:
        """The result of a test with one operand: NO for -t; not to be told for an unknown operator, path or pattern."""
        if operator in ("-n", "-z"):
            result = self.not_empty(word)
            return result if operator == "-n" else opposite(result)
        if operator == "-t" or (operator == "-a" and self.around.shell == "dash"):
            return NO
        path = known_value(word, self.around)
        if operator not in FILE_TESTS or path is None or re.search(r"[*?[]", path):
            return Truth(None)
        place = self.around.absolute(path, self.directory)
        return self.around.passes(place, FILE_TESTS[operator]) if place else Truth(None)

    def not_empty(self, word: Word) -> Truth:
        """Whether a word is not empty; what looks a container up is expected to find it.

        Such a lookup is added to `lookups`. Not to be told where the word is not known.
        """
        if lookup := is_lookup(word):
            self.lookups.append(lookup)
            return Truth(True, expected=True)
        text = known_value(word, self.around)
        if text is None and any(part.kind == "text" and part.text for part in word):
            return YES
        return Truth(None) if text is None else Truth(text != "")

    def compare(self, left: Word, operator: str, right: Word) -> Truth:
        """Whether `left OPERATOR right` holds, for texts (in `[[` the right side is a pattern) and whole numbers.

        NO for `==` in dash outside `[[`. Not to be told where a value is not known, what should be a number is not one,
        or for an operator on files, `<` or `=~`.
        """
        if operator == "==" and self.around.shell == "dash" and not self.double:
            return NO  # an unexpected operator, with the status 2
        values = known_value(left, self.around), known_value(right, self.around)
        if values[0] is None or values[1] is None:
            return Truth(None)
        first, second = values[0], values[1]
        if operator in EQUAL:
            same = fnmatchcase(first, second) if self.double else first == second
            return Truth(same is (operator != "!="))
        if operator in COMPARISONS and NUMBER.fullmatch(first) and NUMBER.fullmatch(second):
            return Truth(COMPARISONS[operator](int(first), int(second)))
        if operator in COMPARISONS and not self.double and "" in (first.strip(), second.strip()):
            return NO  # not a number, with the status 2
        return Truth(None)


def evaluate_test(words: Sequence[Word], around: Surroundings, directory: str) -> tuple[Truth, list[str]]:
    """The status of `test`, `[` or `[[`, and the lookups of containers that it expects to find something.

    Without its closing bracket there are no words, and it fails.
    """
    inner = list(words[1:])
    if (literal_text(words[0]) or "").rpartition("/")[2] != "test":
        inner = inner[:-1] if inner and literal_text(inner[-1]) in ("]", "]]") else []
    test = Test(inner, around, directory, double=literal_text(words[0]) == "[[")
    return explained(test.evaluate(), show(words)), test.lookups


def explained(truth: Truth, shown: str) -> Truth:
    """The truth with a sentence about the condition that is quoted as `shown`.

    A reason that it had is kept only where it cannot be told.
    """
    if truth.value is None:
        reason = f" ({truth.why})" if truth.why else ""
        return replace(truth, why=f"whether {shown} is true cannot be told{reason}")
    return replace(truth, why=f"{shown} is {'true' if truth.value else 'false'} now")


def program_status(words: Sequence[Word], around: Surroundings, path: str, directory: str) -> Truth:
    """The status of any other command, by its name, as far as it can be told without running it.

    False for one that is not installed, and for `false`; one of EXPECTED succeeds; of any other it cannot be told.
    `words` is not empty.
    """
    name = literal_text(words[0]) or ""
    base, shown = name.rpartition("/")[2], show(words)
    texts = [literal_text(word) for word in words[1:]]
    built_in = BUILT_IN if around.shell in ("dash", "") else BUILT_IN_BASH
    if base in ("true", ":", "false"):
        works = base != "false"
        return Truth(works, f"{shown} always {'succeeds' if works else 'fails'}")
    if name and name not in built_in and around.finds(name, path).value is False:
        return Truth(False, f"{shown} fails: `{base}` is not installed where it is looked for")
    if base == "mountpoint" and texts and texts[-1]:
        return explained(around.mounted(around.absolute(texts[-1], directory)), shown)
    if base in ("which", "type", "hash") or (base == "command" and texts[:1] in (["-v"], ["-V"])):
        return explained(lookup_status(texts, around, path, built_in), shown)
    if process := process_name(base, texts):
        return process_status(process, around, shown)
    return with_files(base, texts, around, shown)


def with_files(base: str, texts: Sequence[str | None], around: Surroundings, shown: str) -> Truth:
    """The status of a program that works on files, which may be missing; else whether it is expected to succeed.

    `base` is its name, `texts` its arguments (None: not known), `shown` the command in the reason.
    """
    files = file_status(base, texts, around)
    if files.value is not True:
        fails = "is not sure to succeed: it" if files.value is None else "fails now:"
        return replace(files, why=f"{shown} {fails} {files.why}")
    works = base in EXPECTED or only_waits(base, texts) or manages_services(base, texts)
    why = f"{shown} is expected to succeed" if works else f"whether {shown} succeeds cannot be told"
    return Truth(True if works else None, why, expected=not asks(base, texts))


def process_status(process: str, around: Surroundings, shown: str) -> Truth:
    """Whether a process of this name runs: one that does may end soon, so that nothing is known of the next time.

    NO where none runs; not to be told in any other case.
    """
    running = around.is_running(process)
    if running is False:
        return Truth(False, f"{shown} finds no process now")
    return Truth(None, f"{shown} finds a process now" if running else f"whether {shown} finds a process cannot be told")


def lookup_status(texts: Sequence[str | None], around: Surroundings, path: str, built_in: frozenset[str]) -> Truth:
    """Whether `command -v` and the like find all programs that they name.

    Not to be told without names, and for a name that is a variable.
    """
    names = [text for text in texts if not (text or "").startswith("-")]
    result = YES if names else Truth(None)
    for name in names:
        result = both(result, Truth(None) if name is None else YES if name in built_in else around.finds(name, path))
    return result


def process_name(base: str, texts: Sequence[str | None]) -> str:
    """The exact name of the process that `pgrep -x NAME` or `pidof NAME` asks for; "" for any other question."""
    if base not in ("pgrep", "pidof"):
        return ""
    names = [text for text in texts if text and not text.startswith("-")]
    exactly = base == "pidof" or "-x" in texts
    fit = exactly and len(names) == 1 and re.fullmatch(r"[\w.+-]{1,15}", names[0]) and set(texts) <= {"-x", names[0]}
    return names[0] if fit else ""


def pattern_fits(value: str | None, pattern: str | None) -> Truth:
    """Whether a pattern of `case` fits a value.

    `*` always does; not to be told where either is None, which is not known.
    """
    if pattern == "*":
        return YES
    if value is None or pattern is None:
        return Truth(None, "which clause of its `case` is run cannot be told")
    return Truth(fnmatchcase(value, pattern), f"its `case` has `{value[:60]}` now")
