"""Programs that run another program, shells that run a script, and programs that run none of their arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fleetkeeper.readers.shell.options import after_options
from fleetkeeper.readers.shell.words import Part, Unreadable, Word, literal_text

WRAPPERS: Mapping[str, frozenset[str]] = {
    "sudo": frozenset({"-u", "-g", "-h", "-p", "-C", "-T", "-D"}),
    "doas": frozenset({"-u", "-C"}),
    "env": frozenset({"-u", "-C"}),
    "nice": frozenset({"-n", "--adjustment"}),
    "ionice": frozenset({"-c", "-n", "-p", "--class", "--classdata"}),
    "chrt": frozenset(),
    "taskset": frozenset(),
    "setsid": frozenset(),
    "setpriv": frozenset({"--reuid", "--regid", "--groups"}),
    "nohup": frozenset(),
    "exec": frozenset({"-a"}),
    "command": frozenset(),
    "chronic": frozenset(),
    "cronic": frozenset(),
    "run-one": frozenset(),
    "stdbuf": frozenset({"-i", "-o", "-e"}),
    "timeout": frozenset({"-s", "-k", "--signal", "--kill-after"}),
    "flock": frozenset({"-w", "-E", "--timeout", "--conflict-exit-code"}),
    "systemd-cat": frozenset({"-t", "-p", "--identifier", "--priority"}),
}
"""Programs that run the words after their options, and which options take the next word as their value."""
MOST_WRAPPERS = 16
OPERANDS = {"timeout": 1, "flock": 1, "chrt": 1, "taskset": 1}
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
SWITCHERS = frozenset({"su", "runuser"})
"""Programs that give a script to a user's login shell: `-c` may come after the user, too."""
INTERPRETERS = SHELLS | {"python", "python3", "perl", "ruby", "php", "node"}
TOLD = "echo printf logger cat grep egrep awk sed head tail wc sort tee date df du ls stat which type"
DONE = "test [ true false : exit return cd sleep wait mkdir rm mv cp touch gzip tar rsync curl wget mail"
KEPT = "apt apt-get systemctl service"
INERT = frozenset(f"{TOLD} {DONE} {KEPT}".split())
"""Programs that run none of their arguments, as they are used in crontabs."""


def unwrap_command(words: Sequence[Word]) -> tuple[list[Word], str, bool]:
    """The command behind sudo, nice, timeout and the like; the PATH that `env` sets, or ""; whether `env` sets others.

    Raises Unreadable for more than 16 such programs, and for `env -S`, which splits words by rules of its own.
    """
    rest, path, assigned = list(words), "", False
    match = 0
    while rest and (name := (literal_text(rest[0]) or "").rpartition("/")[2]) in WRAPPERS:
        match += 1
        if match > MOST_WRAPPERS:
            raise Unreadable("too many programs run one another")
        behind = after_options(rest[1:], WRAPPERS[name])
        if name == "env" and any(map(splits, rest[1 : len(rest) - len(behind)])):
            raise Unreadable("`env -S` is more than is understood here")
        rest = behind[OPERANDS.get(name, 0) :]
        while name == "env" and rest and "=" in (literal_text(rest[0]) or ""):
            key, _, value = (literal_text(rest.pop(0)) or "").partition("=")
            path = value if key == "PATH" else path
            assigned = assigned or key != "PATH"
        if name == "flock" and rest[:1] and literal_text(rest[0]) in ("-c", "--command"):
            rest = [(Part("text", "sh"),), *rest]
    return rest, path, assigned


def splits(option: Word) -> bool:
    """Whether an option of `env` splits a text into words: -S, also among other letters, or its long name.

    The long name may be abbreviated.
    """
    text = literal_text(option) or ""
    return text.startswith("--s") or re.match("-[a-zA-Z]*S", text) is not None


def script_of(words: Sequence[Word], *, anywhere: bool = False) -> str | None:
    """The script that a shell gets with `-c`, from its arguments; None when it gets none.

    `anywhere`: operands may precede `-c`, as in `su - root -c …`.

    >>> [script_of([(Part("text", word),) for word in line.split()]) for line in ("-lc x", "-o e -c x", "a -c x")]
    ['x', 'x', None]
    """
    rest = list(words)
    expected = False
    while rest:
        text = literal_text(rest[0]) or ""
        if not text.startswith(("-", "+")) or text == "-":
            if expected or not anywhere:
                return source(rest[0]) if expected else None
            rest.pop(0)
            continue
        rest.pop(0)
        expected = expected or text == "--command" or ("c" in text and not text.startswith("--"))
        if text in ("-o", "+o", "-O") or (anywhere and text in ("-s", "-g", "-G", "-u", "-w")):
            rest = rest[1:]
    return None


def source(word: Word) -> str:
    """The source text of a word for a shell: plain text as it is, substitutions and variables as they are written."""
    forms = {"text": "{}", "command": "$({})", "variable": "${{{}}}"}
    return "".join(forms[part.kind].format(part.text) for part in word)


def quote_word(word: Word) -> str:
    """A plain word in single quotes; any other word as `$UNKNOWN`, a variable without a known value."""
    text = literal_text(word)
    return "$UNKNOWN" if text is None else "'" + text.replace("'", "'\\''") + "'"
