"""Arguments with which programs run nothing: options that a wrapper does not have, dates and modes that are none.

Source: env(1), timeout(1), nice(1), stdbuf(1), date(1) and umask in POSIX.1-2017; flock(1), ionice(1), setsid(1),
chrt(1), taskset(1), setpriv(1) of util-linux; sudo(8).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fleetkeeper.readers.shell.truth import YES, Truth
from fleetkeeper.readers.shell.words import Word, literal_text

SUDO_LONG = (
    "askpass background bell chdir chroot close-from command-timeout group host login no-update non-interactive "
    "preserve-env preserve-groups prompt role set-home shell stdin type user reset-timestamp other-user"
)
SETPRIV_LONG = (
    "ambient-caps apparmor-profile bounding-set clear-groups egid euid groups inh-caps init-groups keep-groups "
    "landlock-access landlock-rule no-new-privs nnp pdeathsig ptracer regid reset-env reuid rgid ruid seccomp-filter "
    "securebits selinux-label"
)
OPTIONS: Mapping[str, tuple[str, str]] = {
    "env": (
        "iuCSva",
        "ignore-environment unset chdir split-string argv0 block-signal default-signal ignore-signal "
        "list-signal-handling debug",
    ),
    "timeout": ("skvfp", "foreground kill-after preserve-status signal verbose"),
    "nice": ("n0123456789-+", "adjustment"),
    "nohup": ("", ""),
    "stdbuf": ("ioe", "input output error"),
    "time": ("foapvq", "format output append portability verbose quiet"),
    "command": ("p", ""),
    "exec": ("acl", ""),
    "flock": (
        "sxenwEoFvc",
        "shared exclusive nonblocking nonblock nb timeout wait conflict-exit-code close no-fork verbose command fcntl",
    ),
    "ionice": ("cnt", "class classdata ignore"),
    "setsid": ("cfw", "ctty fork wait"),
    "chrt": (
        "bdefiorRavTPD",
        "batch deadline ext fifo idle other rr reset-on-fork all-tasks verbose sched-runtime sched-period "
        "sched-deadline",
    ),
    "taskset": ("ac", "all-tasks cpu-list"),
    "setpriv": ("", SETPRIV_LONG),
    "sudo": ("ABbCDEgHhiknNPpRrSsTtUu", SUDO_LONG),
    "doas": ("nusa", ""),
    "chronic": ("ev", ""),
    "systemd-cat": ("tp", "identifier priority stderr-priority level-prefix namespace"),
}
"""Letters and names of the options with which a program runs the command behind them; `--help` is none of these."""


def has_options(name: str, words: Sequence[Word]) -> Truth:
    """Whether a wrapper of this name has the options in front of its command; not to be told for one that it may lack.

    `words` are those behind it. Names of options may be abbreviated. YES for a wrapper whose options are not listed.
    """
    letters, names = OPTIONS.get(name, ("", ""))
    for text in [literal_text(word) or "" for word in words] if name in OPTIONS else []:
        if text == "--" or not text.startswith("-"):
            break
        long = text[2:].partition("=")[0] if text.startswith("--") else ""
        listed = any(each.startswith(long) for each in names.split()) if long else text[1:2] in {*letters, ""}
        if not listed:
            return Truth(None, f"`{name}` may have no option `{text[:30]}`, and runs nothing then")
    return YES


DATE_WORDS = (
    "now today yesterday tomorrow ago this last next first third fourth fifth sixth seventh eighth ninth tenth "
    "eleventh twelfth sec secs second seconds min mins minute minutes hour hours day days week weeks fortnight "
    "fortnights month months year years am pm noon midnight utc gmt z mon tue tues wed wednes thu thur thurs fri "
    "sat sun monday tuesday wednesday thursday friday saturday sunday jan feb mar apr may jun jul aug sep sept oct "
    "nov dec january february march april june july august september october november december"
)
DATE_WORD = re.compile(
    rf"@?[-+]?[0-9][-0-9:./+,TZ]*|[-+]|(?:[-+]?[0-9]*)(?:{DATE_WORDS.replace(' ', '|')})[.,]?", re.IGNORECASE | re.ASCII
)
MODE = re.compile(r"0?[0-7]{1,3}|[ugoa]*(?:[-+=][rwxXstugo]*)+(?:,[ugoa]*(?:[-+=][rwxXstugo]*)+)*")


def takes_arguments(base: str, texts: Sequence[str | None]) -> Truth:
    """Whether `date` and `umask` take their arguments (None: not known); YES for any other program.

    Not to be told for a date in words that are none of the usual ones.

    >>> [takes_arguments("date", ["-d", text]).value for text in ("1 day ago", "last monday 02:00", "nope", None)]
    [True, True, None, True]
    >>> [takes_arguments("umask", [text]).value for text in ("077", "u=rwx,go=", "999", "-S", None)]
    [True, True, False, True, True]
    """
    if base == "date" and (dates := [text for text in dates_of(texts) if not are_dates(text)]):
        return Truth(None, f"is given a date, `{dates[0][:30]}`, that is not understood here")
    modes = [text for text in texts if text is not None and not re.fullmatch("-[Sp]+", text)] if base == "umask" else []
    if modes and not MODE.fullmatch(modes[0]):
        return Truth(False, f"`{modes[0][:30]}` is no mode")
    return YES


def dates_of(texts: Sequence[str | None]) -> list[str]:
    """The dates that `date` gets with `-d`, `-s` and their long names; those that are not known are left out.

    >>> dates_of(["+%F", "-ud", "now", "--date=@1"]), dates_of(["-d", None])
    (['now', '@1'], [])
    """
    dates: list[str | None] = []
    for number, text in enumerate(texts):
        name, equals, value = (text or "").partition("=")
        if name in ("--date", "--set"):
            dates.append(value if equals else next(iter(texts[number + 1 :]), None))
        elif short := re.fullmatch("-[uR]*[ds](.*)", text or "", re.DOTALL):
            dates.append(short[1] or next(iter(texts[number + 1 :]), None))
    return [date for date in dates if date is not None]


def are_dates(text: str) -> bool:
    """Whether a text is made of words and numbers as dates have them."""
    return all(DATE_WORD.fullmatch(word) for word in text.split(" ") if word)


VALUES: Mapping[str, tuple[str, str]] = {
    "flock": ("-[a-zA-Z]*w|--wait|--timeout", r"[0-9]+(?:\.[0-9]+)?"),
    "ionice": ("-c|--class", "[0-3]|none|realtime|best-effort|idle"),
    "stdbuf": ("-[ioe]|--(?:input|output|error)", "0|L|[0-9]+[kKMGTPEZY]?B?"),
}
"""Options of programs with a value, and the values that they take."""
PRIORITIES = range(100)


def takes_values(base: str, words: Sequence[Word]) -> Truth:
    """Whether a wrapper takes the values of its options, which are not told to run the command behind them otherwise.

    `words` are those between it and the command. Not to be told for a value that is none of the usual ones, for
    `stdbuf` without any option, and for a priority of `chrt` that is too high. YES for any other wrapper.

    >>> from fleetkeeper.readers.shell.words import Part
    >>> lines = [("flock", "-w x l"), ("flock", "-nw 3 l"), ("ionice", "-c2"), ("stdbuf", "-oX"), ("chrt", "-f 200")]
    >>> [takes_values(base, [(Part("text", word),) for word in text.split()]).value for base, text in lines]
    [None, True, True, None, None]
    """
    texts = [literal_text(word) for word in words]
    if base == "stdbuf" and not any((text or "-").startswith("-") for text in texts):
        return Truth(None, "`stdbuf` runs nothing without an option")
    if base == "chrt" and any(text and NUMBER.fullmatch(text) and int(text) not in PRIORITIES for text in texts):
        return Truth(None, "`chrt` has no such priority, and runs nothing then")
    names, usual = VALUES.get(base, ("(?!)", ""))
    for number, text in enumerate(texts):
        option = re.fullmatch(f"({names})=?(.*)", text or "")
        value = (option[2] or next(iter(texts[number + 1 :]), "")) if option else None
        if value is not None and not re.fullmatch(usual, value):
            return Truth(None, f"`{base}` may not take `{(text or '')[:30]} {value[:30]}`, and runs nothing then")
    return YES


NUMBER = re.compile("[0-9]{1,6}")
LONG_OF_BASH = "--login --norc --noprofile --posix --noediting --verbose --rcfile --init-file"
OPTIONS_OF_SET = (
    "allexport braceexpand emacs errexit errtrace functrace hashall histexpand history ignoreeof interactive monitor "
    "noclobber noexec noglob nolog notify nounset onecmd physical pipefail posix privileged stdin verbose vi xtrace"
)
"""Names for `-o` of bash and of dash. Source: bash(1), dash(1)."""


def shell_options(name: str, texts: Sequence[str | None]) -> Truth:
    """Whether a shell has the options in front of its script; not to be told for one that it may lack.

    `texts` are the words behind it, None for one that is not known.

    >>> lines = ("-o errexit -c x", "-o nope -c x", "--norc -c x", "--nope -c x", "-ec x", "file --nope")
    >>> [shell_options("bash", line.split()).value for line in lines]
    [True, None, True, None, True, True]
    """
    for number, text in enumerate(texts):
        if text is None or text[:1] not in ("-", "+") or text in ("-", "--"):
            return YES
        if text.startswith("--") and (name != "bash" or text not in LONG_OF_BASH.split()):
            return Truth(None, f"`{name}` may have no option `{text[:30]}`, and runs nothing then")
        value = next(iter(texts[number + 1 :]), None) if text[1:].endswith("o") else None
        if value is not None:
            why = f"`{name}` may have no option `-o {value[:30]}`, and runs nothing then"
            return YES if value in OPTIONS_OF_SET.split() else Truth(None, why)
        if "c" in text[1:]:
            return YES
    return YES
