"""Programs that run another program, shells that run a script, and programs that run none of their arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from fleetkeeper.readers.shell.options import after_options
from fleetkeeper.readers.shell.words import Part, Unreadable, Word, literal_text

SYSTEMD_RUN = frozenset(
    {
        "-p",
        "--property",
        "-u",
        "--unit",
        "-E",
        "--setenv",
        "-M",
        "--machine",
        "-H",
        "--host",
        "--description",
        "--slice",
        "--uid",
        "--gid",
        "--nice",
        "--working-directory",
        "--service-type",
        "--on-active",
        "--on-boot",
        "--on-startup",
        "--on-calendar",
        "--on-unit-active",
        "--on-unit-inactive",
        "--timer-property",
        "--path-property",
        "--socket-property",
    }
)
SETPRIV_NAMES = (
    "reuid regid ruid rgid euid egid groups inh-caps ambient-caps bounding-set securebits pdeathsig selinux-label "
    "apparmor-profile"
)
SETPRIV = frozenset(f"--{name}" for name in SETPRIV_NAMES.split())
WRAPPERS: Mapping[str, frozenset[str]] = {
    "sudo": frozenset({"-u", "-g", "-h", "-p", "-C", "-T", "-D"}),
    "doas": frozenset({"-u", "-C"}),
    "env": frozenset({"-u", "-C"}),
    "time": frozenset({"-f", "-o"}),
    "nice": frozenset({"-n", "--adjustment"}),
    "ionice": frozenset({"-c", "-n", "-p", "--class", "--classdata"}),
    "chrt": frozenset(),
    "taskset": frozenset(),
    "setsid": frozenset(),
    "setpriv": SETPRIV,
    "nohup": frozenset(),
    "exec": frozenset({"-a"}),
    "command": frozenset(),
    "chronic": frozenset(),
    "cronic": frozenset(),
    "run-one": frozenset(),
    "stdbuf": frozenset({"-i", "-o", "-e"}),
    "timeout": frozenset({"-s", "-k", "--signal", "--kill-after"}),
    "flock": frozenset({"-w", "-E", "--timeout", "--conflict-exit-code"}),
    "gosu": frozenset(),
    "su-exec": frozenset(),
    "setuidgid": frozenset(),
    "s6-setuidgid": frozenset(),
    "tini": frozenset({"-p", "-e"}),
    "dumb-init": frozenset({"-r"}),
    "systemd-cat": frozenset({"-t", "-p", "--identifier", "--priority"}),
    "systemd-run": SYSTEMD_RUN,
    "run-this-one": frozenset(),
    "keep-one-running": frozenset(),
}
"""Programs that run the words after their options, and which options take the next word as their value."""
MOST_WRAPPERS = 16
OPERANDS = {
    **dict.fromkeys(("timeout", "flock", "chrt", "taskset"), 1),
    **dict.fromkeys(("gosu", "su-exec", "setuidgid", "s6-setuidgid"), 1),
}
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
    """The command behind sudo, nice, timeout and such; the PATH that env or sudo sets, or ""; whether they set more.

    Raises Unreadable for more than 16 such programs, and for `env -S`, which splits words by rules of its own. No words
    are left where a wrapper has no command behind it.
    """
    rest, path, assigned = list(words), "", False
    match = 0
    while rest and is_wrapper(rest):
        name = (literal_text(rest[0]) or "").rpartition("/")[2]
        match += 1
        if match > MOST_WRAPPERS:
            raise Unreadable("too many programs run one another")
        behind = after_options(rest[1:], WRAPPERS.get(name, RUNUSER))
        if name == "env" and behind[:1] and literal_text(behind[0]) == "-":
            behind = after_options(behind[1:], WRAPPERS[name])
        if name == "env" and any(map(splits, rest[1 : len(rest) - len(behind)])):
            raise Unreadable("`env -S` is more than is understood here")
        rest = behind[OPERANDS.get(name, 0) :]
        while name in ("env", "sudo") and rest and "=" in (literal_text(rest[0]) or ""):
            key, _, value = (literal_text(rest.pop(0)) or "").partition("=")
            path = value if key == "PATH" else path
            assigned = assigned or key != "PATH"
        if name == "flock" and rest[:1] and literal_text(rest[0]) in ("-c", "--command"):
            rest = [(Part("text", "sh"),), *rest]
    return rest, path, assigned


RUNUSER = frozenset({"-u", "--user", "-g", "--group", "-G", "--supp-group", "-w", "--whitelist-environment"})


def is_wrapper(words: Sequence[Word]) -> bool:
    """Whether the first of these words runs the program behind it; `runuser` does with `-u`."""
    name = (literal_text(words[0]) or "").rpartition("/")[2]
    if name == "runuser":
        texts = [literal_text(word) for word in words[1:3]]
        return bool({"-u", "--user"} & set(texts)) and script_of(words[1:], anywhere=True) is None
    if name == "command" and len(words) > 1 and literal_text(words[1]) in ("-v", "-V"):
        return False
    return name in WRAPPERS


def new_user(words: Sequence[Word]) -> str:
    """The user that sudo, doas, runuser or su among these words change to; "" without such an option.

    >>> [new_user([(Part("text", word),) for word in text.split()]) for text in ("runuser -u ops --", "sudo -nuops -i")]
    ['ops', 'ops']
    """
    texts = [literal_text(word) or "" for word in words]
    bases = [text.rpartition("/")[2] for text in texts]
    if bases[:1] and bases[0] in SWITCHERS and "-u" not in texts and "--user" not in texts:
        return operand_of_su(texts[1:])
    switches = [index for index, base in enumerate(bases) if base in USER_OPTIONS]
    if not switches:
        return ""
    name, behind = bases[switches[-1]], texts[switches[-1] + 1 :]
    user = named_user(behind, USER_OPTIONS[name])
    if name == "setpriv" and re.fullmatch("[0-9]+", user):
        user = f"#{user}"
    return ("root" if user == "#0" else user) or ("" if name in ("systemd-run", "setpriv") else "root")


USER_OPTIONS = {
    **dict.fromkeys(("sudo", "doas", "su", "runuser"), ("u", "--user")),
    "systemd-run": ("", "--uid"),
    "setpriv": ("", "--reuid"),
}
"""The letter, and the name, of the option with which a program is told whom it becomes."""


def named_user(texts: Sequence[str], option: tuple[str, str]) -> str:
    """The user that the first such option among the words behind a program names, attached or apart; "" without one.

    >>> [named_user(text.split(), ("u", "--user")) for text in ("-Hu ops", "-uops", "--user=ops x", "-n x")]
    ['ops', 'ops', 'ops', '']
    """
    letter, name = option
    short = re.compile(f"-[A-Zabe-gi-oq-tv-z]*{letter}(.*)") if letter else None
    for text, after in pairwise([*texts, ""]):
        match = short.fullmatch(text) if short and not text.startswith("--") else None
        if text == name or match:
            return (match[1] if match else "") or after
        if text.startswith(f"{name}="):
            return text.partition("=")[2]
    return ""


def operand_of_su(texts: Sequence[str]) -> str:
    """The user among the arguments of `su` or `runuser`; root without one.

    >>> operand_of_su(["-c", "docker ps", "ops"]), operand_of_su(["-", "ops", "-c", "id"]), operand_of_su(["-c", "id"])
    ('ops', 'ops', 'root')
    """
    valued = False
    for text in texts:
        if valued or text == "-" or text.startswith("-"):
            valued = not valued and text in ("-c", "--command", "-s", "--shell", "-g", "-G", "-w")
            continue
        return text
    return "root"


def splits(option: Word) -> bool:
    """Whether an option of `env` splits a text into words: -S, also among other letters, or its long name.

    The long name may be abbreviated.
    """
    text = literal_text(option) or ""
    return text.startswith("--s") or re.match("-[a-zA-Z]*S", text) is not None


def script_of(words: Sequence[Word], *, anywhere: bool = False) -> str | None:
    """The script that a shell gets with `-c`, from its arguments; None when it gets none.

    `anywhere`: operands may precede `-c`, as in `su - root -c …`. Its variables are as written (`source`).

    >>> [script_of([(Part("text", word),) for word in line.split()]) for line in ("-lc x", "-o e -c x", "a -c x")]
    ['x', 'x', None]
    """
    behind = arguments_of_script(words, anywhere=anywhere, script=True)
    return source(behind[0]) if behind else None


def arguments_of_script(words: Sequence[Word], *, anywhere: bool = False, script: bool = False) -> list[Word] | None:
    """The words behind the script that a shell gets with `-c`, `$0` first; None when it gets none.

    `anywhere`: as in `script_of`. `script`: the script itself comes first.
    """
    rest = list(words)
    expected = False
    while rest:
        text = literal_text(rest[0]) or ""
        if not text.startswith(("-", "+")) or text == "-":
            if expected or not anywhere:
                return rest[not script :] if expected else None
            rest.pop(0)
            continue
        rest.pop(0)
        expected = expected or text == "--command" or ("c" in text and not text.startswith("--"))
        if re.fullmatch(r"[-+]\w*[oO]", text) or (anywhere and text in ("-s", "-g", "-G", "-u", "-w")):
            rest = rest[1:]
    return None


def source(word: Word) -> str:
    """The source text of a word for a shell to read: plain text as it is, substitutions and variables as written."""
    forms = {"text": "{}", "command": "$({})", "variable": "${{{}}}"}
    return "".join(forms[part.kind].format(part.text) for part in word)


def quote_word(word: Word) -> str:
    """A plain word in single quotes; any other word as `$UNKNOWN`, a variable without a known value."""
    text = literal_text(word)
    return "$UNKNOWN" if text is None else "'" + text.replace("'", "'\\''") + "'"
