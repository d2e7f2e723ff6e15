"""Whether a timer of systemd starts its service, and the service its commands; and these commands as a shell text.

Source: systemd.timer(5), systemd.unit(5) on conditions and drop-ins, systemd.service(5) on command lines,
systemd.exec(5) on WorkingDirectory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.truth import YES, Truth, both, either, opposite
from fleetkeeper.readers.systemd_accounts import account_known
from fleetkeeper.readers.systemd_units import command_lines

STARTS = ("ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost")
LOST = {"masked": "masked", "not-found": "not there", "bad-setting": "broken", "error": "broken"}
PREFIXES = "-@:+!|"
AS_ROOT = "'/usr/sbin/runuser' '-u' 'root' '--' "
"""What stands for `+` before a command; every system with systemd has it."""
PIECE = r"""\"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^ \t"'\\]|\\."""
TOKEN, PIECES = re.compile(rf"(?:{PIECE})+"), re.compile(PIECE)
REFERENCE = re.compile(r"\$\$|%%|\$\{(\w+)\}|\$(\w+)|%\w", re.ASCII)
ESCAPE = re.compile(r"\\(.)")
BLANK = {"n": "\n", "t": "\t", "s": " "}
DAY = re.compile(r"next_elapse=\w+ ([0-9]{4}-[0-9]{2}-[0-9]{2}) ", re.ASCII)
CONDITION = re.compile(r"(Condition|Assert)(\w+)", re.ASCII)
FILE_TESTS = {
    "PathExists": "e",
    "PathIsDirectory": "d",
    "FileNotEmpty": "s",
    "FileIsExecutable": "x",
}


def unit_settings(service: Mapping[str, str], lines: Sequence[str]) -> list[tuple[str, str]]:
    """The settings of a service in the order in which systemd reads them: its file, then its drop-ins.

    `lines` are `PATH NAME=VALUE`, from which those of its files are taken; empty where they were not printed. An empty
    value empties its list, that of a condition all conditions.
    """
    paths = [service.get("FragmentPath", ""), *service.get("DropInPaths", "").split()]
    settings: list[tuple[str, str]] = []
    rows = [line.split(" ", 1) for line in lines if " " in line]
    for path in paths:
        for row in (row[1].partition("=") for row in rows if row[0] == path):
            name, value = row[0].strip(), row[2].strip()
            if value:
                settings.append((name, value))
                continue
            kind = CONDITION.match(name)
            emptied = {key for key, _ in settings if key == name or (kind and key.startswith(kind[1]))}
            settings = [pair for pair in settings if pair[0] not in emptied]
    return settings


def service_script(service: Mapping[str, str], lines: Sequence[str]) -> str:
    """The commands of a service as a shell text, one a line; systemd itself knows no `&&`, and no shell quotes.

    Without its files (`lines`, see `unit_settings`) that is what `systemctl show` says, in which quotes are lost.
    """
    paths = {service.get("FragmentPath", ""), *service.get("DropInPaths", "").split()}
    if not paths & {line.partition(" ")[0] for line in lines}:
        return command_lines(service.get("ExecStart", ""))
    settings = unit_settings(service, lines)
    written = [value for key in STARTS for name, value in settings if name == key]
    changed = service.get("User", "") not in ("", "root", "0")
    return "\n".join(line for value in written for line in shell_lines(value, changed=changed))


def shell_lines(written: str, *, changed: bool = False) -> Iterator[str]:
    """The commands of an ExecStart= as lines of a shell; one that may fail gets `|| true`.

    With `+` or `!` before it, a command runs as root in a service of another account (`changed`).

    >>> list(shell_lines("-/usr/bin/certbot renew --deploy-hook 'nginx -s reload' && x"))
    ["'/usr/bin/certbot' 'renew' '--deploy-hook' 'nginx -s reload' '&&' 'x' || true"]
    """
    words: list[str] = []
    for written_word in [*TOKEN.findall(written), ";"]:
        if written_word != ";":
            pieces = PIECES.findall(written_word)
            words.append("".join(piece[1:-1] if piece[0] in "\"'" else piece for piece in pieces))
        elif words:
            program = words[0].lstrip(PREFIXES)
            prefix = words[0].removesuffix(program)
            rest = [program, *words[2 if "@" in prefix else 1 :]]
            before = AS_ROOT if changed and {"+", "!"} & set(prefix) else ""
            yield before + " ".join(map(shell_word, rest)) + (" || true" if "-" in prefix else "")
            words = []


def shell_word(written: str) -> str:
    """A word of a command line of systemd, as a shell would be given it; specifiers become variables."""
    word, at = "", 0
    for match in REFERENCE.finditer(written):
        plain, reference = written[at : match.start()], match.group()
        word += quoted(plain) if plain else ""
        name = match[1] or match[2] or "SPECIFIER"
        word += quoted(reference[0]) if reference in ("$$", "%%") else f'"${{{name}}}"'
        at = match.end()
    return word + (quoted(written[at:]) if at < len(written) or not word else "")


def quoted(text: str) -> str:
    """A text in single quotes, with the escapes of systemd resolved."""
    plain = ESCAPE.sub(lambda match: BLANK.get(match[1], match[1]), text)
    return "'" + plain.replace("'", "'\\''") + "'"


def timer_starts(
    timer: Mapping[str, str], service: Mapping[str, str], lines: Sequence[str], around: Surroundings
) -> Truth:
    """Whether a timer that is active starts its service again, and that gets to its commands, on this node.

    `lines` are as in `unit_settings`. What the node must be asked about is recorded in `around`.
    """
    state = service.get("LoadState", "")
    if state in LOST:
        return Truth(False, f"its service is {LOST[state]}")
    if timer.get("SubState") == "elapsed":
        return Truth(False, "its timer has no next time")
    result = both(working_directory_there(service, around), conditions_met(service, lines, around))
    result = both(result, account_known(service))
    if timer.get("UnitFileState") == "disabled":
        result = both(result, Truth(None, "its timer is disabled, and whether the next boot starts it cannot be told"))
    if service.get("NeedDaemonReload") == "yes":
        result = both(result, Truth(None, "its unit was changed, and systemd has not read that yet (daemon-reload)"))
    if service.get("ActiveState") == "failed":
        result = both(result, Truth(None, f"its last run failed ({service.get('Result', '')[:30]})"))
    return result


def next_date(timer: Mapping[str, str]) -> str:
    """The day on which a timer is due next, as YYYY-MM-DD in the node's zone; "" where that is not known."""
    dates = DAY.findall(timer.get("TimersCalendar", ""))
    return min(dates) if dates and not timer.get("TimersMonotonic") else ""


def working_directory_there(service: Mapping[str, str], around: Surroundings) -> Truth:
    """Whether the directory is there in which the service runs; YES without one, and where it may be missing."""
    path = service.get("WorkingDirectory", "")
    if not path.startswith("/") or path == "/":
        return YES
    there = around.passes(path, "d")
    if there.value is None:
        return Truth(None, f"whether its WorkingDirectory {path[:100]} is there cannot be told")
    return YES if there.value else Truth(False, f"its WorkingDirectory {path[:100]} is not there")


def conditions_met(service: Mapping[str, str], lines: Sequence[str], around: Surroundings) -> Truth:
    """Whether the conditions of a service are met now: all of them, and one of those that begin with `|`, if any.

    Not to be told where they are, and were not when the service was last started.
    """
    result, triggers = YES, list[Truth]()
    for name, value in unit_settings(service, lines):
        if match := CONDITION.fullmatch(name):
            met = condition_met(match[2], value.lstrip("|! "), around)
            met = opposite(met) if "!" in value[:2] else met
            shown = f"{name}={value[:100]}"
            why = f"whether {shown} is met cannot be told" if met.value is None else f"{shown} is not met now"
            if value.startswith("|"):
                triggers.append(Truth(met.value, why))
            else:
                result = both(result, Truth(met.value, "" if met.value else why))
    trigger = triggers[0] if triggers else YES
    for other in triggers[1:]:
        trigger = either(trigger, other)
    result = both(result, trigger)
    if service.get("ConditionResult") == "no" and service.get("ConditionTimestamp"):
        result = both(result, Truth(None, "a condition of its unit was not met when it was last started"))
    return result


def condition_met(kind: str, value: str, around: Surroundings) -> Truth:
    """Whether one condition is met, without its `!`; not to be told for kinds that are not asked for here.

    A server is on mains power.
    """
    if kind in FILE_TESTS:
        return around.passes(value, FILE_TESTS[kind])
    answers: Mapping[str, Callable[[], Truth]] = {
        "PathIsMountPoint": lambda: around.mounted(value),
        "Host": lambda: Truth(value == around.host if around.host else None),
        "ACPower": lambda: Truth(True if value.lower() in ("true", "yes", "1", "on") else None),
    }
    return answers[kind]() if kind in answers else Truth(None)
