"""docs/fleetkeeper.md and docs/remediate.md, from the commands, exit codes, steps and kinds of consent themselves."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Iterator
from typing import get_args

import click

from fleetkeeper.commands.main import CODES
from fleetkeeper.commands.main import cli as fleetkeeper
from fleetkeeper.exit_codes import MEANINGS, PRECEDENCE, Exit
from remediate.commands.main import cli as remediate
from remediate.consent import consent_rows
from remediate.render.plan_document import KEYS
from remediate.steps import AnyStep

LOOKING = """\
# fleetkeeper

`fleetkeeper` looks at servers and says what is there; no command of it changes one. What may change servers is
[`remediate`](remediate.md), and the audit itself is `pytest --hosts=NAME`.
"""
INTRODUCTION = """\
# remediate

`remediate --hosts=production` looks at the servers and shows, for each promise that does not hold, what would be done
about it; nothing is changed. `remediate --hosts=production --fix` asks, does it, and looks again with the check that
failed: only that check says "fixed".

What happens to one plan, in this order:

1. the nodes it touches are locked, for this run alone; a lock that nobody holds any more frees itself within a minute;
2. everything is looked at and proposed again, with whatever may hold the plan back (a database that lost its data, a
   failed drill, a doubt): only what was agreed to is done, and a deletion takes only files that both plans name;
3. its preconditions are asked again, and whether every disk it writes to has room and can be written;
4. for each step: the lock is confirmed, the precondition asked, the way back written to the journal, the step done;
5. the rule that failed is judged again, on a fresh look at all nodes: *fixed* means that its finding is gone, and that
   nothing about the same subject is wrong on any node that was not wrong before;
6. what did not help is taken back at once. It is not planned again while nothing has changed (`--again` does).

A plan that a person asked for (a backup, a drill, a restore, an acceptance, a rehearsal, an undo) goes the same way,
and ends as *done*, proven by the thing itself, as *not applied* with the reason, or as *failed*. A connection that is
lost after something was sent is *unknown* until looked at again. When the journal can no longer be written, the run
stops and says what was done; no exit code says that nothing was changed when something was.
"""
KEPT = """\
## Where things are kept

| what | where |
| --- | --- |
| journal: runs, plans, steps, digests, exit statuses, second looks | `journal.sqlite` in the state directory |
| state directory | `--state`, else `$FLEETKEEPER_STATE`, else `fleetkeeper` in `$XDG_STATE_HOME` (`~/.local/state`) |
| old content of files, for root only | `/var/lib/fleetkeeper/RUN/STEP/` on the node it comes from |
| lock | `/run/fleetkeeper.lock` on each node, held by a process there |

The journal never holds the content of a file, nor what a command printed unless its remedy declared it harmless; what
looks like a secret is struck out wherever it is shown. Old content on a node may be removed once nobody wants to undo
that run any more.

## For programs

`--json` prints one document on standard output and nothing else; progress and errors go to standard error. A call that
cannot be meant (exit 2) prints none. What looks like a secret is struck out, and the content of files is not in it.

DOCUMENT

"""
COMPLETION = """\
## Shell completion

bash: `eval "$(_VARIABLE_COMPLETE=bash_source PROGRAM)"`; zsh: `eval "$(_VARIABLE_COMPLETE=zsh_source PROGRAM)"`;
fish: `_VARIABLE_COMPLETE=fish_source PROGRAM | source`.
"""


def fleetkeeper_page() -> str:
    """The page about the command `fleetkeeper`."""
    commands = describe_commands("fleetkeeper", fleetkeeper)
    codes = exit_codes(CODES, "; of `fleetkeeper stack` 1 before 4")
    return join_parts([LOOKING, codes, "## Commands\n", *commands, completion_text("fleetkeeper")])


def remediate_page() -> str:
    """The page about the command `remediate`."""
    kept = KEPT.replace("DOCUMENT", "\n".join(document_keys()))
    commands = describe_commands("remediate", remediate)
    parts = [INTRODUCTION, exit_codes(tuple(MEANINGS)), consent_text(), step_list(), "## Commands\n", *commands, kept]
    return join_parts([*parts, completion_text("remediate")])


def join_parts(parts: Iterable[str]) -> str:
    return "\n".join(part.rstrip() + "\n" for part in parts)


def completion_text(program: str) -> str:
    return COMPLETION.replace("PROGRAM", program).replace("VARIABLE", program.upper())


def exit_codes(codes: Collection[Exit], but: str = "") -> str:
    """The codes with their meanings, and which counts of several; `but` says where that is otherwise."""
    order = ", ".join(str(int(code)) for code in PRECEDENCE if code in codes)
    rows = [f"| {int(code)} | {MEANINGS[code]} |" for code in codes]
    head = ["## Exit codes", "", f"With several reasons, the first of {order} counts{but}.", ""]
    return "\n".join([*head, "| code | meaning |", "| --- | --- |", *rows])


def consent_text() -> str:
    """The kinds of disturbance, and the word that allows each."""
    rows = [f"| {word} | `{option}` | {disturbs} | {nights} |" for word, option, disturbs, nights in consent_rows()]
    head = [
        "## Consent",
        "",
        "`--yes` alone covers what disturbs nothing; a reload counts as nothing. Everything else needs its own word.",
        "At a terminal, what was not allowed is asked for by kind. `--nightly` asks nobody: it may do what the last",
        "column says, and only for the rules that the inventory lists under `repairs`.",
        "",
    ]
    return "\n".join([*head, "| kind | allowed by | what it disturbs | at night |", "| --- | --- | --- | --- |", *rows])


def document_keys() -> list[str]:
    """The keys of the JSON document."""
    return ["| key | what it says |", "| --- | --- |", *(f"| `{key}` | {text} |" for key, text in KEYS.items())]


def step_list() -> str:
    """Everything that can be done to a server."""
    union = get_args(AnyStep)[0]
    rows = [f"| `{kind.__name__}` | {first_line(kind)} |" for kind in get_args(union)]
    head = ["## Steps", "", "Everything that can be done to a server is one of these.", ""]
    return "\n".join([*head, "| step | what it does |", "| --- | --- |", *rows])


def first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def describe_commands(path: str, command: click.Command) -> Iterator[str]:
    """Each command with its options, groups after their parents."""
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    text = (command.help or "").split("\b")[0].strip()
    rows = [option_row(option, context) for option in command.params]
    yield "\n".join([f"### {path}", "", f"`{usage}`", "", text, "", *option_table([match for match in rows if match])])
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from describe_commands(f"{path} {name}", below)


def option_row(option: click.Parameter, context: click.Context) -> str:
    """One option as a row; nothing for an argument, which the usage names."""
    record = option.get_help_record(context) if isinstance(option, click.Option) else None
    return f"| `{record[0]}` | {' '.join(record[1].split())} |" if record else ""


def option_table(rows: list[str]) -> list[str]:
    return ["| option | meaning |", "| --- | --- |", *rows] if rows else []
