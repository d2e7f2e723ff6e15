"""What on a node runs certbot: crontabs, directories of cron, timers. Of everything else nothing is kept.

Crontabs are read together with everything that keeps cron from running a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice, takewhile

from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.readers.cron.crontab import Job, Table, cut_at_percent, parse
from fleetkeeper.readers.cron.crontab_files import (
    body,
    directory_faults,
    file_faults,
    table_faults,
)
from fleetkeeper.readers.cron.daemon import daemon
from fleetkeeper.readers.cron.due_times import due_times, is_understood
from fleetkeeper.readers.cron.faults import FAULTS, Fault, terminal
from fleetkeeper.readers.cron.snapshot import Snapshot
from fleetkeeper.readers.docker.docker_exec import Execution, docker_executions
from fleetkeeper.readers.docker.exec_targets import resolve_target
from fleetkeeper.readers.json_documents import Json, listed, text_in
from fleetkeeper.readers.linear_patterns import occur_in_order
from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.script_state import Context
from fleetkeeper.readers.shell.truth import YES, Truth
from fleetkeeper.readers.shell.words import Part, Unreadable, Word, literal_text
from fleetkeeper.readers.systemd_units import command_lines, units
from fleetkeeper.topics.certificates.certbot_options import CertbotCommand, read_certbot
from fleetkeeper.topics.certificates.facts import Reloading, Renewal
from fleetkeeper.topics.certificates.parse import parse_sections, parse_surroundings
from fleetkeeper.topics.certificates.reload_commands import Surroundings, merge, reloading_of, steps
from fleetkeeper.topics.certificates.renewal_commands import (
    NAMED,
    REPEATS,
    certbot_commands,
    effects_behind,
    inner_script,
    loop_renewals,
    renewal_of,
    renewals_in,
)
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.transport.commands import Output, Unobservable

BLOCK = "certificates.will_renew"
CERTBOT, RENEWING, APART = re.compile(r"\bcertbot\b"), re.compile(r"\b(renew|certonly)\b"), re.compile(r"[\n|;&]")
HOOKED = re.compile(r"-hook[= ]+[\"']*([^\s\"']+)")
ASKED = re.compile(r"/[A-Za-z0-9._/-]{1,200}|[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
MOST_ASKED = 20


def renewals_on_node(printed: Snapshot, node: NodeSurroundings) -> Iterator[Renewal]:
    """Every place on the node that runs certbot, with the containers that it would enter now.

    What keeps cron or a timer from running it is in `faults`. A crontab that cannot be judged, or is larger than what
    is read, is one that is `unclear`.
    """
    uids = {name: uid for uid, _, name in (line.partition(" ") for line in printed.lines.get("uid", []))}
    for file in printed.files:
        if file.kind == "directory":
            faults = [FAULTS[fault].saw for fault in directory_faults(file, printed)]
            yield from renewals_of_script(file.path, file.content.decode("utf-8", "replace"), faults, node)
            continue
        table = parse(body(file), system=file.kind == "system")
        try:
            whole = [*file_faults(file, uids.get(file.name, "none")), *table_faults(table)]
        except Unobservable as odd:
            yield Renewal(file.path, unclear=odd.why)
            continue
        for job in table.jobs:
            faults = [fault_text(fault, table) for fault in whole]
            where, command = f"{file.path}:{job.line}", cut_at_percent(job.command)[0]
            context = node.context_of(job, file.name)
            for renewal in renewals_of_script(where, command, faults, node, context):
                yield replace(renewal, weekly=runs_in_a_week(job.times) if renewal.forced else 0)
        if table.unread:
            yield Renewal(f"{file.path}:{table.unread}", unclear="it is larger than what is read here")
    yield from renewal_timers(printed, node)


def runs_in_a_week(times: str) -> int:
    """How often an entry is due in a week, 1 to 100; 0 where that is not known."""
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    week = takewhile(lambda moment: moment <= begin + timedelta(days=7), due_times(times, begin))
    return max(1, len(list(islice(week, 100)))) if is_understood(times) else 0


def fault_text(fault: Fault, table: Table) -> str:
    """A fault in words, with the line of the crontab's first syntax error where the text names it."""
    line = str(table.problems[0].line) if table.problems else "?"
    return FAULTS[fault].saw.replace("{fault_line}", line)


def renewal_timers(printed: Snapshot, node: NodeSurroundings) -> Iterator[Renewal]:
    """The timers whose service runs certbot; one that is not active has that as a fault."""
    services = {unit["Id"]: unit for unit in units(printed.lines.get("service", [])) if "Id" in unit}
    for timer in units(printed.lines.get("timer", [])):
        script = command_lines(services.get(timer.get("Unit", ""), {}).get("ExecStart", ""))
        faults = [] if timer.get("ActiveState") == "active" else ["is not active"]
        yield from renewals_of_script(timer.get("Id", "a timer"), script, faults, node)


@dataclass(frozen=True)
class NodeSurroundings:
    """The containers of a node, and what is known of those that were looked into, by id.

    `answers` are those of the node about the paths and users in its lines, None where it was not asked. The words that
    it must still be asked are collected in `questions`.
    """

    containers: Sequence[Container] = ()
    inside: Mapping[str, Surroundings] = field(default_factory=dict)
    answers: Answers | None = None
    questions: dict[str, None] = field(default_factory=dict)

    def context_of(self, job: Job, owner: str) -> Context | None:
        """The state of the shell in which a line begins, None where nothing was asked about the node.

        `owner` is the user whose crontab it is; a line of a system table names its own. The user is added to
        `questions`.
        """
        if self.answers is None:
            return None
        user = job.user or owner
        shell, home = job.environment.get("SHELL", "/bin/sh"), job.environment.get("HOME", "")
        if user and user[0] not in "-=/?&":
            self.questions[user] = None
        return Context(around=self.answers.surroundings(user, shell, home))

    def around(self, container: str) -> Surroundings:
        """The place in which hooks of a container run; nothing is known of one that was not looked into."""
        return replace(self.inside.get(container, Surroundings()), containers=self.containers)

    @property
    def on_node(self) -> Surroundings:
        """The place in which commands of the node itself run."""
        return Surroundings(containers=self.containers)


def renewals_of_script(
    where: str, script: str, faults: Iterable[str], node: NodeSurroundings, context: Context | None = None
) -> Iterator[Renewal]:
    """The renewals of one shell text: in containers by `docker exec`, else on the node itself.

    `unclear` where neither shows, or the text cannot be read; none for a text that names nothing of certificates.
    `faults` come before those of each that is understood. With a `context`, what the node must be asked about is added
    to `node.questions`.
    """
    text = "\n".join(line for line in script.split("\n") if not line.lstrip().startswith("#"))
    if not NAMED.search(text):
        return
    try:
        runs = [(run, commands) for run in docker_executions(text, context) if (commands := list(certbots_of(run)))]
        own = list(renewals_in(where, text, node.on_node))
        here = reach_of_certbot(text, context) if own else YES
        guard = next((step.guarded for step in steps(text) if step.guarded and mentions_certbot(step.words)), "")
        behind = on_node_itself(effects_behind([step.words for step in steps(text)], node.on_node))
    except Unreadable as odd:
        yield Renewal(where, unclear=f"its command line could not be read: {odd}")
        return
    if context:
        node.questions.update(context.around.questions)
    for run, commands in runs:
        for command, guarded, inner in commands:
            known = context is not None and run.reach.value is not None
            found = (
                command,
                guarded if known or run.reach.value is False else guard or guarded,
                merge([inner, behind]),
            )
            renewal = in_container(where, run, [*faults, *unfit(run), *unreached(run.reach)], node, found)
            yield with_reach(renewal, run.reach) if context else renewal
    for renewal in own:
        yield replace(renewal, faults=(*faults, *unreached(here), *renewal.faults))
    if not runs and not own and occur_in_order(text, CERTBOT, RENEWING, APART):
        yield Renewal(where, unclear="cannot tell in which container it runs certbot")


def unreached(reach: Truth) -> Iterator[str]:
    """The fault that a command has which its line never gets to; none where it may get there."""
    if reach.value is False:
        yield f"it is never reached: {reach.why}"


def with_reach(renewal: Renewal, reach: Truth) -> Renewal:
    """The renewal, unclear where the node's answers do not say whether its line gets to it."""
    if reach.value is None and not renewal.unclear:
        return replace(renewal, unclear=reach.why or "whether its line gets to it is not known")
    return renewal


def reach_of_certbot(text: str, context: Context | None) -> Truth:
    """Whether a script gets to the certbot that it runs on the node itself. Raises Unreadable.

    Of several the first that it may get to counts; YES where none shows.
    """
    commands = executed_commands(text, context)
    reached = [command.reach for command in commands if command.name.rpartition("/")[2] in ("certbot", "certbot-auto")]
    return next((reach for reach in reached if reach.value is not False), reached[0] if reached else YES)


def mentions_certbot(words: Sequence[Word]) -> bool:
    """Whether `certbot` occurs in any plain word of a command, its program or another."""
    return any("certbot" in (literal_text(word) or "") for word in words)


def certbots_of(run: Execution) -> Iterator[tuple[CertbotCommand, str, Reloading]]:
    """The renewing commands of certbot that a `docker exec` runs, with or without a shell around them.

    Each with why it may not be reached (empty where it is), and what the commands behind it in the same shell do.
    Raises Unreadable.
    """
    words = [(Part("variable", "UNKNOWN"),) if word is None else (Part("text", word),) for word in run.words]
    if script := inner_script(words):
        yield from certbot_commands(script, Surroundings())
    elif (command := read_certbot(list(run.words))) is not None:
        yield command, "", Reloading()


def on_node_itself(behind: Reloading) -> Reloading:
    """What commands on the node do about servers in containers: a server of the node itself is another one."""
    vain = ("the command behind it reloads a server of the node, not one in a container",) if behind.here else ()
    return replace(behind, here=False, vain=(*behind.vain, *vain))


Found = tuple[CertbotCommand, str, Reloading]


def in_container(where: str, run: Execution, faults: Iterable[str], node: NodeSurroundings, found: Found) -> Renewal:
    """The renewal that a `docker exec` of certbot is, with the containers that it would enter now.

    `found` is certbot's command, why it may not be reached, and what the commands behind it do. `unclear`, without
    anything else, where the container that it names cannot be told. `faults` come before its own.
    """
    command, guarded, behind = found
    try:
        hit = tuple(container.id for container in resolve_target(run.target, node.containers))
    except Unobservable as why:
        return Renewal(where, unclear=why.why)
    around = node.around(hit[0] if hit else "")
    with_ini = read_certbot(["certbot", *around.ini, *command.words]) if around.ini else command
    made = renewal_of(where, with_ini or command, around, guarded, behind)
    return replace(made, containers=hit, faults=(*faults, *made.faults), entered=True)


def unfit(run: Execution) -> Iterator[str]:
    """The harmful faults that a `docker exec` without a terminal has, in words. Harmless ones are left out."""
    for fault in terminal(run):
        if not FAULTS[fault].harmless:
            yield FAULTS[fault].saw


def main_processes(inspected: Sequence[Json], node: NodeSurroundings) -> Iterator[Renewal]:
    """The renewals that the main processes of running containers are, from what `docker inspect` says of them.

    A container that runs certbot in a loop, beside the server and with the same files, needs no cron. Raises
    Unobservable for a field of the wrong kind.
    """
    for item in inspected:
        key, name = text_in(item, "Id"), text_in(item, "Name").lstrip("/")
        if key not in {container.id for container in node.containers if container.running}:
            continue
        for renewal in loop_renewals(f"the main process of {name}", main_title(item), node.around(key)):
            yield replace(renewal, entered=True, containers=(key,))


def main_title(inspected: Json) -> str:
    """The command line of a container's main process, with blanks between its words.

    Raises Unobservable for a field of the wrong kind.
    """
    return " ".join([text_in(inspected, "Path"), *(str(word) for word in listed(inspected, "Args"))])


def self_reloaders(inspected: Sequence[Json]) -> Iterator[str]:
    """The ids of containers whose main process is a shell loop that sleeps and reloads their server, time and again.

    Raises Unobservable for a field of the wrong kind.
    """
    for item in inspected:
        title = main_title(item)
        _, shell, script = title.partition(" -c ")
        try:
            reloads = bool(shell) and "sleep" in script and reloading_of("it", script, Surroundings()).here
        except Unreadable:
            reloads = False
        if reloads and REPEATS.search(script):
            yield text_in(item, "Id")


def node_surroundings(
    containers: Sequence[Container], printed: Mapping[str, Output], answers: Answers | None = None
) -> NodeSurroundings:
    """What is known of the places where hooks run; `printed` are the outputs of the looks into containers, by id.

    A container whose output cannot be read is left out of `inside`: nothing is known of it.
    """
    inside = {key: or_why(partial(surroundings_in, output)) for key, output in printed.items()}
    return NodeSurroundings(
        containers, {key: around for key, around in inside.items() if isinstance(around, Surroundings)}, answers
    )


def surroundings_in(output: Output) -> Surroundings:
    """The place in which hooks of a container run. Raises Unobservable where it could not be seen."""
    return parse_surroundings(parse_sections(output.text()))


def words_to_ask(printed: Snapshot, only_of_root: bool) -> list[str]:
    """The programs and files that hooks in the node's schedules name: what they are is asked in containers.

    Each once, at most 20; words with other signs than letters, digits and `._-/` are left out.
    With `only_of_root` those in the files of other users are left out: an account with `sudo: audit` would not be told
    of them, since it could name any file in a crontab of its own.
    """
    files = [file for file in printed.files if file.owner == 0 or not only_of_root]
    texts = [body(file).decode("utf-8", "replace") for file in files]
    options = [word for text in texts for line in text.split("\n") if "-hook" in line for word in HOOKED.findall(line)]
    return list(dict.fromkeys(word for word in options if ASKED.fullmatch(word)))[:MOST_ASKED]


def cron_runs(printed: Snapshot) -> bool | Unobservable:
    """Whether cron runs on the node, or why that could not be seen (returned, not raised)."""
    if "hidden" in printed.lines:
        return Unobservable("processes of other users are hidden (hidepid): whether cron runs cannot be seen")
    match = or_why(lambda: daemon(printed))
    return match if isinstance(match, Unobservable) else match is not None
