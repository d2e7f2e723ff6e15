"""The renewals that a text scheduled on a node runs: on the node itself, in its containers, and in scripts it calls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.readers.cron.called_scripts import OF_PACKAGES, ScriptCall, script_calls, start_of
from fleetkeeper.readers.cron.faults import FAULTS, terminal
from fleetkeeper.readers.cron.loader import CRON_PATH, possible_loaders
from fleetkeeper.readers.cron.script_start import Starter, can_start, shell_of
from fleetkeeper.readers.docker.docker_exec import Execution, executions_among
from fleetkeeper.readers.docker.exec_targets import resolve_target
from fleetkeeper.readers.linear_patterns import occur_in_order
from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.script_state import Context, ExecutedCommand
from fleetkeeper.readers.shell.surroundings import MOST_OF_ROOT, Effort
from fleetkeeper.readers.shell.surroundings import Surroundings as ShellSurroundings
from fleetkeeper.readers.shell.truth import YES, Truth, both
from fleetkeeper.readers.shell.words import Part, Unreadable, Word, literal_text
from fleetkeeper.readers.shell.wrappers import INERT, SHELLS, unwrap_command
from fleetkeeper.topics.certificates.certbot_options import PLACES, read_certbot
from fleetkeeper.topics.certificates.facts import Reloading, Renewal
from fleetkeeper.topics.certificates.reload_commands import Surroundings, as_words, effects, inner_script, merge
from fleetkeeper.topics.certificates.renewal_commands import (
    NAMED,
    NOT_KNOWN,
    CertbotRun,
    certbot_runs,
    is_certbot,
    renewal_of,
)
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.transport.commands import Unobservable

CERTBOT, RENEWING, APART = re.compile(r"\bcertbot\b"), re.compile(r"\b(renew|certonly)\b"), re.compile(r"[\n|;&]")
OF_CRON = re.compile(r"/etc/cron\.(hourly|daily|weekly|monthly|yearly)/?")
PROGRAMS = ("/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/")
SETTINGS = ("/etc/default/", "/etc/sysconfig/", "/etc/environment", "/lib/lsb/")
"""Where packages have settings that their scripts read, and nothing that renews."""
DEEPEST = 2
"""Scripts that call each other that are followed."""


@dataclass(frozen=True)
class NodeSurroundings:
    """The containers of a node, and what is known of those that were looked into, by id.

    `answers` are those of the node about the paths and users in its lines, None where it was not asked. The words that
    it must still be asked are collected in `questions`. `effort` is what may still be followed of its hooks.
    """

    containers: Sequence[Container] = ()
    inside: Mapping[str, Surroundings] = field(default_factory=dict)
    answers: Answers | None = None
    questions: dict[str, None] = field(default_factory=dict)
    effort: Effort = field(default_factory=lambda: Effort(MOST_OF_ROOT), compare=False)

    def around(self, container: str) -> Surroundings:
        """The place in which hooks of a container run; nothing is known of one that was not looked into."""
        return replace(self.inside.get(container, Surroundings(effort=self.effort)), containers=self.containers)

    @property
    def on_node(self) -> Surroundings:
        """The place in which commands of the node itself run."""
        return Surroundings(containers=self.containers, effort=self.effort)

    def ask_for(self, path: str) -> None:
        """Note that the node is to be asked for the text of a script."""
        self.questions.update({f"={path}": None, f"?{path}": None})

    def was_asked_for(self, path: str) -> bool:
        """Whether the node was asked for the text of a script."""
        return self.answers is not None and f"={path}" in self.answers.asked

    def is_unseen(self, path: str) -> bool:
        """Whether there is a file at a path whose text the node did not show."""
        return self.answers is not None and path in self.answers.lines.lines.get("unseen", [])

    def is_missing(self, path: str) -> bool:
        """Whether the node says that nothing is at a path."""
        state = self.answers.paths.get(path) if self.answers else None
        return state is not None and state.missing

    def engine_of(self, user: str) -> str:
        """Where the Docker client of an account asks, where that is no engine of this node; "" for any other."""
        return self.answers.engine_of(user) if self.answers else ""

    def has_no(self, user: str) -> bool:
        """Whether the node says that there is no such user."""
        answers = self.answers
        return answers is not None and user in answers.asked and user not in answers.lines.lines.get("user", [])


@dataclass(frozen=True)
class ScriptText:
    """A shell text that is scheduled on a node, and how it is started.

    `faults` keep it from running, `reach` says whether it is started at all. `user` runs it under `search_path`;
    `others` are the users of other lines of its file, who must exist, with their lines. `around` is None where the node
    was not asked. `once`: it is started when the node starts, and not again.
    `granted`: its unit gives it the group of Docker's socket. `level` counts the scripts around it.
    """

    where: str
    text: str
    faults: tuple[str, ...] = ()
    user: str = "root"
    variables: Mapping[str, Word] = field(default_factory=dict)
    search_path: str = CRON_PATH
    around: ShellSurroundings | None = None
    reach: Truth = YES
    starter: Starter = "shell"
    others: tuple[tuple[str, int], ...] = ()
    once: bool = False
    errexit: bool = False
    granted: bool = False
    level: int = 0

    def context(self) -> Context:
        """The state of the shell in which it begins; where the node was not asked, what is usual is presumed."""
        if self.around is None:
            context = Surroundings().context()
            context.variables = dict(self.variables)
            return context
        self.around.search_path = self.search_path
        return Context(dict(self.variables), around=self.around, errexit=self.errexit)


def renewals_of_script(script: ScriptText, node: NodeSurroundings) -> Iterator[Renewal]:
    """The renewals of one shell text: in containers by `docker exec`, else on the node itself, else in its scripts.

    `unclear` where that cannot be told, or the text cannot be read; none for a text that has nothing to do with
    certificates. What the node must be asked about is added to `node.questions`.
    """
    text = "\n".join(line for line in script.text.split("\n") if not line.lstrip().startswith("#"))
    if not NAMED.search(text) and "/" not in text:
        return
    context = script.context()
    try:
        commands = executed_commands(script.text, context)
        found = [
            *renewals_in_containers(commands, script, node, context),
            *own_renewals(commands, script, node, context),
        ]
    except Unreadable as odd:
        if NAMED.search(text):
            yield Renewal(script.where, unclear=f"its command line could not be read: {odd}")
        return
    found += renewals_behind(commands, script, node, context.around)
    if found:
        users = [script.user, *(user for user, _ in script.others), *(command.user for command in commands)]
        node.questions.update(dict.fromkeys(user for user in users if user and user[0] not in "-=/?&@"))
        node.questions.update(context.around.questions)
        home = context.around.directory
        if home.startswith("/") and node.answers and "cronie" in possible_loaders(node.answers.printed):
            node.questions[f"?{home}"] = None
    yield from found
    known = all(command.name in INERT for command in commands)
    if not found and not known and occur_in_order(text, CERTBOT, RENEWING, APART):
        yield Renewal(script.where, unclear="cannot tell in which container it runs certbot")


def renewals_in_containers(
    commands: Sequence[ExecutedCommand], script: ScriptText, node: NodeSurroundings, context: Context
) -> Iterator[Renewal]:
    """The renewals that `docker exec` of certbot is, in the commands of a text. Raises Unreadable."""
    for number, run in executions_among(commands, context):
        command = commands[number]
        for inner in certbots_of(run):
            others = [other for other in commands[:number] if command.repeated and other.repeated]
            after = effects("the command behind it", [*commands[number + 1 :], *others], node.on_node)
            behind = merge([inner.behind, on_node_itself(after)])
            docker = context.around.finds(run.docker, run.path or script.search_path).value is not False
            faults = [*unfit(run), *(() if docker else (FAULTS["docker not on path"].saw,))]
            found = replace(inner, reach=both(run.reach, inner.reach), behind=behind, repeated=command.repeated)
            renewal = in_container(script.where, run, found, node)
            if not run.chosen and (place := node.engine_of(run.user or script.user)):
                doubt = f"the Docker client of {run.user or script.user} asks another engine: {place[:100]}"
                renewal = replace(renewal, unclear=renewal.unclear or doubt)
            yield started(renewal, found, [*faults, *user_faults(script, run.user, node, docker=True)], script)


def own_renewals(
    commands: Sequence[ExecutedCommand], script: ScriptText, node: NodeSurroundings, context: Context
) -> Iterator[Renewal]:
    """The renewals of certbot on the node itself, in the commands of a text. Raises Unreadable."""
    for run in certbot_runs(commands, node.on_node):
        program = run.program
        there = context.around.finds(program, run.path or script.search_path).value is not False
        faults = () if there else (f"`{program}` is not in the directories where it is looked for",)
        renewal = renewal_of(script.where, run, node.on_node)
        yield started(renewal, run, [*faults, *user_faults(script, run.user, node)], script)


def started(renewal: Renewal, run: CertbotRun, faults: Sequence[str], script: ScriptText) -> Renewal:
    """The renewal of a run, with what keeps its text from being started before its own faults."""
    begins = script.reach
    never = (f"it is never started: {begins.why}",) if begins.value is False else ()
    boot = ("it runs only when the node starts",) if script.once and not run.repeated else ()
    doubt = "" if begins.value is not None else begins.why or "whether it is started cannot be told"
    faults = (*script.faults, *never, *boot, *faults, *renewal.faults)
    return replace(renewal, faults=tuple(faults), unclear=renewal.unclear or doubt)


def user_faults(script: ScriptText, acting: str, node: NodeSurroundings, *, docker: bool = False) -> Iterator[str]:
    """The faults of the users that a line needs: its own, those of other lines of its file, and one that sudo gives it.

    `docker`: they must be allowed to talk to Docker.
    """
    if node.has_no(script.user):
        yield FAULTS["unknown user"].saw
    for user, line in script.others:
        if user != script.user and node.has_no(user):
            yield FAULTS["syntax error in file"].saw.replace("{fault_line}", str(line))
    if acting and node.has_no(acting):
        yield f"there is no user {acting[:40]} as whom it would run"
    denied = node.answers.lines.lines.get("denied", []) if node.answers else []
    if docker and (acting or script.user) in denied and (acting or not script.granted):
        yield FAULTS["docker denied"].saw.replace("{user}", acting or script.user)


def certbots_of(run: Execution) -> Iterator[CertbotRun]:
    """The renewing commands of certbot that a `docker exec` runs, with or without a shell around them.

    Each with what the commands behind it in the same shell do. Raises Unreadable.
    """
    words = unwrap_command(as_words(run.words))[0]
    script = inner_script(words)
    if script is not None:
        there = Surroundings(depth=1, effort=run.effort)
        yield from certbot_runs(executed_commands(script, there.context()), there)
    elif (command := read_certbot([literal_text(word) for word in words])) is not None:
        yield CertbotRun(command, program=literal_text(words[0]) or "certbot")


def on_node_itself(behind: Reloading) -> Reloading:
    """What commands on the node do about servers in containers: a server of the node itself is another one."""
    vain = ("the command behind it reloads a server of the node, not one in a container",) if behind.here else ()
    return replace(behind, here=False, vain=(*behind.vain, *vain))


def in_container(where: str, run: Execution, found: CertbotRun, node: NodeSurroundings) -> Renewal:
    """The renewal that a `docker exec` of certbot is, with the containers that it would enter now.

    `unclear`, without anything else, where the container that it names cannot be told; `unclear` too where certbot runs
    as another account than root.
    """
    try:
        entered = resolve_target(run.target, node.containers)
        hit = tuple(container.id for container in entered)
    except Unobservable as why:
        return Renewal(where, unclear=why.why)
    around = node.around(hit[0] if hit else "")
    with_ini = read_certbot(["certbot", *around.ini, *found.command.words]) if around.ini else None
    made = renewal_of(where, replace(found, command=with_ini or found.command), around)
    user = run.target.user or next((container.user for container in entered), "")
    plain = user.partition(":")[0] not in ("", "root", "0")
    doubt = (
        f"it runs certbot as {user[:40]}, and whether that account may write its files is not known" if plain else ""
    )
    lacking = not around.certbot and found.program in PLACES and not found.path
    faults = (*made.faults, *(("there is no certbot in the container that it enters",) if lacking else ()))
    return replace(made, containers=hit, entered=True, faults=faults, unclear=made.unclear or doubt)


def unfit(run: Execution) -> Iterator[str]:
    """The harmful faults that a `docker exec` without a terminal has, in words."""
    for fault in terminal(run):
        if not FAULTS[fault].harmless:
            yield FAULTS[fault].saw


def renewals_behind(
    commands: Sequence[ExecutedCommand], script: ScriptText, node: NodeSurroundings, around: ShellSurroundings
) -> Iterator[Renewal]:
    """The renewals in the scripts that a text calls or sources, and in the directories that it gives to run-parts.

    What was not shown is `unclear`; what is not there has that as a fault.
    """
    for command in commands:
        directory = next((literal_text(word) or "" for word in reversed(command.words)), "")
        if command.name == "run-parts" and not OF_CRON.fullmatch(directory):
            yield Renewal(script.where, unclear=f"what run-parts starts in {directory[:100]} was not seen")
        for call in script_calls(command, around):
            yield from renewals_of_call(call, script, node)
    for path in (path for path in around.sourced if not path.startswith(SETTINGS)):
        if path not in around.texts and not node.was_asked_for(path):
            node.ask_for(path)
        if node.is_unseen(path):
            yield Renewal(script.where, unclear=f"{path}, which it reads, could not be read")


def renewals_of_call(call: ScriptCall, script: ScriptText, node: NodeSurroundings) -> Iterator[Renewal]:
    """The renewals in one script that a text calls; see `renewals_behind`."""
    path = call.path
    named = NAMED.search(path.rpartition("/")[2].replace("_", "-")) and not is_certbot(path)
    foreign = call.interpreter and call.interpreter.rpartition("/")[2] not in SHELLS
    if not named and (foreign or path.startswith((*OF_PACKAGES, *PROGRAMS)) or is_certbot(path)):
        return
    file = node.answers.script(path) if node.answers and script.level < DEEPEST and not foreign else None
    if file is not None and node.answers is not None:
        around = node.answers.surroundings(call.user or script.user, call.interpreter or shell_of(file.content))
        around.script = path
        starts = can_start(file, "interpreter" if call.interpreter else script.starter, around, script.search_path)
        text = file.content.decode("utf-8", "replace")
        start = start_of("" if call.interpreter else text, call.arguments)
        around_it = {name: literal_text(value) or "" for name, value in script.variables.items() if name.isidentifier()}
        given = {**call.environment(around_it), **start.arguments}
        variables = {name: (Part("text", value),) for name, value in given.items()}
        reach = both(both(script.reach, call.reach), starts)
        behind = replace(script, text=text, around=around, reach=reach, starter="shell", level=script.level + 1)
        behind = replace(behind, user=call.user or script.user, variables=variables, errexit=start.errexit)
        yield from renewals_of_script(behind, node)
    elif script.level < DEEPEST and node.answers is not None and not foreign and not node.was_asked_for(path):
        node.ask_for(path)
        yield Renewal(script.where, unclear=f"{path} was not read")
    elif node.is_unseen(path):
        yield Renewal(script.where, unclear=f"{path} could not be read")
    elif named:
        missing = node.is_missing(path)
        yield Renewal(
            script.where,
            faults=(f"it runs {path}, which is not there",) if missing else (),
            unclear="" if missing else NOT_KNOWN,
        )
