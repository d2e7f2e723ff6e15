"""The renewals that a shell text runs: each command of certbot in it, and what follows in the same text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.script_state import ExecutedCommand
from fleetkeeper.readers.shell.truth import YES, Truth
from fleetkeeper.readers.shell.words import Unreadable, Word, literal_text
from fleetkeeper.readers.shell.wrappers import SHELLS
from fleetkeeper.topics.certificates.certbot_options import CERTBOTS, CertbotCommand, read_certbot
from fleetkeeper.topics.certificates.facts import Reloading, Renewal
from fleetkeeper.topics.certificates.reload_commands import (
    HookFile,
    Surroundings,
    effects,
    merge,
    reloading_of,
    texts_of,
)

MENTIONS = re.compile(r"\b(certbot|letsencrypt|acme\.sh|dehydrated|lego)\b")
NAMED = re.compile(r"certbot|letsencrypt|acme|dehydrated|\blego\b|renew|ssl|\bcerts?\b")
"""Parts of the names of scripts that may renew certificates."""
NOTHING = Reloading()
NOT_KNOWN = "what its script does is not known here"


@dataclass(frozen=True)
class CertbotRun:
    """One renewing command of certbot in a script, whether the script gets to it, and what the commands behind it do.

    `repeated`: it stands in a loop. `program` is certbot as it is written, `path` the PATH and `user` the account that
    its script gives it, each "" without one.
    """

    command: CertbotCommand
    reach: Truth = YES
    behind: Reloading = NOTHING
    repeated: bool = False
    program: str = "certbot"
    path: str = ""
    user: str = ""


def certbot_runs(commands: Sequence[ExecutedCommand], around: Surroundings) -> Iterator[CertbotRun]:
    """The renewing commands of certbot among those of a script. Raises Unreadable.

    Options of certbot's own file (`around.ini`) come before those written. What else a loop does comes behind it.
    """
    for number, command in enumerate(commands):
        program, *options = map(literal_text, command.words or ((),))
        if read := read_certbot([program, *around.ini, *options]):
            others = [other for other in commands[:number] if command.repeated and other.repeated]
            behind = effects("the command behind it", [*commands[number + 1 :], *others], around)
            found = CertbotRun(read, command.reach, behind, command.repeated)
            yield replace(found, program=program or "certbot", path=command.path, user=command.user)


def renewals_in(where: str, script: str, around: Surroundings, *, loops: bool = False) -> Iterator[Renewal]:
    """The renewals of a shell text that runs in a container, beside certbot itself; `loops`: only those in a loop.

    One that is unclear where the text cannot be read and has `certbot` and `renew` in it, or runs a script whose name
    speaks of certificates and whose text is not known; else nothing where it runs no certbot that renews.
    """
    try:
        commands = executed_commands(script, around.context())
        runs = [run for run in certbot_runs(commands, around.deeper) if run.repeated or not loops]
    except Unreadable as odd:
        if "certbot" in script and "renew" in script:
            yield Renewal(where, unclear=f"its command line could not be read: {odd}")
        return
    for run in runs:
        yield renewal_of(where, run, around)
    for command in commands:
        path = called_script(command.words)
        speaks = NAMED.search(path.rpartition("/")[2].replace("_", "-")) and not is_certbot(path)
        if path and (file := around.files.get(path)) is not None:
            by_shell = command.name in SHELLS and file.trouble == "is not executable"
            yield from renewals_of_file(where, path, replace(file, trouble="") if by_shell else file, around)
        elif speaks and not runs:
            yield Renewal(where, unclear=NOT_KNOWN)


def renewals_of_file(where: str, path: str, file: HookFile, around: Surroundings) -> Iterator[Renewal]:
    """The renewals of a script in a container that a line there runs; a fault where it cannot run."""
    if file.trouble:
        yield Renewal(where, faults=(f"{path} {file.trouble}",))
    elif file.unread:
        yield Renewal(where, unclear=f"what {path} does could not be seen")
    else:
        yield from renewals_in(where, file.text, around.deeper)


def renewal_of(where: str, run: CertbotRun, around: Surroundings) -> Renewal:
    """The renewal that a command of certbot is, unclear where its script may not get to it."""
    command, reach = run.command, run.reach
    hooks = [
        reloading_of(option, text, around) if text is not None else Reloading(unclear=(f"{option} is a variable",))
        for option, text in command.hooks
    ]
    own = Reloading(here=command.installer in ("nginx", "apache"))
    unreached = (f"it is never reached: {reach.why}",) if reach.value is False else ()
    doubt = "" if reach.value is not None else reach.why or "whether its line gets to it is not known"
    return Renewal(
        where,
        reloading=merge([own, *hooks, run.behind]),
        faults=(*unreached, *command.faults, *missing_programs(command, around)),
        unclear=command.unclear or doubt,
        lineage=command.lineage,
        names=command.names,
        server=command.server,
        authenticator=command.authenticator,
        forced=command.forced,
        prepares="--pre-hook" in command.given,
        deploys=command.deploys,
        directory=command.directory,
    )


def missing_programs(command: CertbotCommand, around: Surroundings) -> Iterator[str]:
    """A fault for each hook whose program is not there: certbot looks for them first, and ends without any.

    Nothing for a program that was not looked for.
    """
    for option, program in command.needs:
        file = around.files.get(program)
        if program in around.absent or (file is not None and file.trouble in ("is not there", "is not executable")):
            trouble = file.trouble if file is not None else "is not there"
            yield f"`{program}` of {option} {trouble}, so certbot ends before it renews anything"


def called_script(words: Sequence[Word]) -> str:
    """The path of the script that a command is, or gives to a shell; "" for a program without `/` in its path."""
    name, *operands = texts_of(words) or [""]
    if name.rpartition("/")[2] in SHELLS:
        return next((text for text in operands if not text.startswith("-")), "")
    return name if "/" in name else ""


def is_certbot(path: str) -> bool:
    """Whether a path is that of certbot itself. By the name of its file."""
    return path.rpartition("/")[2] in CERTBOTS


def loop_renewals(where: str, title: str, around: Surroundings) -> Iterator[Renewal]:
    """The renewals of a process that runs for ever, from its command line with blanks between its words.

    A process without a loop is no schedule; a script about certificates is unclear.
    """
    _, shell, script = title.partition(" -c ")
    name = title.split(" ", maxsplit=1)[0].rpartition("/")[2]
    if shell and name in SHELLS:
        yield from renewals_in(where, script, around, loops=True)
    elif MENTIONS.search(title.replace("_", "-")) and name in SHELLS:
        yield Renewal(where, unclear=NOT_KNOWN)
