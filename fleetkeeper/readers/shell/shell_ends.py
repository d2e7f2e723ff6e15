"""What ends a script besides `exit`: a wait without an end, signals to itself, limits, calculations that fail.

Source: dash(1), bash(1), POSIX.1-2017 2.8.1 "Consequences of Shell Errors" and 2.6.4 "Arithmetic Expansion".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fleetkeeper.readers.shell.conditions import show
from fleetkeeper.readers.shell.options import option_value
from fleetkeeper.readers.shell.script_state import Context
from fleetkeeper.readers.shell.syntax_tree import Redirections
from fleetkeeper.readers.shell.truth import NO, YES, Truth
from fleetkeeper.readers.shell.words import Part, Word, literal_text
from fleetkeeper.readers.shell.wrapper_programs import LONG_IN_LOOP, TOO_LONG, is_too_long

ITSELF = Part("variable", "$")
HARMLESS = frozenset({"-0", "-CONT", "-SIGCONT", "-CHLD", "-SIGCHLD", "-URG", "-WINCH", "-L", "-l"})
LEAST = {"v": 4_000_000, "d": 1_000_000, "s": 512, "u": 64, "n": 64, "t": 60, "f": 1}
"""Limits of `ulimit` below which programs may no longer work: in KiB, of processes and files, in seconds."""
OCTAL = re.compile(r"(?<![\w#$.{])0[0-9]*[89]")
OF_DATE = re.compile(r"(?<!10#)\$\(\s*date\s+['\"]?\+%[HMSdmyjUVW]['\"]?\s*\)")
"""A part of the time that `date` prints with a zero in front: 08 and 09 are no numbers."""


def ends_behind(words: Sequence[Word], context: Context) -> Truth:
    """Whether a program, or a command of the shell, with these words ends the script, or breaks what follows it.

    NO for any other.
    """
    name = (literal_text(words[0]) or "").rpartition("/")[2] if words else ""
    texts = [literal_text(word) for word in words[1:]]
    if name == "sleep" and is_too_long(words[1:], LONG_IN_LOOP if context.repeated else TOO_LONG):
        return Truth(None, f"{show(words)} waits for too long")
    why = {
        "takes the node down": takes_node_down(name, texts),
        "does not end by itself": goes_on_for_ever(name, texts) and not context.fate.piped_into,
        "sends a signal to the script itself": name == "kill" and kills_itself(words[1:]),
    }
    if ending := next((what for what, so in why.items() if so), ""):
        return Truth(None, f"{show(words)} {ending}")
    if name == "ulimit" and (limit := tight_limit(words[1:])):
        return Truth(None, f"`ulimit {limit}` may be too little for what follows")
    if context.around.shell == "bash" and (
        (name == "trap" and "DEBUG" in texts) or (name == "shopt" and "failglob" in texts)
    ):
        return Truth(None, f"what {show(words)} does to the commands behind it is not known here")
    return NO


def takes_node_down(name: str, texts: Sequence[str | None]) -> bool:
    """Whether a program with these arguments shuts the node down, or starts it again.

    >>> [takes_node_down(*line) for line in (("shutdown", ["-r", "now"]), ("systemctl", ["reboot"]), ("init", ["3"]))]
    [True, True, False]
    """
    if name in ("reboot", "poweroff", "halt", "shutdown"):
        return not {"-c", "-k", "--help", "--show"} & {*texts}
    ending = {"systemctl": {"reboot", "poweroff", "halt", "kexec"}, "init": {"0", "6"}, "telinit": {"0", "6"}}
    return bool(ending.get(name, set()) & {*texts})


FOLLOWING = frozenset({"-f", "-F", "--follow"})


def goes_on_for_ever(name: str, texts: Sequence[str | None]) -> bool:
    """Whether a program with these arguments ends only when somebody ends it.

    >>> goes_on_for_ever("tail", ["-n", "0", "-f", "x"]), goes_on_for_ever("docker", ["logs", "--follow", "db"])
    (True, True)
    >>> goes_on_for_ever("docker", ["compose", "-f", "x.yml", "logs"])
    False
    """
    if name in ("tail", "journalctl"):
        return bool(FOLLOWING & {*texts})
    if name not in ("docker", "docker-compose", "podman"):
        return name == "watch"
    verbs = [text for text in texts if text in ("logs", "events", "stats", "up", "attach")]
    behind = {*texts[texts.index(verbs[0]) + 1 :]} if verbs else set()
    if verbs[:1] == ["logs"]:
        return bool(FOLLOWING & behind)
    if verbs[:1] == ["up"]:
        detached = {"-d", "--detach", "--wait", "--no-start"} & behind
        return not detached and (name == "docker-compose" or "compose" in texts)
    return bool(verbs) and not {"--no-stream", "--until", "exec", "run"} & {*texts}


def kills_itself(words: Sequence[Word]) -> bool:
    """Whether `kill` with these arguments sends a signal that ends programs to its own shell, or to its group."""
    signals = {literal_text(word) for word in words} & HARMLESS or option_value(words, "-s") in ("0", "CONT", "CHLD")
    targets = [word for word in words if ITSELF in word or literal_text(word) == "0"]
    return bool(targets) and not signals and option_value(words, "-s", "-n") != "0"


def tight_limit(words: Sequence[Word]) -> str:
    """The limit that `ulimit` sets with these arguments, as `-v 1000`, where that is very low; "" where it is not.

    >>> [tight_limit([(Part("text", word),) for word in line.split()]) for line in ("-v 1", "-n 1024", "-St unlimited")]
    ['-v 1', '', '']
    """
    texts = [literal_text(word) or "" for word in words]
    letters = [letter for text in texts if text.startswith("-") for letter in text[1:] if letter not in "SH"] or ["f"]
    numbers = [int(text) for text in texts if re.fullmatch("[0-9]{1,15}", text)]
    return f"-{letters[-1]} {numbers[0]}" if numbers and numbers[0] < LEAST.get(letters[-1], 0) else ""


def calculates(text: str, context: Context) -> Truth:
    """Whether the shell can calculate `$((…))`; `text` are its inner brackets. An error ends dash, and bash its line.

    Not to be told for the hour and the like, which has a zero in front in the morning.
    """
    dash = context.around.shell == "dash"
    inner = text[1:-1].strip()
    steps = re.search(r"\w(?:\+\+|--)|\*\*", inner) if dash else None
    cut = re.search(r"[-+*/%&|^<>=]$", inner) and (dash or not re.search(r"\w(?:\+\+|--)$", inner))
    if OCTAL.search(inner) or steps or cut or re.search(r"[/%]\s*0+(?![\w.])", inner):
        return Truth(False if dash else None, f"`$(({inner[:40]}))` cannot be calculated")
    if OF_DATE.search(inner):
        return Truth(None, "a calculation with a part of the time fails where that is 08 or 09")
    return YES


def may_assign(names: Iterable[str], context: Context) -> Truth:
    """Whether a script may assign these variables: an assignment to one that is readonly ends dash, and bash's line."""
    fixed = [name for name in names if name in context.fixed]
    why = f"`{fixed[0][:40]}` is readonly" if fixed else ""
    return Truth(False if context.around.shell == "dash" else None, why) if fixed else YES


def foreign_descriptor(redirected: Redirections, context: Context) -> Truth:
    """Whether dash takes a redirection for something else: its numbers have one digit (`200>file`)."""
    long = [operator for operator, _ in redirected if re.match("[0-9]{2}", operator)]
    if context.around.shell != "dash" or not long:
        return NO
    return Truth(True, f"dash, which is /bin/sh here, takes no `{long[0]}`: only one digit")
