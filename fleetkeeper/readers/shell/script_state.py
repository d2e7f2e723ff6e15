"""The state of a script while it is followed, the commands that it runs, and what a part of it leaves."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from fleetkeeper.readers.shell.kept_settings import KEPT, kept_settings
from fleetkeeper.readers.shell.known_values import located_here
from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.syntax_tree import Command, Function, Redirections
from fleetkeeper.readers.shell.truth import NO, YES, Truth, both, either
from fleetkeeper.readers.shell.words import Part, Simple, Unreadable, Word, literal_text, simple_commands
from fleetkeeper.readers.shell.wrappers import new_user

DEEPEST = 4
"""Shells inside each other that are followed."""
MOST_ARGUMENTS = 9
"""Arguments of a function that are known to be missing where they are."""
POSITIONAL = frozenset({"#", "@", "*"})
"""Variables about the arguments of a script or a function, besides `$1` and so on."""
MOST_PARTS, MOST_CHARACTERS = 64, 4096
"""Limits of a word after substitution: each `a=$a$a;` doubles it, and one line of any user would fill the memory."""


@dataclass(frozen=True)
class Fate:
    """What becomes of the status and the output of a command.

    `judged`: something depends on its status. `piped_into` is the program at the end of its pipe, whose status counts
    instead, or "". `swallowed`: `|| true` makes any end a success. `errors` is where its standard error goes: a path,
    or "" for where the script's goes. `traced`: the shell prints each command before it runs it (`set -x`).
    """

    judged: bool = False
    piped_into: str = ""
    swallowed: bool = False
    errors: str = ""
    traced: bool = False


NO_FATE = Fate()


@dataclass(frozen=True)
class ExecutedCommand:
    """One command that a script runs: its words without wrappers such as sudo, and its own assignments.

    `written` are its words with wrappers. `reach` says whether the script gets to it, and is never just expected.
    `path` is the PATH that is set for it, or "". `quiet`: no variable that may hold a secret is set for it. `before` is
    the command whose output it reads, `directory` where it runs, "" where that is not known. `user` is the account that
    runuser or sudo gives it, or "". `lookups` are lookups of containers that are expected to have found something.
    `repeated`: it stands in a `while` or `until`, or a `for` without an end. `settings` are variables of KEPT that it
    gets.
    """

    words: tuple[Word, ...]
    written: tuple[Word, ...]
    own: Mapping[str, Word]
    reach: Truth
    path: str = ""
    quiet: bool = True
    before: Simple | None = None
    directory: str = ""
    user: str = ""
    lookups: tuple[str, ...] = ()
    fate: Fate = NO_FATE
    repeated: bool = False
    settings: Mapping[str, Word] = field(default_factory=dict)

    def behind(self, goes_on: Truth) -> ExecutedCommand:
        """The same command, run only if the script goes on that far."""
        return self if goes_on.value is True else replace(self, reach=both(goes_on, self.reach))

    @property
    def name(self) -> str:
        """The name of its program, without a directory; "" without words, and for a word that is not plain."""
        return (literal_text(self.words[0]) or "").rpartition("/")[2] if self.words else ""


def is_positional(name: str) -> bool:
    """Whether a variable is about the arguments of a script or a function."""
    return name in POSITIONAL or re.fullmatch("[1-9][0-9]*", name) is not None


@dataclass
class Context:
    """State of a script while it is followed: variables, whether any was assigned besides PATH, and the command before.

    `depth` counts the shells around it. `errexit`: it ends at the first command that fails (`set -e`). `pipefail`: the
    status of a pipe is that of any command in it. `nounset`: it ends at a variable that is not set (`set -u`);
    `noclobber`: `>` opens no file that is there (`set -C`). `fate` is what becomes of the commands that are followed
    now, and `repeated` says whether they stand in a loop without a fixed end, `loops` counts the loops around them.
    `fixed` are variables that are readonly, `within` counts the functions that are run now.
    `unexported` are variables and functions that programs do not get; none is added with `allexport` (`set -a`).
    """

    variables: dict[str, Word] = field(default_factory=dict)
    assigned: bool = False
    before: Simple | None = None
    directory: str = ""
    depth: int = 0
    errexit: bool = False
    pipefail: bool = False
    nounset: bool = False
    noclobber: bool = False
    allexport: bool = False
    fate: Fate = NO_FATE
    repeated: bool = False
    loops: int = 0
    user: str = ""
    within: int = 0
    fixed: set[str] = field(default_factory=set)
    unexported: set[str] = field(default_factory=set)
    functions: dict[str, Command] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    lookups: list[str] = field(default_factory=list)
    descriptors: dict[str, str] = field(default_factory=dict)
    around: Surroundings = field(default_factory=Surroundings)

    def remember(self, values: Mapping[str, Word], reach: Truth) -> None:
        """Store the values of variables where the script gets to them; where that cannot be told, they are unknown."""
        for name, value in values.items():
            if reach.value is not False:
                if name not in self.variables and not self.allexport:
                    self.unexported.add(name)
                self.variables[name] = value if reach.value else (Part("variable", f"{name} here or before"),)

    def enter_function(self, name: str, arguments: Sequence[Word]) -> dict[str, Word]:
        """Begin a function with these arguments; returns the positional parameters outside, for `leave_function`."""
        self.called.add(name)
        self.depth, self.within = self.depth + 1, self.within + 1
        kept = {name: value for name, value in self.variables.items() if is_positional(name)}
        self.leave_function({}, 0)
        self.variables.update({str(number): (Part("text", ""),) for number in range(1, MOST_ARGUMENTS + 1)})
        set_positional(arguments, self)
        return kept

    def leave_function(self, kept: Mapping[str, Word], levels: int = 1) -> None:
        """Put back the positional parameters that were there outside of a function, of which `levels` end."""
        self.depth, self.within = self.depth - levels, self.within - levels
        for name in [name for name in self.variables if is_positional(name)]:
            del self.variables[name]
        self.variables.update(kept)

    def define(self, function: Function) -> None:
        """Store a function, which bash gives to others of its kind after `export -f`."""
        self.functions[function.name] = function.body
        if not self.allexport:
            self.unexported.add(function.name)

    def remember_descriptors(self, redirected: Redirections) -> None:
        """Store which file each number was opened for (`exec 9>/run/lock`); "" for a copy, or an unknown path."""
        for operator, target in redirected:
            number, path = operator.rstrip("<>|&"), literal_text(substitute_variables(target, self))
            if number:
                self.descriptors[number] = path if path and path.startswith("/") else ""

    def inner(self) -> Context:
        """The state of a shell inside this one.

        Its variables and functions are copies; what was called, looked up and opened, and `around`, are shared. `set
        -e` and pipefail are off in it.
        """
        return replace(
            self,
            variables=dict(self.variables),
            before=None,
            depth=self.depth + 1,
            errexit=False,
            pipefail=False,
            nounset=False,
            noclobber=False,
            loops=0,
            unexported=set(self.unexported),
            fixed=set(self.fixed),
            functions=dict(self.functions),
        )


def command_in(
    context: Context, words: tuple[Sequence[Word], Sequence[Word]], own: Mapping[str, Word], reach: Truth, path: str
) -> ExecutedCommand:
    """The command with these words (without wrappers such as sudo, and with them) that runs in a context now.

    `own` are its assignments, `path` the PATH that is set for it, or "".
    """
    rest, written = words
    return ExecutedCommand(
        tuple(rest),
        tuple(written),
        own,
        reach,
        path,
        quiet=not context.assigned,
        before=context.before,
        directory=context.directory,
        user=new_user(written[: len(written) - len(rest)]) or context.user,
        lookups=tuple(context.lookups),
        fate=context.fate,
        repeated=context.repeated,
        settings=settings_of(context, written[: len(written) - len(rest)], own),
    )


def settings_of(context: Context, wrappers: Sequence[Word], own: Mapping[str, Word]) -> dict[str, Word]:
    """The variables of KEPT that a command gets in a context now, behind these wrappers, with its assignments."""
    if not wrappers and not own and not KEPT & context.variables.keys():
        return {}
    names = KEPT & context.variables.keys() - context.unexported
    return kept_settings({name: context.variables[name] for name in names}, wrappers, own)


@dataclass(frozen=True)
class Outcome:
    """What a part of a script leaves: its status, whether it ended the script, whether it left its loop."""

    status: Truth = YES
    ends: Truth = NO
    leaves: Truth = NO


def take_turn(context: Context, least: int) -> None:
    """Take one from what may still be followed of the scripts of this account.

    Raises Unreadable when `least` is left, which is what one script must leave to the others, or nothing.
    """
    effort = context.around.effort
    effort.left -= 1
    if effort.left < max(least, 0):
        raise Unreadable("it holds more commands than are followed here")


def substitute_variables(word: Word, context: Context) -> Word:
    """The word with known variables replaced; unknown ones stay. Raises Unreadable when it grows beyond the limits."""
    parts: list[Part] = []
    for part in word:
        variable = context.variables.get(part.text) if part.kind == "variable" else None
        own = known_lookup(part, context) if part.kind == "command" and "$" in part.text else part
        own = located_here(own, context.variables, context.functions)
        parts.extend(variable if variable is not None else (own,))
        if variable and (len(parts) > MOST_PARTS or sum(len(part.text) for part in parts) > MOST_CHARACTERS):
            raise Unreadable("its variables hold more than is followed here")
    return tuple(parts)


def known_lookup(part: Part, context: Context) -> Part:
    """A substitution of `docker ps …` with its variables replaced, where all of them are known; else as it is."""
    text = QUIET.sub("", part.text)
    if not LOOKUP.match(text) or SEVERAL.search(text):
        return part
    try:
        words = [
            [literal_text(substitute_variables(word, context)) for word in simple.words]
            for simple in simple_commands(text)
        ]
    except Unreadable:
        return part
    plain = [[word for word in line if word is not None] for line in words]
    return replace(part, text=" | ".join(map(shlex.join, plain))) if plain == words else part


LOOKUP = re.compile(r"\s*(?:\S*/)?(?:docker|podman)\s+(?:container\s+|compose\s+)?(?:ps|ls)\b")
QUIET = re.compile(r"[12]?>\s*(?:/dev/null|&[12])(?!\S)")
SEVERAL = re.compile(r"[;&<>`\n]|\$\(|\|\|")
"""What makes more of a script than one pipe."""


def from_home(path: str, context: Context) -> str:
    """The path with the home directory for a `~` in front, where that is known; any other path as it is."""
    user = context.around.user
    home = literal_text(context.variables.get("HOME", ())) or (user.home if user is not None else "")
    return f"{home.rstrip('/')}{path[1:]}" if path[:2] in ("~", "~/") and home.startswith("/") else path


def choose(entered: Truth, inside: Truth, before: Truth) -> Truth:
    """The status after a part that was entered or not (`entered`): `inside` of the part, or `before` it.

    Where it cannot be told whether it was entered, the status cannot be told either, unless both are alike.
    """
    if entered.value is None:
        return entered if inside.value is not before.value else inside
    return inside if entered.value else before


def either_of(truths: Sequence[Truth]) -> Truth:
    """Whether one of several is so. NO without any."""
    result = NO
    for truth in truths:
        result = either(result, truth)
    return result


def errors_of(redirected: Redirections, before: str) -> str:
    """Where standard error goes with these redirections: a path; `before` where they leave it as it was.

    "a file" for a path that is not known.

    >>> null = (Part("text", "/dev/null"),)
    >>> errors_of(((">", null), ("2>&", (Part("text", "1"),))), ""), errors_of(((">>", null),), "")
    ('/dev/null', '')
    """
    output, errors = "", before
    for operator, target in redirected:
        text = literal_text(target) or "a file"
        if operator.startswith("&>"):
            output, errors = text, text
        elif operator.endswith(">&") and text in ("1", "2"):
            output, errors = (errors, errors) if operator[0] != "2" else (output, output)
        elif operator[0] == "2":
            errors = text
        elif operator.lstrip("1") in (">", ">>", ">|"):
            output = text
    return errors


def assignments(words: Sequence[Word]) -> dict[str, Word]:
    """The values of the assignments among the words; other words are ignored.

    >>> assignments([(Part("text", "A="), Part("variable", "B")), (Part("text", "-x"),)])
    {'A': (Part(kind='variable', text='B'),)}
    """
    values: dict[str, Word] = {}
    for word in [tuple(part for part in word if part != Part("text", "")) for word in words]:
        name, equals, first = word[0].text.partition("=") if word and word[0].kind == "text" else ("", "", "")
        if equals:
            values[name] = (Part("text", first), *word[1:]) if first or not word[1:] else word[1:]
    return values


def set_positional(words: Sequence[Word], context: Context) -> None:
    """Store in the context's variables the words after `set --` as `$1`, `$2` and so on, and their number as `$#`.

    A substitution, which may give several words, counts as one.
    """
    for number, word in enumerate(words, 1):
        context.variables[str(number)] = word
    context.variables["#"] = (Part("text", str(len(words))),)
    if words:
        context.variables["@"] = context.variables["*"] = words[0]
