"""Whether what stands in front of a command lets it run: programs such as sudo, locks, a sleep without an end."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from fleetkeeper.readers.shell.options import option_state, option_value
from fleetkeeper.readers.shell.refused_arguments import has_options, shell_options, takes_values
from fleetkeeper.readers.shell.script_state import Context, assignments, set_positional
from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.truth import YES, Truth, both
from fleetkeeper.readers.shell.words import Word, literal_text
from fleetkeeper.readers.shell.wrappers import SHELLS, SWITCHERS, WRAPPERS, arguments_of_script, operand_of_su

JOURNAL = "/run/systemd/journal/stdout"
TOO_LONG = 86400
"""Seconds of a `sleep` after which a command in front of the next day's is as good as never run."""
LONG_IN_LOOP = 30 * 86400
"""The same in a loop, which waits for its own next turn and for nobody else's day."""


def wrappers_run(words: Sequence[Word], rest: Sequence[Word], path: str, context: Context) -> Truth:
    """Whether the programs in front of a command are there (sudo, time, chronic …), and locks are free.

    `words` are all of the line, `rest` those behind such programs. YES for what is not known. NO, with the reason, for
    one that is not installed. `path` is the PATH.
    """
    first = literal_text(rest[0]) if rest else ""
    result = shell_runs((first or "").rpartition("/")[2], rest[1:], context.around)
    if (first or "").rpartition("/")[2] in SHELLS | SWITCHERS and context.around.finds(
        first or "", path
    ).value is False:
        return Truth(False, f"`{first}` is not installed where it is looked for")
    for index, word in enumerate(words[: len(words) - len(rest)]):
        name = literal_text(word) or ""
        base = name.rpartition("/")[2]
        if base == "exec" and context.around.shell == "dash" and option_follows(words[index + 1 :]):
            return Truth(False, "dash, which is /bin/sh here, has no options of `exec`")
        result = both(result, has_options(base, words[index + 1 : len(words) - len(rest)]))
        result = both(result, takes_values(base, words[index + 1 : len(words) - len(rest)]))
        built_in = base in ("exec", "command") or (base == "time" and context.around.shell == "bash" and index == 0)
        if (
            base not in {"runuser", *WRAPPERS}
            or built_in
            or (index and literal_text(words[index - 1]) in ("-u", "-g", "-t"))
        ):
            continue
        if context.around.finds(name, path).value is False:
            result = both(result, Truth(False, f"`{base}` is not installed where it is looked for"))
        if base == "systemd-cat" and context.around.exists(JOURNAL).value is False:
            result = both(result, Truth(False, "`systemd-cat` finds no journal of systemd here"))
        if base == "flock":
            behind = words[index + 1 : len(words) - len(rest)]
            given = [literal_text(word) in ("-c", "--command") for word in words]
            behind = words[index + 1 : given.index(True, index)] if True in given[index:] and not behind[1:] else behind
            result = both(result, lock_is_free(behind, context))
        between = words[index + 1 : len(words) - len(rest)]
        if base in ("timeout", "nice", "taskset"):
            result = both(result, takes_options(base, between))
        if base == "systemd-run":
            result = both(result, runs_here_and_now(between))
        result = both(result, switches(base, between, context))
    return result


def switches(base: str, words: Sequence[Word], context: Context) -> Truth:
    """Whether sudo, doas or env goes where it is told: as another account, and into another directory.

    Root may; whether sudoers lets anybody else is not asked. `words` are those between it and the command.
    """
    around = context.around
    if around.user is not None and around.user.uid != 0 and not around.elsewhere:
        if base in ("sudo", "doas"):
            return Truth(None, f"whether `{base}` runs it for {around.account} without a password cannot be told")
        if base in ("chrt", "setpriv") or (base == "ionice" and is_realtime(words)):
            return Truth(None, f"whether {around.account} may do what `{base}` is told cannot be told")
    names = {"env": ("-C", "--chdir"), "sudo": ("-D", "--chdir")}.get(base, ())
    place = around.absolute(option_value(words, *names), context.directory) if names else ""
    if place and option_value(words, *names) and around.passes(place, "d").value is False:
        return Truth(False, f"`{base}` finds no directory `{place[:60]}`")
    return YES


def runs_here_and_now(words: Sequence[Word]) -> Truth:
    """Whether `systemd-run` with these words starts its command at once, on this node; not to be told for a timer."""
    texts = [literal_text(word) or "" for word in words]
    later = [text for text in texts if text.startswith(("--on-", "--path-", "--socket-", "--machine", "--host"))]
    later += [text for text in texts if re.match("-[MH]", text)]
    return Truth(None, f"when and where `systemd-run {later[0][:40]}` runs it is not known here") if later else YES


def option_follows(words: Sequence[Word]) -> bool:
    """Whether the first of these words is an option."""
    return bool(words) and (literal_text(words[0]) or "").startswith("-")


def is_realtime(words: Sequence[Word]) -> bool:
    """Whether `ionice` with these words asks for the class that only root gets."""
    texts = [literal_text(word) or "" for word in words]
    return "-c1" in texts or option_value(words, "-c", "--class") in ("1", "realtime")


def shell_runs(name: str, words: Sequence[Word], around: Surroundings) -> Truth:
    """Whether a shell, or `su`, runs the script that it gets with these arguments.

    Not with `-n`, with which a shell only reads it; not for a user whom `su` asks for a password, and not as an account
    that has expired or has no shell; not with an option that the shell does not have.
    """
    options = list(takewhile(lambda text: text is not None and text[:1] in "-+", map(literal_text, words)))
    letters = "".join(text or "" for text in options if (text or "")[1:2] != "-")
    if name in SWITCHERS and around.user is not None and around.user.uid != 0:
        return Truth(False, f"`{name}` runs nothing for {around.account} without a password")
    if name in SWITCHERS:
        return account_runs(name, words, around)
    if name == "sh" and around.pipefail is False and "pipefail" in map(literal_text, words[: len(options) + 1]):
        return Truth(False, "`-o pipefail` is an illegal option of /bin/sh here")
    if name == "bash" and "r" in letters:
        return Truth(None, "what a restricted shell lets its script do is not known here")
    if name in SHELLS and "n" in letters:
        return Truth(False, f"`{name}` only reads what it gets with the option `n`")
    return shell_options(name, [literal_text(word) for word in words]) if name in ("sh", "dash", "bash") else YES


def account_runs(name: str, words: Sequence[Word], around: Surroundings) -> Truth:
    """Whether `su` or `runuser` runs a script as the account among these words: its expiry, which `su` asks, its shell.

    Not to be told for a shell that is none of the usual ones.
    """
    account = operand_of_su([literal_text(word) or "" for word in words])
    user = around.users.get(account)
    if name == "su" and user is not None and user.expired:
        return Truth(False, f"`su` runs nothing as {account[:40]}: {user.expired}")
    shell = option_value(words, "-s", "--shell") or (user.shell if user is not None else "")
    base = shell.rpartition("/")[2]
    if base in ("false", "nologin", "true"):
        return Truth(False, f"`{name}` gives the command to `{base}`, which runs nothing")
    if shell.startswith("/") and around.is_program(shell) is False:
        return Truth(False, f"`{name}` finds no shell `{shell[:60]}`")
    known = not base or base in SHELLS | {"ksh", "mksh", "rbash"}
    return YES if known else Truth(None, f"what the shell `{base[:40]}` makes of a command is not known here")


def surroundings_in(name: str, words: Sequence[Word], user: str, around: Surroundings) -> Surroundings:
    """The surroundings of a script that a shell, or `su`, runs as this user ("": as before), with these words.

    The login shell of the user of `su` is not known.
    """
    kind = {"sh": around.shell, "eval": around.shell}.get(name, name)
    if name in SWITCHERS:
        kind = option_value(words, "-s", "--shell").rpartition("/")[2]
        kind = kind if kind in SHELLS - {"sh"} else around.shell if kind == "sh" else ""
    known = around.user if not user or user == around.account else around.users.get(user)
    return replace(around, shell=kind, user=known)


def inner_context(
    context: Context, words: tuple[Sequence[Word], Sequence[Word]], own: Mapping[str, Word], user: str
) -> Context:
    """The state of a shell that these words (all, and those without wrappers) start inside another as this user.

    With the options of its first words, the variables that it gets (`own` are its assignments), and `$1` and so on.
    `eval` runs in the same shell.
    """
    written, rest = words
    name = (literal_text(rest[0]) or "").rpartition("/")[2]
    if name == "eval":
        return replace(context, depth=context.depth + 1, before=None)
    options = [literal_text(word) or "" for word in rest[1:4]] if name in SHELLS else []
    inner = context.inner()
    inner.fate = replace(context.fate, traced=option_state(options, "x", "xtrace", context.fate.traced))
    inner.errexit = option_state(options, "e", "errexit", False)
    inner.nounset = option_state(options, "u", "nounset", False)
    inner.noclobber = option_state(options, "C", "noclobber", False)
    inner.variables = inherited_variables(context, written, rest, own)
    inner.unexported, inner.fixed = set(), set()
    kept = context.functions.keys() - context.unexported if (name, context.around.shell) == ("bash", "bash") else ()
    inner.functions = {function: context.functions[function] for function in kept}
    if name in SHELLS and (arguments := arguments_of_script(rest[1:])) is not None:
        set_positional(arguments[1:], inner)
    inner.user = user
    inner.around = surroundings_in(name, rest[1:], user, context.around)
    return inner


def inherited_variables(
    context: Context, written: Sequence[Word], rest: Sequence[Word], own: Mapping[str, Word]
) -> dict[str, Word]:
    """The variables that a shell gets from the one that starts it; what is not known of them is left out.

    Only exported ones, and of sudo, `su -` and `env -i` only those that they set, and PATH.
    """
    outside = {*context.unexported, *map(str, range(100)), "#", "@", "*", "?"} - {"PATH"}
    values = {**{name: value for name, value in context.variables.items() if name not in outside}, **own}
    wrappers = [literal_text(word) or "" for word in written[: len(written) - len(rest)]]
    switcher = (literal_text(rest[0]) or "").rpartition("/")[2] in SWITCHERS
    cleared = {"-", "-l", "--login"} & {literal_text(word) for word in rest[1:]} if switcher else set()
    bases = {word.rpartition("/")[2] for word in wrappers}
    if (
        cleared
        or bases & {"sudo", "doas"}
        or is_own_unit(wrappers)
        or ("env" in bases and {"-", "-i", "--ignore-environment"} & set(wrappers))
    ):
        values = {name: value for name, value in values.items() if name == "PATH"}
    if bases & {"env", "sudo"}:
        values.update(assignments(written[: len(written) - len(rest)]))
    return values


def is_own_unit(wrappers: Sequence[str]) -> bool:
    """Whether `systemd-run` among these words starts a service of its own, which gets no variables of the script."""
    return any(text.rpartition("/")[2] == "systemd-run" for text in wrappers) and "--scope" not in wrappers


def with_first_file(script: str, name: str, inner: Context) -> str:
    """The script of a shell of this name and state, behind the file that BASH_ENV makes bash read first."""
    first = literal_text(inner.variables.get("BASH_ENV", ())) if name == "bash" else ""
    return f". {shlex.quote(first)} || :\n{script}" if first else script


def lock_is_free(options: Sequence[Word], context: Context) -> Truth:
    """Whether flock gets its lock: another program may hold it now, or the file cannot be made.

    `options` are the words between flock and its command. Not to be told while it is held; YES where nothing is known.
    """
    path = literal_text(options[-1]) if options else None
    path = next((text for text in map(literal_text, reversed(options)) if text and "/" in text), path)
    place = context.around.absolute(path or "", context.directory)
    if not place or re.fullmatch("[0-9]+", path or ""):
        return YES
    if context.around.passes(place, "d").value is not True and context.around.can_write(place).value is False:
        return Truth(False, f"flock cannot open `{path}`")
    held = context.around.locked(place)
    return Truth(None, f"the lock `{path}` is held by another program now") if held.value else YES


DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+|infinity|inf)[smhd]?", re.IGNORECASE | re.ASCII)
SIGNAL = re.compile(
    r"(?:SIG)?(?:HUP|INT|QUIT|ILL|TRAP|ABRT|BUS|FPE|KILL|USR[12]|SEGV|PIPE|ALRM|TERM|CHLD|CONT|STOP|TSTP|TTIN|TTOU|URG|"
    r"XCPU|XFSZ|VTALRM|PROF|WINCH|IO|POLL|PWR|SYS|RT\S*|EXIT)|[0-9]{1,2}",
    re.IGNORECASE,
)
PRIORITY = re.compile(r"[-+]?[0-9]+")


def takes_options(base: str, words: Sequence[Word]) -> Truth:
    """Whether `timeout` takes its duration and signal, and `nice` its number: else they end without running anything.

    Not to be told for `taskset` without the first processor, which every node has. `words` are those between the
    program and its command.
    """
    if base == "taskset":
        return YES if has_first_processor(words) else Truth(None, "whether the node has these processors is not asked")
    after, signal = (attached_value(words, *names) for names in (("-k", "--kill-after"), ("-s", "--signal")))
    if base == "timeout" and ((after and not DURATION.fullmatch(after)) or (signal and not SIGNAL.fullmatch(signal))):
        return Truth(False, f"`timeout` takes no `{(after or signal)[:30]}`, and runs nothing")
    texts = [literal_text(word) for word in words]
    last = texts[-1] if texts else None
    form = DURATION if base == "timeout" else PRIORITY
    valued = base == "timeout" or "-n" in texts[-2:-1]
    if last is None or not valued or form.fullmatch(last):
        return YES
    return Truth(False, f"`{base}` takes no `{last[:30]}`, and runs nothing")


def attached_value(words: Sequence[Word], short: str, long: str) -> str:
    """The value of an option as `option_value` has it, and as `-k5`; "" without one."""
    texts = [literal_text(word) or "" for word in words]
    joined = [text[2:] for text in texts if text.startswith(short) and text[2:]]
    return option_value(words, short, long) or "".join(joined[:1])


def is_bounded(words: Sequence[Word], rest: Sequence[Word]) -> bool:
    """Whether `timeout` ends the command `rest`, which stands at the end of `words`."""
    before = [literal_text(word) or "" for word in words[: len(words) - len(rest)]]
    return any(text.rpartition("/")[2] == "timeout" for text in before)


def has_first_processor(words: Sequence[Word]) -> bool:
    """Whether the processors that `taskset` is given, as a list with `-c` or as a mask, contain the first."""
    texts = [literal_text(word) or "" for word in words]
    chosen = texts[-1] if texts else ""
    if any(re.fullmatch("-[a-z]*c[a-z]*|--cpu-list", text) for text in texts[:-1]):
        return "0" in re.split("[-,:]", chosen)
    return re.fullmatch("(?:0x)?[0-9a-f]*[13579bdf]", chosen, re.IGNORECASE) is not None


def is_too_long(words: Sequence[Word], limit: int) -> bool:
    """Whether a `sleep` with these words takes `limit` seconds or more."""
    texts = [literal_text(word) or "" for word in words]
    if any(text.lower() in ("inf", "infinity") for text in texts):
        return True
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
    matches = [re.fullmatch(r"([0-9]{1,9})([smhd]?)", text) for text in texts]
    return sum(int(match[1]) * units[match[2]] for match in matches if match) >= limit
