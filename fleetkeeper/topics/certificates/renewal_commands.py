"""The renewals that a shell text runs: each command of certbot in it, and what follows in the same text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from fleetkeeper.readers.shell.words import Unreadable, Word, literal_text
from fleetkeeper.readers.shell.wrappers import SHELLS, script_of, unwrap_command
from fleetkeeper.topics.certificates.certbot_options import CERTBOTS, CertbotCommand, read_certbot
from fleetkeeper.topics.certificates.facts import Reloading, Renewal
from fleetkeeper.topics.certificates.reload_commands import (
    Surroundings,
    command_effects,
    merge,
    reloading_of,
    steps,
)

REPEATS = re.compile(r"\b(while|until|for|watch|supercronic)\b")
MENTIONS = re.compile(r"\b(certbot|letsencrypt|acme\.sh|dehydrated|lego)\b")
NAMED = re.compile(r"certbot|letsencrypt|acme|dehydrated|\blego\b|renew|ssl|\bcerts?\b")
"""Parts of the names of scripts that may renew certificates."""
DEEPEST = 4
NOTHING = Reloading()


def renewals_in(where: str, script: str, around: Surroundings) -> Iterator[Renewal]:
    """The renewals of a shell text that runs beside certbot itself: on a node, or in a container.

    One that is `unclear` where the text cannot be read and has `certbot` and `renew` in it, or runs a script whose name
    speaks of certificates; else nothing where it runs no certbot that renews.
    """
    try:
        commands = list(certbot_commands(script, around))
    except Unreadable as odd:
        if "certbot" in script and "renew" in script:
            yield Renewal(where, unclear=f"its command line could not be read: {odd}")
        return
    for command, guarded, behind in commands:
        yield renewal_of(where, command, around, guarded, behind)
    if not commands and any(runs_other_script(step.words) for step in steps(script)):
        yield Renewal(where, unclear="what its script does is not known here")


def renewal_of(
    where: str, command: CertbotCommand, around: Surroundings, guarded: str = "", behind: Reloading = NOTHING
) -> Renewal:
    """The renewal that a command of certbot is. `behind` is what the commands after it do.

    `guarded` is why it may not be reached (`only under …`), which makes it `unclear`; empty where it is reached.
    """
    hooks = [
        reloading_of(option, text, around) if text is not None else Reloading(unclear=(f"{option} is a variable",))
        for option, text in command.hooks
    ]
    own = Reloading(here=command.installer in ("nginx", "apache"))
    return Renewal(
        where,
        reloading=merge([own, *hooks, behind]),
        faults=(*command.faults, *missing_programs(command, around)),
        unclear=command.unclear or (f"it runs {guarded}" if guarded else ""),
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


def certbot_commands(
    script: str, around: Surroundings, depth: int = 0
) -> Iterator[tuple[CertbotCommand, str, Reloading]]:
    """Each renewing command of certbot in a text, why it may not be reached, and what follows it. Raises Unreadable.

    Scripts in shells inside are followed; options of certbot's own file (`around.ini`) come before those written. The
    second is "" where it is reached.
    """
    if depth > DEEPEST:
        raise Unreadable("too many shells inside each other")
    every = list(steps(script))
    for number, step in enumerate(every):
        words, _, _ = unwrap_command(step.words)
        inner = inner_script(words)
        if inner is not None:
            yield from certbot_commands(inner, around, depth + 1)
        command = read_certbot(
            [*(literal_text(word) for word in words[:1]), *around.ini, *map(literal_text, words[1:])]
        )
        if command is not None:
            yield command, step.guarded, effects_behind([later.words for later in every[number + 1 :]], around)


def inner_script(words: Sequence[Word]) -> str | None:
    """The script that a command gives to a shell; None for any other command."""
    name = (literal_text(words[0]) or "").rpartition("/")[2] if words else ""
    return script_of(words[1:]) if name in SHELLS else None


def effects_behind(commands: Iterable[Sequence[Word]], around: Surroundings) -> Reloading:
    """What the commands behind certbot reload; what they do besides, or what is not understood, does not matter.

    Raises Unreadable for one that cannot be parsed.
    """
    found: list[Reloading] = []
    for words in commands:
        rest, _, _ = unwrap_command(words)
        name = (literal_text(rest[0]) or "").rpartition("/")[2] if rest else ""
        found += command_effects("the command behind it", name, rest, around) if rest else []
    together = merge(found)
    return Reloading(together.here, together.containers, together.vain)


def runs_other_script(words: Sequence[Word]) -> bool:
    """Whether a command is a script, or a shell with one, whose name says that it is about certificates.

    Certbot itself is none. Raises Unreadable for a command that cannot be parsed.
    """
    rest, _, _ = unwrap_command(words)
    texts = [literal_text(word) or "" for word in rest]
    name = texts[0].rpartition("/")[2] if texts else ""
    paths = texts[1:2] if name in SHELLS else texts[:1] if "/" in (texts or [""])[0] else []
    return any(NAMED.search(path.rpartition("/")[2].replace("_", "-")) and not is_certbot(path) for path in paths)


def is_certbot(path: str) -> bool:
    """Whether a path is that of certbot itself. By the name of its file."""
    return path.rpartition("/")[2] in CERTBOTS


def loop_renewals(where: str, title: str, around: Surroundings) -> Iterator[Renewal]:
    """The renewals of a process that runs for ever, from its command line with blanks between its words.

    A process without a loop is no schedule; a script about certificates is unclear. Raises Unreadable as `renewals_in`
    may.
    """
    _, shell, script = title.partition(" -c ")
    name = title.split(" ", maxsplit=1)[0].rpartition("/")[2]
    if shell and name in SHELLS:
        if REPEATS.search(script):
            yield from renewals_in(where, script, around)
    elif MENTIONS.search(title.replace("_", "-")) and name in SHELLS:
        yield Renewal(where, unclear="what its script does is not known here")
